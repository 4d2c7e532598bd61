"""Experiment 1-1: networks of some width."""

import numpy as np
import pytest

import happymaps as hm
from experiments.experiment1.measures.less_filters import measure_width
from experiments.shared.decisions import map_decisions, measure_accuracies
from happymaps.networks.study import Study

SMALL = {"image_size": "24x24", "num_filters": 1, "num_steps": 5}


@pytest.fixture(scope="module", autouse=True)
def untrained():
    """Nothing here depends on what a network has learned."""

    def build(images, *, seed, **architecture):
        return hm.networks.build_cnn(
            images.images.shape[1:], 2, seed=seed, **architecture
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("happymaps.networks.study.study_network", build)
        yield


@pytest.fixture(scope="module")
def point(untrained):
    return measure_width(**SMALL, num_starts=2, fold=2, seed=1)


def test_parameters_are_counted_by_layer(point):
    # Convolutions of 3x3 with biases; 24x24 leaves one position of 2 channels.
    expected = [9 + 1, 9 + 1, 2 * 9 + 2, 2 * 64 + 64, 64 * 64 + 64, 64 * 2 + 2]
    assert point.parameters.values.tolist() == expected
    assert point.num_parameters == sum(expected)
    assert point.layer.values.tolist() == [
        "conv2d_1", "conv2_2", "conv2_3", "dense_1", "dense_2", "dense_3"
    ]  # fmt: skip


def test_accuracy_is_that_of_the_answers_on_the_fold_held_out(point):
    right = point.predicted.values == point.label.values
    assert point.accuracy == pytest.approx(right.mean())
    images = hm.load_dataset("synthetic_faces", image_size=(24, 24))
    fold = hm.datasets.person_folds(images, num_folds=5, seed=0)[2][1]
    np.testing.assert_array_equal(point.label, fold.labels)


def test_maps_have_an_output_and_a_start_each(point):
    assert dict(point.image.sizes) == {
        "output": 2, "start": 2, "y": 24, "x": 24, "color": 1
    }  # fmt: skip
    assert 0 <= point.image.min() < point.image.max() <= 1


def test_no_starts_make_no_maps_and_the_fold_is_the_seeds():
    plain = measure_width(**SMALL, seed=2)
    assert "image" not in plain
    other = measure_width(**SMALL, seed=1, fold=2)
    np.testing.assert_array_equal(plain.label, other.label)


def test_less_than_one_filter_is_refused():
    with pytest.raises(ValueError, match="num_filters must be >= 1"):
        measure_width(num_filters=0)


def test_accuracies_of_a_network_that_always_says_the_same(keras):
    images = hm.load_dataset("synthetic_faces", image_size=(24, 24))
    network = hm.networks.build_cnn((24, 24, 1), 2, filters=(1,), dense_units=())
    weights = [np.zeros_like(weight) for weight in network.get_weights()]
    weights[-1][0] = 1  # the bias of "not left"
    network.set_weights(weights)
    left = images.take(images.labels == 1)
    found = measure_accuracies(Study(network, images, images, left))
    assert found == {
        "accuracy": 0,
        "balanced_accuracy": 0,
        "training_accuracy": 0.75,
        "training_balanced_accuracy": 0.5,
        "num_parameters": 10 + 11 * 11 * 2 + 2,
    }


def test_decision_maps_of_a_linear_network_follow_its_weights(
    dense_network, checkerboard
):
    weights = np.stack([checkerboard.ravel(), -checkerboard.ravel()], axis=1)
    model = dense_network(100 * weights, activation="softmax")
    maps = map_decisions(
        Study(model, None, None, None), num_starts=2, num_steps=80, tv_weight=0.0
    )
    signs = np.sign(maps.image.values[..., 0] - 0.5)
    np.testing.assert_array_equal(signs[0, 0], np.sign(checkerboard))
    np.testing.assert_array_equal(signs[1, 1], -np.sign(checkerboard))
