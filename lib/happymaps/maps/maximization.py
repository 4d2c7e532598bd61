"""The maximization engine: the images that excite neurons most, or least.

All maps of a call are optimized together. Each map has its own objective, sign, start
and regularizer weights, and takes its own steps: what it shares with the others is the
passage through the network, never a number.
"""

from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr

from happymaps.backend import keras
from happymaps.maps.engine.grid import run_grid
from happymaps.maps.engine.starts import make_starts
from happymaps.maps.labels import mark_dead_on_data
from happymaps.maps.looks import options_of_look
from happymaps.maps.objectives import Objective, check_objectives
from happymaps.maps.optimizers import RmsProp
from happymaps.maps.parameterizations import Pixels
from happymaps.maps.priors import Prior
from happymaps.maps.regularizers import (
    LpNorm,
    TotalVariation,
    check_has_neighbors,
    check_regularizers,
    check_weights,
)
from happymaps.maps.scoring import SIGNS
from happymaps.maps.settings import AscentSettings
from happymaps.networks.checks import check_choice, check_images
from happymaps.networks.layers import input_shape


def maximize(
    model: keras.Model,
    objectives: Objective | Sequence[Objective],
    *,
    look: str = "study",
    prior: Prior | np.ndarray | None = None,
    regularizers: Sequence | None = None,
    seeds: int | Sequence[int] = 1,
    seed_input: np.ndarray | None = None,
    mask: np.ndarray | None = None,
    sign: str | Sequence[str] = "happy",
    activation: str = "leaky",
    input_range: tuple = (0.0, 1.0),
    num_steps: int = 200,
    learning_rate: float = 1 / 60,
    optimizer=RmsProp(),  # noqa: B008 - frozen
    parameterization=Pixels(),  # noqa: B008
    transforms: Sequence = (),
    tolerance: float | None = None,
    batch_size: int | None = None,
    reference_images: np.ndarray | None = None,
    callback: Callable | None = None,
    callback_every: int = 1,
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

    Each step descends `loss = -score + sum of weight x penalty`, by default as
    keras-vis does (`RmsProp`), and the result is kept inside `input_range`. The image
    with the lowest loss seen is returned, not the one after it. With transforms, the
    score in the loss is that of the transformed image, so that the lowest loss is a
    lucky one in part; penalties, `score_start` and `score_end` are those of the image
    itself.

    Sources: Erhan et al. 2009; Simonyan et al. 2014, arXiv:1312.6034; Olah et al. 2017,
    doi:10.23915/distill.00007; keras-vis.

    Args:
        model: A Functional or Sequential network with one input of fixed size: images
            (height, width, channels), signals (length, channels), rows of a table
            (features,) or volumes. It is not changed.
        objectives: What to climb.
        look: `"study"` is what the other options say. `"smooth"` decides optimizer,
            parameterization, transforms and regularizers: waves, moved a little in each
            step. So does `"natural"`: eigenimages of real images, with `Unlikely` at
            the weight of a rule. It shows what the images hold, and nothing else.
        prior: For `look="natural"`: what `fit_prior` returns; or images, of which
            as many are taken for it as take seconds.
        regularizers: Functions of images with `weight` and `name`. None: `LpNorm()` and
            `TotalVariation()`, or nothing for rows of a table.
        seeds: Random starts: a count (0, 1, ...) or the seeds themselves. The start is
            noise with the middle of the range as mean and 5 % of it as deviation. The
            same seed gives the same start to every objective.
        seed_input: Images to start from instead, shape `(seeds, *input shape)`.
        mask: 1 where the image may move and 0 where it stays as its start, broadcast to
            the input's shape.
        sign: `"happy"`, `"sad"`, or both as a sequence, then a dimension of the result.
        activation: `"leaky"`, `"pre"` or `"post"`.
        input_range: Lowest and highest value, a constraint throughout: two numbers, or
            two arrays that broadcast to the input's shape (a range for each feature).
        num_steps: Number of steps, >= 0.
        learning_rate: Step size as a share of the range.
        optimizer: `RmsProp`, `Adam` or `NormalizedGradient`.
        parameterization: `Pixels`, `Fourier`, a prior of `fit_prior`, or a spectrum of
            `hm.priors.fit_maco`.
        transforms: What is done to the image in each step before the network sees it:
            `Pad`, `Jitter`, `Scale`, `Rotate`, `Blur`, in this order or another.
        tolerance: A map stops where its best loss has improved by less than this share
            of itself for 20 steps; its histories go on with their last value. None: no
            map stops.
        batch_size: Maps in a batch, rounded up to a multiple of 2 or 16 where bits
            depend on it; None for as many as fit into half a gigabyte, up to 32. On a
            processor, as many batches are in memory as there are threads. It changes
            no result beyond rounding; with AVX-512, seldom by a bit.
        reference_images: Real inputs; a map is then told apart whose objective does not
            vary among them, see `happymaps.maps.labels`.
        callback: A function of step, images and scores, called at the steps 0,
            `callback_every`, 2 `callback_every`, ... of every batch, until all of its
            maps have stopped. Images and scores are data arrays with a first dimension
            `map`, whose coordinates `sign`, `objective` and `seed` say which map it is;
            the scores are those in the loss.
        callback_every: Steps between two calls, >= 1.

    Returns:
        A data set with the dimensions `objective`, `seed` (and `sign`), `step`, those
        of the input (`y`, `x`, `color`; `x`, `color`; `feature`; or `z`, `y`, `x`,
        `color`), and the variables

        - `image`: float32, the raw optimum, in `input_range`;
        - `score_start`, `score_end`: of the start and of `image`;
        - `penalty_<name>`: of `image`, unweighted; `weight_unlikely` where it is one by
          rule;
        - `accumulated_gradient`: with a spectrum of `fit_maco`, the mean over steps of
          the absolute gradient, summed over channels;
        - `best_step`: where in the history `image` was;
        - `gradient_rms`, `gradient_mean`: of the score with respect to the start;
        - `loss_history`, `score_history`: `num_steps + 1` values;
        - `stop_reason`: `"all steps"`, `"plateau"` or `"not finite"`;
        - `diagnosis`: `"ok"` or what went wrong, see `happymaps.maps.labels`.

    Raises:
        ValueError: A layer or index that the network lacks, an unsupported network, or
            an option out of its range.
    """
    shape = input_shape(model)
    chosen = {
        "optimizer": optimizer, "parameterization": parameterization,
        "transforms": transforms, "regularizers": regularizers,
        "input_range": input_range,
    }  # fmt: skip
    chosen = options_of_look(look, prior, shape, chosen, maximize)
    regularizers = chosen.pop("regularizers")
    settings = AscentSettings(
        shape, activation, num_steps=num_steps, learning_rate=learning_rate,
        batch_size=batch_size, tolerance=tolerance, mask=mask, callback=callback,
        callback_every=callback_every, **chosen,
    )  # fmt: skip
    starts = make_starts(model, settings, seeds=seeds, seed_input=seed_input)
    objectives = check_objectives(objectives)
    axes = {"sign": _as_list(sign), "objective": objectives, "seed": starts.seeds}
    regularizers = check_regularizers(regularizers, shape)
    if reference_images is not None:
        check_images(model, reference_images)
    result = run_grid(model, axes, regularizers, starts, settings)
    if reference_images is None:
        return result
    return mark_dead_on_data(result, model, objectives, reference_images)


def sweep(
    model: keras.Model,
    objectives: Objective | Sequence[Objective],
    *,
    tv_weight: Sequence[float] = (0.01,),
    lp_weight: Sequence[float] = (10.0,),
    look: str = "study",
    prior: Prior | np.ndarray | None = None,
    seeds: int | Sequence[int] = 1,
    seed_input: np.ndarray | None = None,
    sign: str | Sequence[str] = "happy",
    **options,
) -> xr.Dataset:
    """Return the maps of a whole grid of regularizer weights, solved as one batch.

    Args:
        model: As in `maximize`, like all that is not named here.
        objectives: What to climb.
        tv_weight: Weights of `TotalVariation`, each once; 0 alone for rows of a table.
        lp_weight: Weights of `LpNorm`, each once.
        look: As in `maximize`; what it charges comes on top of both weights.
        prior: As in `maximize`.
        seeds: As in `maximize`.
        seed_input: As in `maximize`.
        sign: As in `maximize`.
        **options: The options of the loop in `maximize`, from `activation` to
            `callback_every`.

    Returns:
        The data set of `maximize` with the dimensions `tv_weight` and `lp_weight`.

    Raises:
        ValueError: As in `maximize`; or a weight that is negative, not finite, or twice
            in its list.
        TypeError: An unknown option.
    """
    shape = input_shape(model)
    options = options_of_look(look, prior, shape, options, maximize)
    charged = options.pop("regularizers") if look != "study" else ()
    settings = AscentSettings(shape, **options)
    starts = make_starts(model, settings, seeds=seeds, seed_input=seed_input)
    axes = {
        "sign": _as_list(sign),
        "objective": check_objectives(objectives),
        "tv_weight": check_weights(TotalVariation, tv_weight),
        "lp_weight": check_weights(LpNorm, lp_weight),
        "seed": starts.seeds,
    }
    if any(axes["tv_weight"]):
        check_has_neighbors(TotalVariation(), settings.shape)
    regularizers = (LpNorm(), TotalVariation(), *charged)
    return run_grid(model, axes, regularizers, starts, settings)


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
