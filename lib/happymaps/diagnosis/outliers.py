"""Images that are unlike those known: PCA as a probability, with ranks for p-values.

The model is `fit_prior`'s, a normal distribution in few directions. Its likelihoods say
who is stranger than whom. How strange an image is, only images that it was not fitted
to can tell: those that it was fitted to are all likelier than the next one.

Source: Tipping & Bishop 1999, doi:10.1111/1467-9868.00196.
"""

import hashlib
from typing import NamedTuple

import numpy as np
import pandas as pd

from happymaps.maps.prior_fitting import fit_prior
from happymaps.maps.priors import Prior

_HELD_OUT = 4  # of the known images, every fourth
_FEWEST = 20  # known images


class Outliers(NamedTuple):
    """What `find_outliers` found.

    Attributes:
        table: A row for each new image, see `find_outliers`.
        known: The same for the known images held out, each among the others; its index
            says which they are.
        prior: What known images look like.
        num_copies: New images that are among those it was fitted to.
    """

    table: pd.DataFrame
    known: pd.DataFrame
    prior: Prior
    num_copies: int


def find_outliers(
    known: np.ndarray,
    new: np.ndarray,
    *,
    num_components: int | None = None,
    seed: int = 0,
) -> Outliers:
    """Return how unlike known images new ones are.

    A fourth of the known images is held out. An image's p-value is its rank among
    them, `(1 + those that are no likelier) / (1 + held out)`: of known images a share
    of p has one of p or less. It sees what changes brightness, shape or texture; it
    cannot see what is blander than a photograph, such as blur: the mean image is the
    likeliest.

    Args:
        known: Shape `(images, *shape)`, at least 20, that differ as known ones do.
        new: The same shape, at least one.
        num_components: As in `fit_prior`.
        seed: Of the images held out, and of the fit.

    Returns:
        A table with, for each image, `p` in (0, 1]; `inside`, its distance along the
        eigenimages (a strange mixture of known things), and `residual`, that beside
        them (something new), whose sum is `-2 log p(x)` but for a constant;
        `log_likelihood` in nats; and `mostly`, which of the two is the farther above
        its median over the known images held out.

    Raises:
        ValueError: Fewer images, of other shapes, or as in `fit_prior`.
    """
    known, new = np.asarray(known), np.asarray(new)
    if len(known) < _FEWEST:
        raise ValueError(
            f"Expected at least {_FEWEST} known images. Received: {len(known)}. Bring "
            "more: what varies among them is what is let pass."
        )
    if known.shape[1:] != new.shape[1:] or len(new) == 0:
        raise ValueError(
            f"Expected new images of the known ones' shape {known.shape[1:]}. "
            f"Received: shape {new.shape}."
        )
    order = np.random.default_rng(seed).permutation(len(known))
    held_out, learned = order[::_HELD_OUT], np.delete(order, np.s_[::_HELD_OUT])
    prior = fit_prior(known[learned], num_components, seed)
    own = _describe(prior, known[held_out]).set_index(held_out)
    found = _describe(prior, new)
    likely = np.sort(own["log_likelihood"])
    parts = ["inside", "residual"]
    medians = own[parts].median()
    for table, among in ((found, 1), (own, 0)):
        # A known image held out counts itself already.
        below = np.searchsorted(likely, table["log_likelihood"], side="right")
        table.insert(0, "p", (among + below) / (among + len(likely)))
        times = table[parts] / medians
        table["mostly"] = np.where(times.inside > times.residual, *parts)
    copies = {_digest(image) for image in known[learned]}
    return Outliers(found, own, prior, sum(_digest(each) in copies for each in new))


def _describe(prior: Prior, images: np.ndarray) -> pd.DataFrame:
    inside, residual = prior.split_unlikeliness(images)
    return pd.DataFrame(
        {
            "inside": inside,
            "residual": residual,
            "log_likelihood": prior.log_likelihood(images),
        }
    )


def _digest(image: np.ndarray) -> bytes:
    return hashlib.sha256(np.ascontiguousarray(image).tobytes()).digest()
