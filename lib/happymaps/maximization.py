"""The maximization engine: the images that excite neurons most, or least.

All maps of a call are optimized together. Each map has its own objective, sign, start
and regularizer weights, and takes its own steps: what it shares with the others is the
passage through the network, never a number.
"""

import numbers
from collections.abc import Sequence

import numpy as np
import xarray as xr

from happymaps.ascent import Ascent, AscentSettings
from happymaps.backend import keras, tf
from happymaps.checks import check_choice, check_images
from happymaps.layers import input_shape
from happymaps.map_labels import label_maps
from happymaps.objectives import Objective, check_objectives
from happymaps.progress import progress_bar
from happymaps.regularizers import LpNorm, TotalVariation
from happymaps.scoring import SIGNS, BatchedObjectives, group_by_layers

_START_SPREAD = 0.05  # standard deviation of a start, as a share of the range

# Matrix products of fewer rows, or of many more, round differently, and 200 steps
# make two pictures of that: whole multiples of 16 maps up to 64 were seen to give the
# same bits, whatever else is in the batch.
_BATCH_MULTIPLE = 16


def maximize(
    model: keras.Model,
    objectives: Objective | Sequence[Objective],
    *,
    regularizers: Sequence = (LpNorm(), TotalVariation()),
    seeds: int | Sequence[int] = 1,
    seed_input: np.ndarray | None = None,
    sign: str | Sequence[str] = "happy",
    activation: str = "leaky",
    input_range: tuple[float, float] = (0.0, 1.0),
    num_steps: int = 200,
    learning_rate: float = 1 / 60,
    batch_size: int = 32,
) -> xr.Dataset:
    """Return the images that maximize objectives (HappyMaps) or minimize (SadMaps).

    With z the pre-activation and s = +1 (happy) or -1 (sad), the score of an objective
    is, by `activation`:

    - `"leaky"`: the mean over positions of `leaky_relu(s z, 0.01)` for a channel, s z
      for a unit, a logit or a neuron. A unit that is off at the start still has a slope
      to climb, and a filter's optimum is a pattern, not a flat picture.
    - `"pre"`: s z, averaged. For a first-layer filter this is linear in the image.
    - `"post"`: s times the layer's output, as keras-vis has it. A unit that is off at
      the start never moves.

    Each step descends `loss = -score + sum of weight x penalty`: the gradient is
    divided by its root mean square over the image, then by the root of its running mean
    square (decay 0.95, as in keras-vis), and the result is kept inside `input_range`.
    The image with the lowest loss seen is returned, not the one after it.

    Sources: Erhan et al. 2009; Simonyan et al. 2014, arXiv:1312.6034; keras-vis.

    Args:
        model: A Functional or Sequential network with one image input of fixed size and
            1 or 3 channels. It is not changed.
        objectives: What to climb.
        regularizers: Functions of images with `weight` and `name`.
        seeds: Random starts: a count (0, 1, ...) or the seeds themselves. The start is
            noise with the middle of the range as mean and 5 % of it as deviation. The
            same seed gives the same start to every objective.
        seed_input: Images to start from instead, shape `(seeds, h, w, channels)`.
        sign: `"happy"`, `"sad"`, or both as a sequence, then a dimension of the result.
        activation: `"leaky"`, `"pre"` or `"post"`.
        input_range: Lowest and highest pixel value, a constraint throughout.
        num_steps: Number of steps, >= 0.
        learning_rate: Step size as a share of the range.
        batch_size: Maps in memory at once, rounded up to a multiple of 16. Up to 64 it
            does not change the result by a bit.

    Returns:
        A data set with the dimensions `objective`, `seed` (and `sign`), `y`, `x`,
        `color`, `step`, and the variables

        - `image`: float32, the raw optimum, in `input_range`;
        - `score_start`, `score_end`: of the start and of `image`;
        - `penalty_<name>`: of `image`, unweighted;
        - `best_step`: where in the history `image` was;
        - `gradient_rms`, `gradient_mean`: of the score with respect to the start;
        - `loss_history`, `score_history`: `num_steps + 1` values;
        - `stop_reason`: `"all steps"` or `"not finite"`;
        - `diagnosis`: `"ok"` or what went wrong, see `happymaps.map_labels`.

    Raises:
        ValueError: A layer or index that the network lacks, an unsupported network, or
            an option out of its range.
    """
    settings = AscentSettings(
        activation, input_range, num_steps, learning_rate, batch_size
    )
    starts = _starts(model, seeds, seed_input, settings.input_range)
    axes = {"sign": _as_list(sign), "objective": check_objectives(objectives)}
    return _solve(model, _check_regularizers(regularizers), axes, starts, settings)


