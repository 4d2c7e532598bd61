"""One trained network of a sweep: its split, its form, and how it is measured."""

import numpy as np
import pandas as pd
import pytest

import happymaps as hm
from experiments.experiment0.measures.train_one_network import dead_share, train_network
from happymaps.base import paths
from happymaps.datasets import Dataset, load_dataset
from happymaps.datasets.splitting import split_fold
from happymaps.networks.models import fingerprint
from happymaps_runs.notebooks.parameters import read_parameters
from happymaps_runs.store.functions import function_parameters

NOTEBOOK = "experiments/experiment0/train_one_network.ipynb"
NAME = "experiments.experiment0.measures.train_one_network:train_network"
SMALL = {"image_size": "24x24", "num_filters": 2, "num_dense_units": 3, "epochs": 2}


@pytest.fixture(scope="module")
def faces():
    return load_dataset("synthetic_faces", image_size=(24, 24))


@pytest.fixture(scope="module")
def found():
    return train_network(**SMALL, seed=4, fold=1)


# ---------------------------------------------------------------------------- the folds


@pytest.mark.parametrize("split", ["image", "person"])
def test_folds_hold_out_each_image_once(faces, split):
    files = []
    for fold in range(5):
        learned, held_out = split_fold(
            faces, split=split, num_folds=5, fold=fold, seed=0
        )
        both = [*learned.metadata["file"], *held_out.metadata["file"]]
        assert sorted(both) == sorted(faces.metadata["file"])
        files += [*held_out.metadata["file"]]
    assert sorted(files) == sorted(faces.metadata["file"])


def test_fold_of_people_shares_no_person_with_the_others(faces):
    for fold in range(4):
        parts = split_fold(faces, split="person", num_folds=4, fold=fold, seed=1)
        learned, held_out = (set(part.metadata["person"]) for part in parts)
        assert (len(learned), len(held_out)) == (15, 5)
        assert not learned & held_out


def test_fold_of_images_has_its_share_of_each_class(faces):
    # 480 and 160 of 640.
    for fold in range(5):
        learned, held_out = split_fold(
            faces, split="image", num_folds=5, fold=fold, seed=0
        )
        assert held_out.class_counts().tolist() == [96, 32]
        assert learned.class_counts().tolist() == [384, 128]


def test_fold_depends_on_its_seed_alone(faces):
    def files(seed):
        return [
            *split_fold(faces, split="image", num_folds=5, fold=0, seed=seed)[
                1
            ].metadata["file"]
        ]

    assert files(0) == files(0)
    assert files(0) != files(1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "persons"}, "'persons'.*person"),
        ({"fold": 5}, r"between 0 and num_folds - 1, 4\. Received: 5"),
        ({"fold": -1}, "Received: -1"),
        ({"split": "image", "num_folds": 161}, r"rarest class, 160\. Received: 161"),
        ({"num_folds": 21}, "number of people, 20"),
        ({"num_folds": 1}, "between 2 and"),
    ],
)
def test_impossible_fold_is_refused(faces, options, message):
    chosen = {"split": "person", "num_folds": 5, "fold": 0, "seed": 0} | options
    with pytest.raises(ValueError, match=message):
        split_fold(faces, **chosen)


def test_images_of_nobody_in_particular_can_be_split_by_image_only():
    images = np.zeros((8, 4, 4, 1), np.float32)
    labels = np.array([0, 1] * 4)
    files = pd.DataFrame({"file": list("abcdefgh")})
    bare = Dataset("folder:x", images, labels, ("a", "b"), files)
    options = {"num_folds": 2, "fold": 0, "seed": 0}
    parts = split_fold(bare, split="image", **options)
    assert [len(part) for part in parts] == [4, 4]
    with pytest.raises(ValueError, match="metadata column 'person'"):
        split_fold(bare, split="person", **options)


# -------------------------------------------------------------------------- the network


def test_number_of_parameters_is_that_counted_by_hand(found):
    # 24 -> 22 -> 11 -> 9 -> 4 -> 2 -> 1 pixel of 4 channels.
    convolutions = (9 * 1 + 1) * 2 + (9 * 2 + 1) * 2 + (9 * 2 + 1) * 4
    dense = (4 + 1) * 3 + (3 + 1) * 3 + (3 + 1) * 2
    assert found.num_parameters == convolutions + dense


