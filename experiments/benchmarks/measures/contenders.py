"""Those who make maps, with the work of one round: keras-vis, tf-keras-vis, ourselves.

All climb the same objective on the same network for the same number of steps, from
noise of the same mean and deviation. What differs is how many maps a call makes: all of
a layer and its sweep (`happymaps`), a batch (`tf-keras-vis`), one (`keras-vis`).
"""

import itertools
from collections.abc import Callable, Sequence

import numpy as np

from experiments.benchmarks.measures.original_keras_vis import (
    ActivationResult,
    OriginalKerasVis,
)
from experiments.benchmarks.measures.settings import BenchmarkSettings
from experiments.benchmarks.measures.tf_keras_vis_runner import TfKerasVis
from experiments.benchmarks.measures.timing import OURS, Timing, measure
from happymaps.backend import keras
from happymaps.maps.maximization import maximize, sweep
from happymaps.maps.objectives import Objective, Term
from happymaps.maps.regularizers import LpNorm, TotalVariation
from happymaps.maps.scoring import layer_objectives
from happymaps.networks.layers import input_shape

KERAS_VIS = "keras-vis"
TF_KERAS_VIS = "tf-keras-vis"
FIRST_CALL = f"{OURS}, first call"
LP_WEIGHT = 10.0
TV_WEIGHT = 0.01
INPUT_RANGE = (0.0, 1.0)

Runs = dict[str, Callable[[], Timing]]


def noise(model: keras.Model, maps: int, *, seed: int = 0) -> np.ndarray:
    """Return starts for a network, float32 `(maps, height, width, channels)`.

    Noise of mean 0.5 and deviation 0.05, as `maximize` and keras-vis draw it.
    """
    shape = (maps, *input_shape(model))
    values = np.random.default_rng(seed).standard_normal(shape)
    return (0.5 + 0.05 * values).astype(np.float32)


def whole_layer_runs(
    model: keras.Model,
    original: OriginalKerasVis,
    layer: str,
    settings: BenchmarkSettings,
) -> Runs:
    """Return the contenders for a layer's channels times the weights of a sweep.

    Args:
        model: The network; keras-vis has loaded it.
        original: keras-vis, running.
        layer: Name of a convolution or dense layer.
        settings: Channels, weights, steps and the calls of the peers.
    """
    objectives = layer_objectives(model, layer, count=settings.channels)
    jobs = list(itertools.product(objectives, settings.tv_weights))
    count = settings.keras_vis_calls
    chosen = [jobs[index * len(jobs) // count] for index in range(count)]
    steps = settings.num_steps

    def our_sweep(objectives: Sequence[Objective], weights: Sequence[float]) -> Timing:
        return measure(
            lambda: sweep(
                model,
                objectives,
                tv_weight=weights,
                lp_weight=(LP_WEIGHT,),
                num_steps=steps,
                activation=settings.activation,
            ),
            len(objectives) * len(weights),
            steps,
        )

    our_sweep(objectives[:1], settings.tv_weights[:1])  # what is done only once
    return {
        KERAS_VIS: lambda: _run_keras_vis(model, original, chosen, steps),
        TF_KERAS_VIS: _best_batch(model, layer, objectives, settings),
        OURS: lambda: our_sweep(objectives, settings.tv_weights),
    }


def single_map_runs(
    model: keras.Model,
    original: OriginalKerasVis,
    layer: str,
    settings: BenchmarkSettings,
) -> Runs:
    """Return the contenders for one map of one channel, and our first call besides.

    Args:
        model: The network; keras-vis has loaded it.
        original: keras-vis, running.
        layer: Name of a convolution or dense layer.
        settings: Steps.
    """
    objective = layer_objectives(model, layer, count=1)[0]
    steps = settings.num_steps

    def ours(network: keras.Model) -> Timing:
        return run_maximize(
            network, [objective], num_steps=steps, activation=settings.activation
        )

    ours(model)
    return {
        KERAS_VIS: lambda: _run_keras_vis(
            model, original, [(objective, TV_WEIGHT)], steps
        ),
        TF_KERAS_VIS: _batch(model, layer, [objective], settings.tf_keras_vis_steps),
        OURS: lambda: ours(model),
        # A network that was never seen has everything to be set up for it.
        FIRST_CALL: lambda: ours(_twin(model)),
    }


def _twin(model: keras.Model) -> keras.Model:
    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    return twin


def run_maximize(
    model: keras.Model,
    objectives: Sequence[Objective],
    *,
    num_steps: int,
    activation: str,
) -> Timing:
    """Return the time of one call of `maximize`, with the weights of the peers."""
    regularizers = (LpNorm(LP_WEIGHT), TotalVariation(TV_WEIGHT))
    return measure(
        lambda: maximize(
            model,
            objectives,
            regularizers=regularizers,
            num_steps=num_steps,
            activation=activation,
        ),
        len(objectives),
        num_steps,
    )


def only_term(objective: Objective) -> Term:
    """Return the term of an objective that has one: its layer and its index."""
    ((_, term),) = objective.terms
    return term


def keras_vis_map(
    original: OriginalKerasVis,
    objective: Objective,
    start: np.ndarray,
    steps: int,
    *,
    tv_weight: float = TV_WEIGHT,
) -> ActivationResult:
    """Return what keras-vis makes of a start, with the other weights of the peers."""
    term = only_term(objective)
    return original.activation(
        term.layer,
        term.index,
        start,
        max_iter=steps,
        tv_weight=tv_weight,
        lp_weight=LP_WEIGHT,
        input_range=INPUT_RANGE,
    )


def _run_keras_vis(
    model: keras.Model,
    original: OriginalKerasVis,
    jobs: Sequence[tuple[Objective, float]],
    steps: int,
) -> Timing:
    # Timed where it runs: what passes between the processes is not its time.
    seconds = [
        keras_vis_map(original, objective, start, steps, tv_weight=weight).seconds
        for (objective, weight), start in zip(
            jobs, noise(model, len(jobs)), strict=True
        )
    ]
    return Timing(len(jobs), steps, sum(seconds))


def _best_batch(
    model: keras.Model,
    layer: str,
    objectives: Sequence[Objective],
    settings: BenchmarkSettings,
) -> Callable[[], Timing]:
    """Return tf-keras-vis with the batch size that is fastest per map."""
    runs = [
        _batch(
            model,
            layer,
            [objectives[i % len(objectives)] for i in range(size)],
            settings.tf_keras_vis_steps,
        )
        for size in settings.tf_keras_vis_batches
    ]
    if len(runs) == 1:
        return runs[0]
    timings = [run() for run in runs]
    per_map = [timing.seconds / timing.maps for timing in timings]
    return runs[int(np.argmin(per_map))]


def _batch(
    model: keras.Model, layer: str, objectives: Sequence[Objective], steps: int
) -> Callable[[], Timing]:
    peer = TfKerasVis(model, layer)
    channels = [only_term(objective).index for objective in objectives]
    starts = noise(model, len(channels))
    peer.activation(channels, starts, max_iter=1)  # what TensorFlow does only once
    return lambda: measure(
        lambda: peer.activation(channels, starts, max_iter=steps), len(channels), steps
    )