def sweep(
    model: keras.Model,
    objectives: Objective | Sequence[Objective],
    *,
    tv_weight: Sequence[float] = (0.01,),
    lp_weight: Sequence[float] = (10.0,),
    seeds: int | Sequence[int] = 1,
    sign: str | Sequence[str] = "happy",
    activation: str = "leaky",
    input_range: tuple[float, float] = (0.0, 1.0),
    num_steps: int = 200,
    learning_rate: float = 1 / 60,
    batch_size: int = 32,
) -> xr.Dataset:
    """Return the maps of a whole grid of regularizer weights, solved as one batch.

    Args:
        model: As in `maximize`, like all that is not named here.
        objectives: What to climb.
        tv_weight: Weights of `TotalVariation`, each once.
        lp_weight: Weights of `LpNorm`, each once.
        seeds: As in `maximize`.
        sign: As in `maximize`.
        activation: As in `maximize`.
        input_range: As in `maximize`.
        num_steps: As in `maximize`.
        learning_rate: As in `maximize`.
        batch_size: As in `maximize`.

    Returns:
        The data set of `maximize` with the dimensions `tv_weight` and `lp_weight`.

    Raises:
        ValueError: As in `maximize`; or a weight that is negative, not finite, or twice
            in its list.
    """
    settings = AscentSettings(
        activation, input_range, num_steps, learning_rate, batch_size
    )
    starts = _starts(model, seeds, None, settings.input_range)
    axes = {
        "sign": _as_list(sign),
        "objective": check_objectives(objectives),
        "tv_weight": _weights(TotalVariation, tv_weight),
        "lp_weight": _weights(LpNorm, lp_weight),
    }
    return _solve(model, (LpNorm(), TotalVariation()), axes, starts, settings)


def start_images(
    seeds: Sequence[int],
    shape: tuple[int, int, int],
    input_range: tuple[float, float] = (0.0, 1.0),
) -> np.ndarray:
    """Return the random starts of seeds, float32 of shape `(seeds, *shape)`.

    Each is uniform noise, shifted and scaled to have exactly the middle of the range as
    mean and 5 % of the range as standard deviation, as in keras-vis.
    """
    low, high = input_range
    images = np.stack([np.random.default_rng(seed).random(shape) for seed in seeds])
    images -= images.mean(axis=(1, 2, 3), keepdims=True)
    images /= images.std(axis=(1, 2, 3), keepdims=True)
    middle = (low + high) / 2
    return (middle + images * _START_SPREAD * (high - low)).astype(np.float32)


def _as_list(sign: str | Sequence[str]) -> list[str]:
    signs = [sign] if isinstance(sign, str) else list(sign)
    for name in signs:
        check_choice("sign", name, SIGNS)
    if not signs or len(set(signs)) < len(signs):
        raise ValueError(
            f"Expected at least one sign, each once. Received: {signs}. Use 'happy', "
            "'sad' or ('happy', 'sad')."
        )
    return signs


def _check_regularizers(regularizers: Sequence) -> tuple:
    found = tuple(regularizers) if isinstance(regularizers, Sequence) else None
    if found is None or not all(map(_is_regularizer, found)):
        raise ValueError(
            "Expected a sequence of regularizers, functions of images with a weight "
            f"and a name. Received: {regularizers!r}. Use [LpNorm(weight=10.0), "
            "TotalVariation(weight=0.01)], or () for none."
        )
    names = [regularizer.name for regularizer in found]
    if len(set(names)) < len(names):
        raise ValueError(
            f"Expected each regularizer's name once. Received: {names}. Give one of "
            "them a name of its own, in a subclass."
        )
    return found


