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
- `"no gradient"`: the score changes with the image, and has no slope, neither at the
  start nor at the end: steps, as of an embedding, rounding or argmax, or a layer that
  is off. What moved the image were the penalties. Remedy: look at the layer behind the
  one where the gradient ends; `gradient` names it;
- `"regularizer dominates"`: penalties were charged, and the score ended no higher than
  it started. Remedy: a smaller weight;
- `"no ascent"`: nothing was charged, and still no step raised the score. The start was
  the optimum, or the steps are too long. Remedy: a smaller `learning_rate`;
- `"dead on the data"`: all went well, but after its activation the objective has the
  same value on every reference image: it can be woken, and none of them wakes it.
"""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from happymaps.backend import keras, tf
from happymaps.base.provenance import installed_versions
from happymaps.maps.objectives import Objective
from happymaps.maps.scoring import BatchedObjectives, score_images
from happymaps.maps.settings import AscentSettings
from happymaps.networks.layers import find_layer
from happymaps.networks.outputs import is_softmax

_SATURATED = 1e-4
_NUM_OF_NOISE = 8  # images
_INNER_DIMENSIONS = {"loss_history": ("step",), "score_history": ("step",)}
INPUT_DIMENSIONS = {  # by the number of axes
    1: ("feature",),
    2: ("x", "color"),
    3: ("y", "x", "color"),
    4: ("z", "y", "x", "color"),
}


def label_maps(
    model: keras.Model,
    identity: str,
    found: dict[str, np.ndarray],
    axes: dict[str, list],
    regularizers: tuple,
    settings: AscentSettings,
) -> xr.Dataset:
    """Return the results of all points of a grid as a labeled data set.

    Args:
        model: The network.
        identity: Its fingerprint.
        found: Variables by name, first axis = points, the last of `axes` fastest.
        axes: Values of each dimension, `sign` first. A single sign becomes a scalar.
        regularizers: As used.
        settings: As used. Bounds that are arrays become the coordinates `lowest` and
            `highest`.
    """
    finite = np.isfinite(found["loss_history"]).all(axis=1)
    objectives = axes["objective"]
    lengths = [len(values) for values in axes.values()]
    which = np.indices(lengths)[list(axes).index("objective")].ravel()
    scales = np.array([_softmax_scale(model, o, settings) for o in objectives])[which]
    reasons, slopeless = [~finite, found.pop("has_stopped")], found.pop("has_no_slope")
    found = {
        **found,
        "stop_reason": np.select(reasons, ["not finite", "plateau"], "all steps"),
        "diagnosis": _diagnose(found, slopeless, finite, scales, settings.activation),
    }
    for place in np.flatnonzero(found["diagnosis"] == "dead unit"):
        if _is_stepped(model, objectives[which[place]], settings):
            found["diagnosis"][place] = "no gradient"
    coordinates = {**axes, "objective": [objective.name for objective in objectives]}
    inputs = INPUT_DIMENSIONS[len(settings.shape)]
    if np.ndim(settings.input_range[0]):
        low, high = settings.input_range
        coordinates |= {"lowest": (inputs, low), "highest": (inputs, high)}
    inner = {**_INNER_DIMENSIONS, "image": inputs, "accumulated_gradient": inputs[:-1]}
    variables = {
        name: (
            (*axes, *inner.get(name, ())),
            values.reshape(*lengths, *values.shape[1:]),
        )
        for name, values in found.items()
    }
    result = xr.Dataset(
        variables, coordinates, _attributes(identity, regularizers, settings)
    )
    return result.isel(sign=0) if len(axes["sign"]) == 1 else result


def label_points(
    axes: dict[str, list], points: np.ndarray, images: np.ndarray, scores: np.ndarray
) -> tuple[xr.DataArray, xr.DataArray]:
    """Return images and scores of some points of a grid, labeled along `map`.

    Args:
        axes: As in `label_maps`.
        points: Their positions in the grid, the last of `axes` fastest.
        images: Shape (points, *input shape).
        scores: Shape (points,).
    """
    places = np.unravel_index(points, [len(values) for values in axes.values()])
    labels = {**axes, "objective": [objective.name for objective in axes["objective"]]}
    coordinates = {
        name: ("map", np.take(labels[name], place))
        for name, place in zip(axes, places, strict=True)
    }
    dimensions = ("map", *INPUT_DIMENSIONS[images.ndim - 1])
    return (
        xr.DataArray(images, coordinates, dimensions, "image"),
        xr.DataArray(scores, coordinates, ("map",), "score"),
    )


def mark_dead_on_data(
    maps: xr.Dataset,
    model: keras.Model,
    objectives: Sequence[Objective],
    images: np.ndarray,
) -> xr.Dataset:
    """Return maps with the diagnosis `"dead on the data"` where it was `"ok"`.

    Args:
        maps: With the dimension `objective`, in the order of `objectives`.
        model: The network.
        objectives: Those of the maps.
        images: Shape (images, *input shape).

    Raises:
        ValueError: Fewer than two images, or of another shape than the input.
    """
    if len(images) < 2:
        raise ValueError(
            "Expected at least two reference images, to see whether an objective "
            f"varies among them. Received: {len(images)}."
        )
    scores = score_images(model, objectives, images, activation="post")
    dead = xr.DataArray(np.ptp(scores.values, axis=1) == 0, dims="objective")
    said = maps.diagnosis.where(~(dead & (maps.diagnosis == "ok")), "dead on the data")
    return maps.assign(diagnosis=said.transpose(*maps.diagnosis.dims).astype(str))


def _diagnose(found, slopeless, finite, scales, activation: str) -> np.ndarray:
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
            slopeless,
            not_raised & charged,
            not_raised,
        ],
        [
            "not finite",
            "saturated softmax",
            "zero gradient at the start",
            "dead unit",
            "no gradient",
            "regularizer dominates",
            "no ascent",
        ],
        "ok",
    )


def _is_stepped(
    model: keras.Model, objective: Objective, settings: AscentSettings
) -> bool:
    """Return whether an objective differs among images of noise, without a slope."""
    shape, (low, high) = (_NUM_OF_NOISE, *settings.shape), settings.input_range
    images = np.random.default_rng(0).uniform(low, high, shape).astype(np.float32)
    scores = score_images(model, objective, images, activation=settings.activation)
    if not np.ptp(scores.values):
        return False
    batched = BatchedObjectives(model, [objective], settings.activation, plain=True)
    rows = batched.rows(np.zeros(_NUM_OF_NOISE, int))
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        given = tf.constant(images)
        tape.watch(given)
        score = batched.score(given, rows, tf.ones(_NUM_OF_NOISE))
    return not np.any(tape.gradient(score, given, unconnected_gradients="zero"))


def _softmax_scale(
    model: keras.Model, objective: Objective, settings: AscentSettings
) -> float:
    """Return how many times a probability the score is; NaN where it is none."""
    weight, term = objective.terms[0]
    single = len(objective.terms) == 1 and term.index is not None and weight != 0
    if settings.activation != "post" or not single or term.kind == "logit":
        return np.nan
    layer = find_layer(model, term.layer)
    return abs(weight) if is_softmax(layer) else np.nan


def _attributes(identity: str, regularizers: tuple, settings: AscentSettings) -> dict:
    low, high = map(np.asarray, settings.input_range)
    return {
        "model": identity,
        "activation": settings.activation,
        "input_range": [float(low.min()), float(high.max())],
        "num_steps": settings.num_steps,
        "learning_rate": settings.learning_rate,
        "optimizer": repr(settings.optimizer),
        "parameterization": repr(settings.parameterization),
        "transforms": [repr(transform) for transform in settings.transforms],
        "regularizers": [repr(regularizer) for regularizer in regularizers],
        "versions": [f"{name} {v}" for name, v in installed_versions().items()],
    }
