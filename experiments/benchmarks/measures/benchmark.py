"""The whole benchmark: every measurement on one network, as tables."""

import contextlib
import os
from collections.abc import Iterator
from typing import Self

import pandas as pd

from experiments.benchmarks.measures import growth as _growth
from experiments.benchmarks.measures.ceilings import measure_ceilings
from experiments.benchmarks.measures.contenders import (
    Runs,
    single_map_runs,
    whole_layer_runs,
)
from experiments.benchmarks.measures.diagnosis_growth import (
    measure_diagnosis_growth,
)
from experiments.benchmarks.measures.large_networks import (
    compare_large_networks,
    large_network,
)
from experiments.benchmarks.measures.operations import flop_per_step, gflops
from experiments.benchmarks.measures.original_keras_vis import OriginalKerasVis
from experiments.benchmarks.measures.peak_memory import measure_peak_memory
from experiments.benchmarks.measures.settings import benchmark_settings
from experiments.benchmarks.measures.step_profile import profile_step
from experiments.benchmarks.measures.time_to_score import time_to_score
from experiments.benchmarks.measures.timing import compare, take_turns
from happymaps.backend import keras
from happymaps.networks.models import build_cnn

IMAGE_SHAPE = (60, 64, 1)


class Benchmark:
    """Happymaps beside keras-vis and tf-keras-vis, on the study's network.

    The network has random weights: time does not depend on what they are. keras-vis
    starts, in a process of its own, with the first measurement that it takes part in,
    and ends with `close()`, with the `with` block, or with this process.

    Args:
        profile: `"quick"` or `"full"`, see `experiments.benchmarks.measures.settings`.
        seed: Of the network's weights.

    Raises:
        ValueError: Another profile.
    """

    def __init__(self, profile: str = "quick", *, seed: int = 0) -> None:
        self.settings = benchmark_settings(profile)
        self.model = build_cnn(IMAGE_SHAPE, 2, final_activation="linear", seed=seed)
        self._running = contextlib.ExitStack()
        self._keras_vis = None
        self._ceilings = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process of keras-vis."""
        self._running.close()
        self._keras_vis = None

    def machine(self) -> pd.Series:
        """Return what the times depend on and a program can tell."""
        return pd.Series(
            {
                "processors": os.cpu_count(),
                "oneDNN": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "default"),
                "threads": os.environ.get("TF_NUM_INTRAOP_THREADS", "all"),
                "precision": keras.config.dtype_policy().name,
            },
            name="machine",
        )

    def operations(self) -> pd.Series:
        """Return by layer the necessary operations of a step, see `flop_per_step`."""
        layers = self.settings.layers
        found = {layer: flop_per_step(self.model, layer) for layer in layers}
        return pd.Series(found, name="operations per step").rename_axis("layer")

    def ceilings(self) -> pd.Series:
        """Return what the machine can do, see `measure_ceilings`; measured once."""
        if self._ceilings is None:
            self._ceilings = pd.Series(measure_ceilings(), name="ceiling")
        return self._ceilings

    def whole_layers(self) -> pd.DataFrame:
        """Return the comparison for whole layers times nine weights.

        As of `timing.compare`, by `layer` and `contender`, with `gflops`, the necessary
        operations per second, and `share`, what that is of the machine's matrix
        product.
        """
        found = self._compare_layers(whole_layer_runs, self.settings.layers)
        found["gflops"] = [
            gflops(self.model, layer, ms, num_steps=self.settings.num_steps)
            for (layer, _), ms in found["ms_per_map"].items()
        ]
        found["share"] = found["gflops"] / self.ceilings()["matmul_gflops"]
        return found

    def step_profiles(self) -> pd.DataFrame:
        """Return where a step's time goes, by network and layer, see `profile_step`."""
        settings, found = self.settings, {}
        for layer in settings.profiled_layers:
            found["study", layer] = profile_step(
                self.model, layer, maps=settings.profiled_maps
            )
        for name, layers in settings.profiled_networks:
            model = large_network(name)
            for layer in layers:
                found[name, layer] = profile_step(
                    model, layer, maps=2, num_steps=settings.large_steps
                )
        return pd.DataFrame(found).T.rename_axis(["network", "layer"])

    def single_maps(self) -> pd.DataFrame:
        """Return the comparison for one map of one channel, by layer and contender."""
        return self._compare_layers(single_map_runs, self.settings.single_layers)

    def time_to_score(self) -> pd.DataFrame:
        """Return the comparison for the time to the score of keras-vis's image.

        By `layer`, `objective` and `contender`, see the module `time_to_score`. Times
        are of the steps that each needs.
        """
        by = ["layer", "objective"]
        runs = [
            time_to_score(self.model, self._original(), layer, self.settings)
            for layer in self.settings.score_layers
        ]
        runs = pd.concat(runs, ignore_index=True)
        scores = ["keras_vis_score", "our_score", "steps_needed"]
        found = compare(runs, by=by, num_steps=None)
        return found.join(runs.groupby(by)[scores].first(), on=by)

    def growth(self) -> pd.DataFrame:
        """Return times by number of maps, pixels and steps, see `measure_growth`."""
        return _growth.measure_growth(self.model, self.settings)

    def growth_exponents(self, growth: pd.DataFrame) -> pd.Series:
        """Return the fitted exponents of what `growth()` returned."""
        return _growth.growth_exponents(growth)

    def diagnosis_growth(self) -> pd.DataFrame:
        """Return times of a diagnosis, see `measure_diagnosis_growth`."""
        return measure_diagnosis_growth(self.settings)

    def peak_memory(self) -> pd.Series:
        """Return the memory of many maps at once; empty where the profile has none."""
        maps = self.settings.memory_maps
        found = measure_peak_memory(maps) if maps else {}
        return pd.Series(found, name="memory", dtype=float)

    def large_networks(self) -> pd.DataFrame:
        """Return the comparison on VGG16 and MobileNetV2, by network and layer.

        Few steps are timed; the times are extrapolated to those of the profile.
        """
        runs = compare_large_networks(self._original(), self.settings)
        self._original().load(self.model)
        by = ["network", "layer"]
        return compare(runs, by=by, num_steps=self.settings.num_steps)

    def tables(self) -> Iterator[tuple[str, pd.DataFrame | pd.Series]]:
        """Measure everything, and give each title and table when it is done."""
        yield "machine", self.machine()
        yield "ceilings", self.ceilings()
        yield "whole layers", self.whole_layers()
        yield "shares of a step's time", self.step_profiles()
        yield "single maps", self.single_maps()
        yield "time to the score of keras-vis", self.time_to_score()
        growth = self.growth()
        yield "growth exponents", self.growth_exponents(growth)
        yield "growth", growth
        yield "growth of a diagnosis", self.diagnosis_growth()
        yield "large networks, extrapolated", self.large_networks()
        yield "peak memory", self.peak_memory()

    def _original(self) -> OriginalKerasVis:
        if self._keras_vis is None:
            self._keras_vis = self._running.enter_context(OriginalKerasVis())
            self._keras_vis.load(self.model)
        return self._keras_vis

    def _compare_layers(self, make_runs, layers: tuple[str, ...]) -> pd.DataFrame:
        tables = []
        for layer in layers:
            runs: Runs = make_runs(self.model, self._original(), layer, self.settings)
            turns = take_turns(runs, self.settings.rounds)
            tables.append(turns.assign(layer=layer))
        runs = pd.concat(tables, ignore_index=True)
        return compare(runs, by=["layer"], num_steps=self.settings.num_steps)