def _is_regularizer(value) -> bool:
    named = hasattr(value, "weight") and hasattr(value, "name")
    return named and callable(value) and not isinstance(value, type)


def _weights(kind: type, weights: Sequence[float]) -> list[float]:
    values = [kind(weight=weight).weight for weight in weights]
    if len(set(values)) < max(1, len(values)):
        raise ValueError(
            f"Expected at least one weight of {kind.__name__}, each once. Received: "
            f"{values}."
        )
    return values


def _starts(model, seeds, seed_input, input_range) -> tuple[list[int], np.ndarray]:
    shape = input_shape(model)
    if seed_input is not None:
        check_images(model, seed_input)
        if not len(seed_input):
            raise ValueError(
                "seed_input must hold at least one image. Received: none. Leave it out "
                "to start from noise."
            )
        starts = np.clip(np.asarray(seed_input, np.float32), *input_range)
        return list(range(len(starts))), starts
    listed = list(range(seeds) if isinstance(seeds, numbers.Integral) else seeds)
    whole = all(isinstance(seed, numbers.Integral) and seed >= 0 for seed in listed)
    if not listed or not whole or len(set(listed)) < len(listed):
        raise ValueError(
            "seeds must be a count >= 1 or different whole numbers >= 0. Received: "
            f"{seeds!r}."
        )
    listed = [int(seed) for seed in listed]
    return listed, start_images(listed, shape, input_range)


def _solve(model, regularizers, axes, starts, settings) -> xr.Dataset:
    """Optimize every point of the grid that the axes span."""
    seeds, images = starts
    axes = {**axes, "seed": seeds}
    grid = np.indices([len(values) for values in axes.values()])
    points = {name: index.ravel() for name, index in zip(axes, grid, strict=True)}
    signs = np.array([SIGNS[name] for name in axes["sign"]], np.float32)
    weights = [
        np.take(axes[f"{r.name}_weight"], points[f"{r.name}_weight"])
        if f"{r.name}_weight" in axes
        else np.full(len(points["seed"]), r.weight)
        for r in regularizers
    ]
    inputs = (
        images[points["seed"]],
        signs[points["sign"]],
        np.array(weights, np.float32).reshape(len(weights), len(points["seed"])).T,
    )
    found = _optimize(
        model, axes["objective"], points["objective"], regularizers, inputs, settings
    )
    return label_maps(model, found, axes, regularizers, settings)


def _optimize(
    model, objectives, chosen, regularizers, inputs, settings
) -> dict[str, np.ndarray]:
    """Run all maps, group by group and batch by batch, and collect what they gave."""
    found = {}
    size = -(-settings.batch_size // _BATCH_MULTIPLE) * _BATCH_MULTIPLE
    total = len(chosen) * (settings.num_steps + 1)
    with progress_bar(total, f"{len(chosen)} maps", "step") as bar:
        for group in group_by_layers(objectives):
            batched = BatchedObjectives(
                model, [objectives[i] for i in group], settings.activation
            )
            ascent = Ascent(batched, regularizers, settings)
            members = np.flatnonzero(np.isin(chosen, group))
            for part in np.split(members, range(size, len(members), size)):
                results = _run_batch(ascent, batched, part, group, chosen, inputs, bar)
                for name, values in results.items():
                    shape = (len(chosen), *values.shape[1:])
                    found.setdefault(name, np.empty(shape, values.dtype))
                    found[name][part] = values
    return found


def _run_batch(ascent, batched, part, group, chosen, inputs, bar) -> dict:
    starts, signs, weights = inputs
    missing = -len(part) % _BATCH_MULTIPLE
    padded = np.concatenate([part, np.repeat(part[-1:], missing)])
    results = ascent.run(
        tf.constant(starts[padded]),
        batched.rows(np.searchsorted(group, chosen[padded])),
        tf.constant(signs[padded]),
        tf.constant(weights[padded]),
        lambda count: bar.update(count * len(part)),
    )
    return {name: values[: len(part)] for name, values in results.items()}
