"""Networks of the usual size, with untrained weights: VGG16, MobileNetV2."""

import pandas as pd

from experiments.benchmarks.measures.chain import describe_chain
from experiments.benchmarks.measures.contenders import (
    INPUT_RANGE,
    KERAS_VIS,
    LP_WEIGHT,
    TF_KERAS_VIS,
    TV_WEIGHT,
    Runs,
    noise,
    run_maximize,
)
from experiments.benchmarks.measures.original_keras_vis import OriginalKerasVis
from experiments.benchmarks.measures.settings import BenchmarkSettings
from experiments.benchmarks.measures.tf_keras_vis_runner import TfKerasVis
from experiments.benchmarks.measures.timing import OURS, Timing, measure, take_turns
from happymaps.backend import keras
from happymaps.maps.scoring import layer_objectives

INPUT_SHAPE = (224, 224, 3)


def compare_large_networks(
    original: OriginalKerasVis, settings: BenchmarkSettings
) -> pd.DataFrame:
    """Return runs of the contenders on networks of `keras.applications`.

    keras-vis takes part where the network is a chain of layers that it knows, which
    VGG16 is and MobileNetV2 is not.

    Args:
        original: keras-vis, running; another network is loaded into it.
        settings: Networks, layers, maps and steps, the latter few: a map of 200 takes
            minutes here.

    Returns:
        Runs as of `take_turns`, with `network` and `layer`.
    """
    tables = []
    for name, layers in settings.large_layers:
        model = large_network(name)
        known = _is_chain(model)
        if known:
            original.load(model)
        for layer in layers:
            runs = _runs(model, original if known else None, layer, settings)
            for run in runs.values():
                run()  # what is done once for each network
            turns = take_turns(runs, settings.slow_rounds)
            tables.append(turns.assign(network=name, layer=layer))
    return pd.concat(tables, ignore_index=True)


def large_network(name: str) -> keras.Model:
    """Return a network of `keras.applications` with random weights, without its top."""
    return getattr(keras.applications, name)(
        weights=None, include_top=False, input_shape=INPUT_SHAPE
    )


def _is_chain(model: keras.Model) -> bool:
    try:
        describe_chain(model)
    except ValueError:
        return False
    return True


def _runs(
    model: keras.Model,
    original: OriginalKerasVis | None,
    layer: str,
    settings: BenchmarkSettings,
) -> Runs:
    steps, maps = settings.large_steps, settings.large_maps
    objectives = layer_objectives(model, layer, count=maps)
    peer, starts = TfKerasVis(model, layer), noise(model, 1)

    def tf_keras_vis() -> Timing:
        work = {"seed_input": starts, "max_iter": steps}
        return measure(lambda: peer.activation([0], **work), 1, steps)

    def keras_vis() -> Timing:
        options = {"tv_weight": TV_WEIGHT, "lp_weight": LP_WEIGHT, "max_iter": steps}
        found = original.activation(
            layer, 0, starts[0], input_range=INPUT_RANGE, **options
        )
        return Timing(1, steps, found.seconds)

    def ours() -> Timing:
        return run_maximize(
            model, objectives, num_steps=steps, activation=settings.activation
        )

    contenders = {} if original is None else {KERAS_VIS: keras_vis}
    return contenders | {TF_KERAS_VIS: tf_keras_vis, OURS: ours}
