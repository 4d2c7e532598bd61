"""Benchmarks that start the real keras-vis, or a process whose memory is measured."""

import dataclasses

import numpy as np
import pytest

from experiments.benchmarks.measures.benchmark import Benchmark
from experiments.benchmarks.measures.peak_memory import measure_peak_memory
from happymaps.maps.objectives import unit
from happymaps.maps.scoring import score_images
from happymaps.networks.models import build_cnn


@pytest.fixture(scope="module")
def benchmark():
    with Benchmark("quick") as running:
        # A quarter of the pixels of the study's network.
        running.model = build_cnn((30, 32, 1), 2, final_activation="linear")
        running.settings = dataclasses.replace(
            running.settings,
            num_steps=3,
            layers=("conv2d_1",),
            channels=2,
            tv_weights=(0.1, 1.0),
            rounds=1,
            slow_rounds=1,
            keras_vis_calls=3,
            tf_keras_vis_batches=(1, 2),
            tf_keras_vis_steps=1,
            single_layers=("dense_3",),
            score_layers=("dense_3",),
            map_counts=(1, 70),
            sizes=((22, 24), (30, 32)),
            step_counts=(1, 2),
            growth_steps=1,
        )
        yield running


def test_whole_layers_time_the_work_of_each_contender(benchmark):
    found = benchmark.whole_layers()
    assert found.index.names == ["layer", "contender"]
    maps = found.loc["conv2d_1"]["maps"]
    assert maps["keras-vis"] == 3
    assert maps["tf-keras-vis"] in (1, 2)
    assert maps["happymaps"] == 4
    assert found.loc["conv2d_1"]["timed_steps"].to_dict() == {
        **{"keras-vis": 3, "tf-keras-vis": 1, "happymaps": 3}
    }
    rates = found["gflops"] / benchmark.ceilings()["matmul_gflops"]
    np.testing.assert_allclose(found["share"], rates)


def test_single_maps_have_a_row_for_the_first_call(benchmark):
    found = benchmark.single_maps().loc["dense_3"]
    assert found.index.tolist() == [
        *("keras-vis", "tf-keras-vis", "happymaps", "happymaps, first call")
    ]
    assert (found["maps"] == 1).all()


def test_time_to_score_reaches_the_score_of_keras_vis(benchmark):
    found = benchmark.time_to_score()
    assert (found["our_score"] >= found["keras_vis_score"]).all()
    ours = found.xs("happymaps, one map", level="contender")
    assert (ours["timed_steps"] == ours["steps_needed"]).all()


def test_growth_has_a_row_for_each_size(benchmark):
    growth = benchmark.growth()
    sizes = growth.groupby("quantity")["size"].apply(list).to_dict()
    assert sizes == {"maps": [1, 70], "pixels": [528, 960], "steps": [1, 2]}
    exponents = benchmark.growth_exponents(growth)
    assert exponents.index.tolist() == ["maps", "pixels", "steps"]


def test_profile_without_memory_measures_none(benchmark):
    assert benchmark.peak_memory().empty


def test_noise_of_a_start_scores_the_same_in_both_packages(benchmark):
    seed = np.random.default_rng(0).random((30, 32, 1)).astype(np.float32)
    original = benchmark._original()
    found = original.activation(
        "dense_1", 0, seed, max_iter=1, tv_weight=0, lp_weight=0
    )
    score = score_images(
        benchmark.model, [unit("dense_1", 0)], seed[None], activation="post"
    )
    np.testing.assert_allclose(-score.item(), found.overall[0], rtol=1e-4)


def test_peak_memory_is_that_of_the_work():
    found = measure_peak_memory(65, layer="conv2d_1", size=(22, 24), num_steps=1)
    assert found["maps"] == 96  # 32 channels from 3 starts
    assert found["peak_megabytes"] >= found["before_megabytes"] > 50
