"""Looks: one word for how maps are kept readable.

- `"study"`: pixels, climbed as keras-vis does; what `regularizers` charge.
- `"smooth"`: waves, shown to the network shifted, resized and turned a little.
- `"natural"`: eigenimages of real images, charged for what is unlike them, at the
  weight of the rule (see `happymaps.maps.unlikely_weights`). It can show only what the
  images hold: look at the map without it too.
"""

from collections.abc import Callable

import numpy as np

from happymaps.maps.maco import Maco, fade, fit_maco
from happymaps.maps.optimizers import Adam
from happymaps.maps.parameterizations import Fourier
from happymaps.maps.prior_fitting import quick_prior
from happymaps.maps.priors import Prior
from happymaps.maps.regularizers import Unlikely
from happymaps.maps.transforms import Jitter, Pad, Rotate, Scale
from happymaps.networks.checks import check_choice

__all__ = ["LOOKS", "Maco", "Prior", "fade", "fit_maco"]
LOOKS = ("study", "smooth", "natural")
_DECIDED = ("optimizer", "parameterization", "transforms", "regularizers")
_PAD_SHARE = 16  # of the shortest side, the padding and the shift
_SCALES = (0.9, 0.95, 1.0, 1.05, 1.1)
_DEGREES = 5.0


def options_of_look(
    look: str,
    prior: Prior | np.ndarray | None,
    shape: tuple[int, ...],
    options: dict,
    default: Callable,
) -> dict:
    """Return the options of `maximize` with those that a look decides.

    Args:
        look: One of `LOOKS`.
        prior: For `"natural"`, or images to fit one to.
        shape: Of the input.
        options: As given; those that are the defaults of `default` count as not given.
        default: Function whose keyword-only parameters have the defaults.

    Raises:
        ValueError: Another look; `"natural"` without images or with others than the
            network takes; or an option beside a look that decides it.
    """
    check_choice("look", look, LOOKS)
    if (prior is not None) != (look == "natural"):
        told = "none" if prior is None else f"a {type(prior).__name__}"
        raise ValueError(
            "look='natural' needs to know what images look like, and no other look "
            f"does. Received: look={look!r} and as prior {told}. Use look='natural', "
            "prior=dataset.images, or what fit_prior(images) returns."
        )
    if look == "study":
        return options
    defaults = default.__kwdefaults__
    given = [n for n in _DECIDED if n in options and options[n] != defaults.get(n)]
    if given:
        raise ValueError(
            f"look={look!r} decides {', '.join(_DECIDED)}. Received beside it: "
            f"{', '.join(given)}. Leave them out, or use look='study' and give all."
        )
    made = _smooth(shape, options.get("input_range", (0.0, 1.0)))
    if look == "natural":
        made = _natural(prior)
    return {**options, **made}


def _smooth(shape: tuple[int, ...], input_range: tuple) -> dict:
    pixels = max(1, round(min(shape[:-1], default=0) / _PAD_SHARE))
    middle = float(np.mean([np.mean(bound) for bound in input_range]))
    moves = (Pad(pixels, middle), Jitter(pixels), Scale(_SCALES))
    turns = (Rotate(_DEGREES),) if len(shape) == 3 else ()
    return {
        "optimizer": Adam(),
        "parameterization": Fourier(),
        "transforms": moves + turns if len(shape) > 1 else (),
        "regularizers": (),
    }


def _natural(prior: Prior | np.ndarray) -> dict:
    prior = prior if isinstance(prior, Prior) else quick_prior(np.asarray(prior))
    return {
        "optimizer": Adam(),
        "parameterization": prior,
        "transforms": (),
        "regularizers": (Unlikely(prior, None),),
    }
