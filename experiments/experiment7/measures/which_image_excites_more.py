"""Which of two images a filter prefers, told from its maps or from real images."""

import functools

import numpy as np
import xarray as xr

from experiments.experiment7.measures.specimens import (
    LAST_CONVOLUTION,
    Specimen,
    make_specimen,
)
from experiments.experiment7.measures.tool_maps import PRIOR_SEED, fit_faces
from happymaps.base.sweepable import sweepable
from happymaps.base.variable_labels import label_variables

EXPLANATIONS = (
    *("real images", "HappyMaps, study", "HappyMaps, natural"),
    *("real images of another filter", "HappyMaps of another filter"),
)
MATCHERS = ("random convolutions", "network for photographs")
_SHOWN, _STEPS = 9, 100
_TENTH = 0.1  # of the images, at either end
_KERNELS, _SIDE, _POOLED = 64, 5, 3  # random convolutions, their size, and of a mean
_ENLARGED = (96, 96)  # for the network for photographs
_MEANINGS = {
    "right": ("share of pairs of which the one that excites more was named", "1"),
}


@sweepable
def measure_choices(
    *, dataset: str = "synthetic_faces", plant: str = "clean", seed: int = 0
) -> xr.Dataset:
    """Ask two fixed matchers which of two images each filter prefers.

    Of each filter of the last convolution nine explanations are given: the real images
    learned from that excite it most, in the mean over places, or HappyMaps from nine
    starts. Asked is about pairs of other people's images, one of the tenth that excite
    it most and one of the tenth that do least. A matcher takes the one that is liker
    one of the explanations. Filters that answer to nothing are left out.

    Source of the task: Borowski et al. 2021, arXiv:2010.12606, with people; a matcher
    stands in for them.

    Args:
        dataset: As in `draw_parts`.
        plant: Which flaw and dose: a name of `PLANTS`.
        seed: Of people, images and weights.

    Returns:
        `right` `(matcher, explanation, filter)`, chance .5; the second filter's for
        controls is the next that answers.

    Raises:
        ValueError: As in `make_specimen`.
    """
    specimen = make_specimen(plant, dataset, seed)
    learned, asked = specimen.learned.images, specimen.truth.images
    known, wanted = (_answers(specimen.network, part) for part in (learned, asked))
    alive = np.flatnonzero((known.std(axis=0) > 0) & (wanted.std(axis=0) > 0))
    maps = {look: _draw(specimen, look, alive) for look in ("study", "natural")}
    best = [np.argsort(-known[:, index], kind="stable")[:_SHOWN] for index in alive]
    count = max(2, round(_TENTH * len(asked)))
    order = np.argsort(wanted[:, alive], axis=0, kind="stable")
    rng = np.random.default_rng([seed, 12])
    right = np.full((len(MATCHERS), len(EXPLANATIONS), len(alive)), np.nan)
    for row, see in enumerate((_see_randomly, _see_as_photographs)):
        base = see(learned).mean(axis=0)

        def describe(images, see=see, base=base):
            """Return features of images that lie along any axes."""
            values = see(images.reshape(-1, *images.shape[-3:])) - base
            return values.reshape(*images.shape[:-3], *values.shape[1:])

        real, pairs = describe(learned), describe(asked)
        study, natural = (describe(maps[look]) for look in ("study", "natural"))
        for at in range(len(alive)):
            other = (at + 1) % len(alive)
            given = (
                real[best[at]],
                study[at],
                natural[at],
                real[best[other]],
                study[other],
            )
            strong, weak = rng.permutation(order[-count:, at]), order[:count, at]
            for column, shown in enumerate(given):
                like = _likeness(pairs, shown)
                right[row, column, at] = np.mean(like[strong] > like[weak])
    found = xr.Dataset(
        {"right": (("matcher", "explanation", "filter"), right)},
        {"matcher": list(MATCHERS), "explanation": list(EXPLANATIONS)},
    )
    return label_variables(found, _MEANINGS)


def _answers(network, images: np.ndarray) -> np.ndarray:
    """Return what each filter gives in the mean over places, which maps climb."""
    import happymaps as hm

    return hm.deep_features(network, images, LAST_CONVOLUTION, keep=False)


def _draw(specimen: Specimen, look: str, filters: np.ndarray) -> np.ndarray:
    import happymaps as hm

    maps = hm.maximize(
        specimen.network,
        [hm.channel(LAST_CONVOLUTION, int(index)) for index in filters],
        look=look,
        prior=fit_faces(specimen.audit.images.shape[1:]) if look == "natural" else None,
        seeds=_SHOWN,
        num_steps=_STEPS,
    )
    return maps.image.transpose("objective", "seed", ...).values


def _likeness(asked: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Return the largest cosine of what is asked about with what is shown, by image.

    Features with places are compared at every shift.
    """
    from happymaps.backend import tf

    norms = [
        np.sqrt(np.sum(each**2, axis=tuple(range(1, each.ndim)))) + 1e-9
        for each in (asked, shown)
    ]
    if asked.ndim == 2:
        products = asked @ shown.T
    else:
        kernels = np.moveaxis(shown, 0, -1).astype(np.float32)
        products = tf.nn.conv2d(asked.astype(np.float32), kernels, 1, "SAME").numpy()
        products = products.max(axis=(1, 2))
    return (products / norms[0][:, None] / norms[1]).max(axis=1)


def _see_randomly(images: np.ndarray) -> np.ndarray:
    """Return features with places of random convolutions, the same for all networks."""
    from happymaps.backend import tf

    rng = np.random.default_rng(PRIOR_SEED)
    kernels = rng.standard_normal((_SIDE, _SIDE, images.shape[-1], _KERNELS))
    kernels -= kernels.mean(axis=(0, 1))
    values = tf.nn.relu(tf.nn.conv2d(images, np.float32(kernels), 1, "SAME"))
    return tf.nn.avg_pool2d(values, _POOLED, _POOLED, "VALID").numpy()


def _see_as_photographs(images: np.ndarray) -> np.ndarray:
    """Return the features of EfficientNet-Lite0, which has never seen such images."""
    import happymaps as hm
    from happymaps.backend import tf

    colored = np.repeat(images, 3 // images.shape[-1], axis=-1)
    large = tf.image.resize(colored, _ENLARGED).numpy()
    return hm.deep_features(_photographer(), large, "features", keep=False)


@functools.cache
def _photographer():
    import happymaps as hm

    return hm.networks.efficientnet_lite0(_ENLARGED)
