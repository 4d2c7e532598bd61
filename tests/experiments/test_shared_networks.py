"""The networks that the follow-ups share."""

import numpy as np
import pytest

import happymaps as hm
from happymaps.networks.study import open_study

SMALL = {
    "split": "person",
    "image_size": "24x24",
    "filters": (2, 2),
    "dense_units": (4,),
}


@pytest.fixture(autouse=True)
def kept(tmp_path, monkeypatch):
    monkeypatch.setattr("happymaps.networks.study.data_root", lambda: tmp_path)
    monkeypatch.setattr(
        "happymaps.networks.study.TRAINING", {"epochs": 1, "patience": 1}
    )
    return tmp_path / "processed" / "models"


@pytest.fixture
def untrained(monkeypatch):
    """Who is held out does not depend on what is learned."""
    monkeypatch.setattr(
        "happymaps.networks.study.study_network", lambda *args, **options: None
    )


def test_a_seed_names_the_people_that_a_network_has_not_seen(untrained):
    people = [
        set(open_study("synthetic_faces", seed=s, **SMALL).held_out.metadata.person)
        for s in (0, 1, 5)
    ]
    assert people[0] == people[2]
    assert not people[0] & people[1]


def test_networks_of_several_seeds_can_be_trained_without_the_same_people(untrained):
    people = [
        set(open_study("synthetic_faces", **case, **SMALL).held_out.metadata.person)
        for case in ({"seed": 3}, {"seed": 1, "fold": 3}, {"seed": 1})
    ]
    assert people[0] == people[1]
    assert not people[0] & people[2]


def test_nobody_is_on_both_sides_of_the_split(untrained):
    found = open_study("synthetic_faces", seed=3, **SMALL)
    learned, new = (
        set(part.metadata.person) for part in (found.learned, found.held_out)
    )
    assert not learned & new
    assert len(found.learned) + len(found.held_out) == 640
    assert found.learned.images.shape[1:] == (24, 24, 1)
    assert found.parts == {"train": found.learned, "test": found.held_out}


def test_networks_of_all_seeds_have_the_same_images_in_the_range_asked_for(untrained):
    plain = open_study("synthetic_faces", split="image").dataset
    found = open_study("synthetic_faces", split="image", seed=3, pixel_range=(-1, 1))
    assert plain.images.shape == (640, 30, 32, 1)
    np.testing.assert_allclose(found.dataset.images, 2 * plain.images - 1, atol=1e-6)
    assert len(found.held_out) == 128


def test_networks_differ_in_their_seed_and_are_found_again(kept):
    first, again, other = (
        open_study("synthetic_faces", seed=s, **SMALL).model for s in (0, 0, 5)
    )
    for one, two in zip(first.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    assert not np.array_equal(first.get_weights()[0], other.get_weights()[0])
    assert len(list(kept.glob("*.keras"))) == 2


def test_a_network_brought_along_is_looked_into_with_all_images(tmp_path):
    network = hm.networks.build_cnn((20, 24, 1), 2, filters=(2,), dense_units=())
    path = hm.networks.save_model(network, tmp_path / "mine.keras")
    found = open_study(
        "synthetic_faces", model=str(path), pixel_range=(0, 255), split="person"
    )
    assert found.learned is found.held_out is found.dataset
    assert list(found.parts) == ["all"]
    assert found.held_out.images.shape == (640, 20, 24, 1)
    assert 1 < found.held_out.images.max() <= 255
