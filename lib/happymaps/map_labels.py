"""From bare arrays to labeled maps that say what they are and what went wrong.

The `diagnosis` of a map is one of

- `"ok"`;
- `"not finite"`: NaN or infinity turned up in the score;
- `"saturated softmax"`: a probability within 1e-4 of 0 or 1 at the start leaves a slope
  too small to be trusted. Remedy: `activation="leaky"`, which climbs the logit;
- `"zero gradient at the start"`: under `activation="post"` the unit is off at the start
  and cannot move. Remedy: `activation="leaky"`;
- `"dead unit"`: not even the pre-activation depends on the image: no gradient at the
  start, and the same score at every step;
- `"regularizer dominates"`: penalties were charged, and the score ended no higher than
  it started. Remedy: a smaller weight;
- `"no ascent"`: nothing was charged, and still no step raised the score. The start was
  the optimum, or the steps are too long. Remedy: a smaller `learning_rate`.
"""

import numpy as np
import xarray as xr

from happymaps.ascent import AscentSettings
from happymaps.backend import keras
from happymaps.layers import find_layer
from happymaps.models import fingerprint
from happymaps.objectives import Objective
from happymaps.provenance import installed_versions

_SATURATED = 1e-4
_INNER_DIMENSIONS = {
    "image": ("y", "x", "color"),
    "loss_history": ("step",),
    "score_history": ("step",),
}


def label_maps(
    model: keras.Model,
    found: dict[str, np.ndarray],
    axes: dict[str, list],
    regularizers: tuple,
    settings: AscentSettings,
) -> xr.Dataset:
    """Return the results of all points of a grid as a labeled data set.

    Args:
        model: The network.
        found: Variables by name, first axis = points, the last of `axes` fastest.
        axes: Values of each dimension, `sign` first. A single sign becomes a scalar.
        regularizers: As used.
        settings: As used.
    """
    finite = np.isfinite(found["loss_history"]).all(axis=1)
    objectives = axes["objective"]
    lengths = [len(values) for values in axes.values()]
    which = np.indices(lengths)[list(axes).index("objective")].ravel()
    scales = np.array([_softmax_scale(model, o, settings) for o in objectives])[which]
    found = {
        **found,
        "stop_reason": np.where(finite, "all steps", "not finite"),
        "diagnosis": _diagnose(found, finite, scales, settings.activation),
    }
    coordinates = {**axes, "objective": [objective.name for objective in objectives]}
    variables = {
        name: (
            (*axes, *_INNER_DIMENSIONS.get(name, ())),
            values.reshape(*lengths, *values.shape[1:]),
        )
        for name, values in found.items()
    }
    result = xr.Dataset(
        variables, coordinates, _attributes(model, regularizers, settings)
    )
    return result.isel(sign=0) if len(axes["sign"]) == 1 else result


def _diagnose(found, finite, scales, activation: str) -> np.ndarray:
    scores, loss = found["score_history"], found["loss_history"]
    still = (found["gradient_rms"] == 0) & (scores == scores[:, :1]).all(axis=1)
    with np.errstate(invalid="ignore"):
        probability = np.abs(found["score_start"]) / scales  # NaN: no probability
        charged = (loss + scores).max(axis=1) > 0  # inf - inf: said to be not finite
    extreme = np.minimum(probability, 1 - probability) < _SATURATED
    not_raised = (found["score_end"] <= found["score_start"]) & (scores.shape[1] > 1)
    return np.select(
        [
            ~finite,
            extreme,
            still & (activation == "post"),
            still,
            not_raised & charged,
            not_raised,
        ],
        [
            "not finite",
            "saturated softmax",
            "zero gradient at the start",
            "dead unit",
            "regularizer dominates",
            "no ascent",
        ],
        "ok",
    )


def _softmax_scale(
    model: keras.Model, objective: Objective, settings: AscentSettings
) -> float:
    """Return how many times a probability the score is; NaN where it is none."""
    weight, term = objective.terms[0]
    single = len(objective.terms) == 1 and term.index is not None and weight != 0
    if settings.activation != "post" or not single:
        return np.nan
    layer = find_layer(model, term.layer)
    activation = getattr(layer, "activation", None)
    is_softmax = isinstance(layer, keras.layers.Softmax)
    is_softmax = is_softmax or activation is keras.activations.softmax
    return abs(weight) if is_softmax else np.nan


def _attributes(model, regularizers: tuple, settings: AscentSettings) -> dict:
    return {
        "model": fingerprint(model),
        "activation": settings.activation,
        "input_range": list(settings.input_range),
        "num_steps": settings.num_steps,
        "learning_rate": settings.learning_rate,
        "regularizers": [repr(regularizer) for regularizer in regularizers],
        "versions": [f"{name} {v}" for name, v in installed_versions().items()],
    }