def test_measures_are_those_of_the_same_training_by_hand(found, faces):
    learned, held_out = hm.datasets.person_folds(faces, num_folds=5, seed=0)[1]
    untrained = hm.networks.build_cnn(
        (24, 24, 1), 2, filters=(2, 2, 4), dense_units=(3, 3), seed=4
    )
    before = fingerprint(untrained)
    network, history = hm.networks.train(
        untrained, learned, seed=4, epochs=2, patience=5
    )
    assert fingerprint(untrained) == before
    np.testing.assert_allclose(found.training_loss, history["loss"], rtol=1e-4)
    np.testing.assert_allclose(found.validation_loss, history["val_loss"], rtol=1e-4)
    assert found.accuracy == hm.networks.evaluate(network, held_out)["accuracy"]
    known = hm.networks.evaluate(network, learned)
    assert found.training_accuracy == known["accuracy"]
    assert found.training_balanced_accuracy == known["balanced_accuracy"]
    who = ", ".join(sorted(held_out.metadata["person"].unique()))
    assert found.attrs["held_out_people"] == who


def test_confusion_agrees_with_the_accuracies(found):
    table = found.confusion.values
    assert found.confusion.dims == ("true_class", "predicted_class")
    assert found.true_class.values.tolist() == ["not left", "left"]
    assert table.sum(axis=1).tolist() == [96, 32]  # of 4 people with 32 images each
    assert found.num_held_out_images == 128
    assert found.num_training_images == 512
    assert found.majority_guess == 0.75
    assert found.accuracy == pytest.approx(np.trace(table) / 128)
    recalls = np.diag(table) / table.sum(axis=1)
    assert found.balanced_accuracy == pytest.approx(recalls.mean())


def test_epochs_are_those_that_were_run(found):
    assert found.num_epochs == 2
    assert found.epoch.values.tolist() == [1, 2]
    assert found.training_seconds > 0


def test_another_seed_is_another_network_on_the_same_fold(found):
    other = train_network(**SMALL, seed=5, fold=1)
    assert other.attrs == found.attrs
    assert not np.array_equal(other.training_loss, found.training_loss)


@pytest.mark.parametrize(
    "name", ["num_filters", "num_dense_units", "epochs", "patience"]
)
def test_network_of_nothing_is_refused(name):
    with pytest.raises(ValueError, match=rf"{name} must be .* >= 1\. Received: 0"):
        train_network(**{**SMALL, name: 0})


def test_images_too_small_for_three_convolutions_are_refused():
    with pytest.raises(ValueError, match="too small for 3 convolution layers"):
        train_network(**{**SMALL, "image_size": "16x16"})


# ------------------------------------------------------------------------ dead channels


@pytest.fixture(scope="module")
def half_dead(keras):
    """A convolution of bias 1, of bias -1, of brightness, of darkness; then a unit."""
    inputs = keras.Input((4, 4, 1))
    convolution = keras.layers.Conv2D(4, 3, activation="relu", name="convolution")
    unit = keras.layers.Dense(1, activation="relu", name="unit")
    model = keras.Model(inputs, unit(keras.layers.Flatten()(convolution(inputs))))
    kernel = np.zeros((3, 3, 1, 4))
    kernel[..., 2], kernel[..., 3] = 1, -1
    convolution.set_weights([kernel, np.array([1.0, -1, 0, 0])])
    unit.set_weights([np.ones((16, 1)), np.zeros(1)])
    return model


@pytest.mark.parametrize(
    ("layers", "share"),
    [(["convolution"], 2 / 4), (["unit"], 0), (["convolution", "unit"], 2 / 5)],
)
def test_channel_is_dead_that_puts_out_nothing_on_any_image(half_dead, layers, share):
    images = np.zeros((130, 4, 4, 1), np.float32)
    images[-1] = 1  # in the last of three batches
    assert dead_share(half_dead, layers, images) == share
    # On black images the filter of brightness puts out nothing either.
    if layers == ["convolution"]:
        assert dead_share(half_dead, layers, images[:-1]) == 3 / 4


def test_parameters_are_those_of_the_notebook():
    declared = read_parameters(paths.repository_root() / NOTEBOOK)
    taken = function_parameters(NAME)
    assert list(declared) == list(taken)
    for name, parameter in declared.items():
        assert (parameter.type, parameter.default) == (
            taken[name].type,
            taken[name].default,
        )
