"""What experiments start from: images of the right size, a network that is kept."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from happymaps.backend import keras
from happymaps.base import paths
from happymaps.base.sweepable import parse_image_size
from happymaps.datasets import load_dataset, open_images, processed_folder
from happymaps.networks import study, training
from happymaps.networks.models import build_cnn, fingerprint, save_model
from happymaps.networks.reading import load_model
from happymaps.networks.study import (
    Study,
    open_study,
    study_network,
)

TINY = {"filters": (2,), "dense_units": (2,)}


@pytest.fixture(autouse=True)
def short_training_elsewhere(monkeypatch, tmp_path):
    """Keep what is written out of the repository, and train for an epoch."""
    monkeypatch.setattr(study, "data_root", lambda: tmp_path / "data")
    monkeypatch.setattr(paths, "data_root", lambda: tmp_path / "data")
    monkeypatch.setattr(study, "TRAINING", {"epochs": 1, "patience": 1})


@pytest.fixture
def trainings(monkeypatch):
    """Count trainings, and do none of them: what is kept is told apart by its name."""
    done = []

    def count(model, dataset, **options):
        done.append(options)
        return training.Trained(model, None)

    monkeypatch.setattr(study, "train", count)
    return done


@pytest.fixture
def folder(tmp_path):
    """A folder of 24x20 images, ten of them dark and ten bright."""
    rng = np.random.default_rng(0)
    for name, low in (("bright", 150), ("dark", 0)):
        (tmp_path / "images" / name).mkdir(parents=True)
        for index in range(10):
            pixels = rng.integers(low, low + 100, (24, 20), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / name / f"{index}.png")
    return f"folder:{tmp_path / 'images'}"


def brought(tmp_path, *, shape=(24, 20, 1), outputs=2) -> str:
    """Save a network and return its path."""
    model = build_cnn(shape, outputs, **TINY) if outputs > 1 else None
    if model is None:
        layers = [keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(1)]
        model = keras.Sequential(layers)
    return str(save_model(model, tmp_path / "brought.keras"))


# ------------------------------------------------------------------------------- images


@pytest.mark.parametrize(
    ("text", "size"), [("60x64", (60, 64)), ("1x20000", (1, 20000)), ("", None)]
)
def test_image_size_is_height_then_width(text, size):
    assert parse_image_size(text) == size


@pytest.mark.parametrize(
    "text", ["60", "60x", "60X64", "6 x 4", "-6x4", "6x4x1", "0x4"]
)
def test_image_size_of_another_form_is_refused_with_an_example(text):
    with pytest.raises(
        ValueError, match=r"HEIGHTxWIDTH in pixels, as in 60x64\. Received"
    ):
        parse_image_size(text)


@pytest.mark.parametrize(
    ("options", "shape"),
    [
        ({}, (60, 64, 1)),
        ({"image_size": "20x30"}, (20, 30, 1)),
        ({"fit": (32, 40, 3)}, (32, 40, 3)),
        ({"fit": (32, 40, 3), "image_size": "20x30"}, (20, 30, 3)),
    ],
)
def test_faces_are_drawn_in_the_size_asked_for_or_taken_by_the_network(options, shape):
    assert open_images("synthetic_faces", **options).images.shape == (640, *shape)


@pytest.mark.parametrize(
    ("options", "shape"),
    [
        ({}, (24, 20, 1)),
        ({"image_size": "12x10"}, (12, 10, 1)),
        ({"fit": (12, 10, 3)}, (24, 20, 3)),  # never stretched without being asked
    ],
)
def test_folder_keeps_its_size_unless_another_is_asked_for(folder, options, shape):
    assert open_images(folder, **options).images.shape == (20, *shape)


def test_images_depend_on_target_and_seed():
    options = {"image_size": "16x16", "seed": 3}
    found = open_images("synthetic_faces", target="eyes", **options)
    expected = load_dataset(
        "synthetic_faces", image_size=(16, 16), target="eyes", seed=3
    )
    assert found.fingerprint() == expected.fingerprint()
    assert found.class_names == ("open", "sunglasses")


@pytest.mark.parametrize("ending", ["", "/", "/../images"])
def test_processed_folder_of_a_folder_says_what_it_is(folder, tmp_path, ending):
    images = open_images(folder + ending)
    found = processed_folder(images)
    assert found == tmp_path / "data" / "processed" / "folder_images"
    assert not found.exists()


def test_processed_folder_of_drawn_faces_has_their_name(tmp_path):
    images = open_images("synthetic_faces", image_size="16x16")
    expected = tmp_path / "data" / "processed" / "synthetic_faces"
    assert processed_folder(images) == expected


# ------------------------------------------------------------------ the study's network


def test_study_network_is_kept_and_used_again(folder, tmp_path, monkeypatch):
    images = open_images(folder)
    first = study_network(images, **TINY)
    (kept,) = (tmp_path / "data").rglob("*.keras")
    assert images.fingerprint() in kept.name
    written = kept.stat().st_mtime_ns

    def refuse(*args, **options):
        pytest.fail("trained again")

    monkeypatch.setattr(study, "train", refuse)
    again = study_network(images, **TINY)
    assert fingerprint(again) == fingerprint(first)
    assert kept.stat().st_mtime_ns == written


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"filters": (3,)}, {"final_activation": "linear"}]
)
def test_study_network_of_another_form_or_seed_is_trained_anew(
    folder, trainings, change
):
    images = open_images(folder)
    for options in (TINY, {**TINY, **change}, TINY):
        study_network(images, **options)
    assert [options["seed"] for options in trainings] == [0, change.get("seed", 0)]


def test_study_network_of_other_images_is_trained_anew(folder, trainings):
    images = open_images(folder)
    study_network(images, **TINY)
    study_network(images.take(np.arange(1, 20)), **TINY)
    assert len(trainings) == 2


@pytest.mark.parametrize(
    "variable",
    ["TF_ENABLE_ONEDNN_OPTS", "TF_NUM_INTRAOP_THREADS", "ONEDNN_MAX_CPU_ISA"],
)
def test_study_network_of_another_arithmetic_is_trained_anew(
    folder, trainings, monkeypatch, variable
):
    images = open_images(folder)
    for value in ("0", "7", "0"):
        monkeypatch.setenv(variable, value)
        study_network(images, **TINY)
    assert len(trainings) == 2


def test_study_network_of_another_training_is_trained_anew(
    folder, trainings, monkeypatch
):
    images = open_images(folder)
    study_network(images, **TINY)
    monkeypatch.setattr(study, "TRAINING", {"epochs": 2, "patience": 1})
    study_network(images, **TINY)
    assert trainings == [
        {"seed": 0, "epochs": 1, "patience": 1},
        {"seed": 0, "epochs": 2, "patience": 1},
    ]


# --------------------------------------------------------------------------- the study


def test_own_study_trains_on_four_fifths_and_reports_both_parts(folder):
    found = open_study(folder, image_size="24x24")
    assert {name: len(part) for name, part in found.parts.items()} == {
        "train": 16,
        "test": 4,
    }
    assert len(found.dataset) == 20
    assert found.model.input_shape == (None, 24, 24, 1)
    table = found.accuracies()
    assert list(table.index) == ["train", "test"]
    assert table["majority_guess"].tolist() == [0.5, 0.5]
    assert table[["accuracy", "balanced_accuracy"]].notna().all(axis=None)


def test_study_opened_twice_is_the_same(folder):
    first, again = (open_study(folder, image_size="24x24") for _ in range(2))
    assert fingerprint(first.model) == fingerprint(again.model)
    for name, part in first.parts.items():
        assert part.fingerprint() == again.parts[name].fingerprint()


def test_study_of_a_brought_network_trains_nothing(folder, tmp_path):
    found = open_study(folder, model=brought(tmp_path))
    assert list(found.parts) == ["all"]
    assert len(found.parts["all"]) == 20
    assert not (tmp_path / "data").exists()
    assert fingerprint(found.model) == fingerprint(build_cnn((24, 20, 1), 2, **TINY))


def test_network_may_be_brought_as_a_path_or_as_it_is(folder, tmp_path):
    path = brought(tmp_path)
    network = load_model(path)
    for given in (path, Path(path), network):
        found = open_study(folder, model=given)
        assert fingerprint(found.model) == fingerprint(network)
        assert len(found.held_out) == 20
    assert found.model is network


def test_study_of_a_brought_network_draws_faces_in_its_size(tmp_path):
    found = open_study("synthetic_faces", model=brought(tmp_path, shape=(20, 28, 3)))
    assert found.dataset.images.shape == (640, 20, 28, 3)


def test_images_of_a_study_are_brought_to_the_range_of_the_network(folder, tmp_path):
    plain = open_study(folder, model=brought(tmp_path)).dataset.images
    found = open_study(folder, model=brought(tmp_path), pixel_range=(-1, 255))
    np.testing.assert_allclose(found.dataset.images, 256 * plain - 1, rtol=1e-5)
    assert found.dataset.images.dtype == np.float32


def test_folder_of_another_size_is_refused_with_the_option_that_mends_it(
    folder, tmp_path
):
    path = brought(tmp_path, shape=(16, 18, 1))
    with pytest.raises(ValueError, match="image_size=16x18"):
        open_study(folder, model=path)
    found = open_study(folder, model=path, image_size="16x18")
    assert found.dataset.images.shape == (20, 16, 18, 1)


@pytest.mark.parametrize(("outputs", "fits"), [(2, True), (1, True), (7, False)])
def test_accuracy_is_unknown_where_the_outputs_are_no_classes(
    folder, tmp_path, outputs, fits
):
    found = open_study(folder, model=brought(tmp_path, outputs=outputs))
    table = found.accuracies()
    assert table["accuracy"].notna().tolist() == [fits]
    assert table["balanced_accuracy"].notna().tolist() == [fits]
    assert table["majority_guess"].tolist() == [0.5]
    assert table["images"].tolist() == [20]


def test_accuracies_of_a_planted_network_are_those_worked_out_by_hand(folder):
    images = open_images(folder)
    model = keras.Sequential(
        [keras.Input((24, 20, 1)), keras.layers.Flatten(), keras.layers.Dense(2)]
    )
    # Class 0 is "bright": its output is the brightness, the other is 1/2.
    kernel = np.stack([np.full(480, 1 / 480), np.zeros(480)], axis=1)
    model.layers[-1].set_weights([kernel, np.array([0, 0.5])])
    uneven = images.take(np.r_[0:6, 10:12])
    wrong = np.r_[1, uneven.labels[1:]]
    mislabeled = type(images)(
        "toy", uneven.images, wrong, images.class_names, uneven.metadata
    )
    table = Study(model, images, uneven, mislabeled).accuracies()
    assert table.loc["train"].tolist() == [8, 1, 1, 6 / 8]
    # 7 of 8 are right: 5 of 5 bright ones, 2 of 3 dark ones.
    expected = [8, 7 / 8, pytest.approx((1 + 2 / 3) / 2), 5 / 8]
    assert table.loc["test"].tolist() == expected


def test_missing_network_is_refused(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no file"):
        open_study(folder, model=str(tmp_path / "absent.keras"))
