"""Experiment 1-4: networks of other forms."""

import dataclasses

import numpy as np
import pytest
import xarray as xr

import happymaps as hm
from experiments.experiment1.measures.depth_and_width import (
    _describe,
    measure_form,
    parse_form,
)
from happymaps.networks.study import Study


@pytest.fixture(scope="module")
def point():
    """Nothing here depends on what a network has learned."""

    def build(images, *, seed, **architecture):
        return hm.networks.build_cnn(
            images.images.shape[1:], 2, seed=seed, **architecture
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("happymaps.networks.study.study_network", build)
        return measure_form(
            image_size="16x16", form="3/", num_starts=2, num_units=2, num_steps=5
        )


def test_a_form_names_filters_and_dense_units():
    assert parse_form("32-32-64/64-64") == ((32, 32, 64), (64, 64))
    assert parse_form("8/") == ((8,), ())


@pytest.mark.parametrize("form", ["", "/64", "8-0/4", "8", "8/a", "8-/4", "8/4/2"])
def test_what_is_no_form_is_refused(form):
    with pytest.raises(ValueError, match="32-32-64/64-64"):
        parse_form(form)


def test_one_map_cannot_repeat():
    with pytest.raises(ValueError, match="num_starts must be >= 2"):
        measure_form(num_starts=1)


def test_a_form_is_built_as_written(point):
    # 3 filters of 3x3, pooled to 7x7, two outputs.
    assert point.num_parameters == 3 * 9 + 3 + 3 * 7 * 7 * 2 + 2
    assert point.image.shape == (2, 2, 16, 16, 1)


def test_every_measure_is_a_number_without_dimensions(point):
    for kind in ("decision", "filter"):
        for name in ("gain", "repeatability", "high_frequency_share", "concentration"):
            assert point[f"{kind}_{name}"].ndim == 0
            assert point[f"{kind}_{name}"].attrs["units"] == "1"
    assert 0 <= point.dead_share <= 1


@pytest.fixture(scope="module")
def described(keras):
    """A network of one 1x1 filter that takes three times the pixel, and its maps."""
    model = hm.networks.build_cnn((16, 16, 1), 2, filters=(1,), dense_units=())
    weights = [np.zeros_like(weight) for weight in model.get_weights()]
    weights[0][1, 1] = 3  # the middle of the kernel
    model.set_weights(weights)
    faces = hm.load_dataset("synthetic_faces", image_size=(16, 16)).take([0, 1])
    plain = [np.full((16, 16, 1), value, np.float32) for value in (0.2, 0.6)]
    learned = dataclasses.replace(faces, images=np.stack(plain))
    board = np.indices((16, 16)).sum(axis=0)[..., None] % 2.0
    maps = xr.Dataset(
        {
            "image": (
                ("objective", "seed", "y", "x", "color"),
                np.stack([[board, board, 1 - board]]),
            ),
            "score_start": (("objective", "seed"), [[1.0, 1.0, 1.0]]),
            "score_end": (("objective", "seed"), [[2.0, 2.5, 3.0]]),
        }
    )
    return _describe(Study(model, learned, learned, learned), maps, "filter")


def test_gain_is_measured_in_spans_of_learned_images(described):
    # Gains of 1, 1.5 and 2; real images score 3 x 0.2 and 3 x 0.6.
    assert described["filter_gain"] == pytest.approx(1.5 / 1.2)


def test_repeatability_is_the_mean_over_pairs_of_starts(described):
    # Alike, opposite, opposite.
    assert described["filter_repeatability"] == pytest.approx(-1 / 3)


def test_a_chessboard_is_all_high_frequency_and_nowhere_concentrated(described):
    assert described["filter_high_frequency_share"] == pytest.approx(2)
    assert described["filter_concentration"] == pytest.approx(0.25)
