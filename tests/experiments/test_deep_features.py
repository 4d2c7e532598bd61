"""Experiment 5: new people are new, and one point is the same again."""

import numpy as np

from experiments.experiment5.measures.deep_features import (
    LAYERS,
    METHODS,
    PHOTOGRAPHS,
    load_images,
    measure_features,
    split_people,
)
from experiments.experiment5.measures.which_layer_transfers import measure_layers
from happymaps.base import paths

TINY = {"image_size": "32x32", "num_images": 80, "num_learned": 40, "target": "eyes"}


def test_people_held_out_are_not_learned_from_and_classes_are_drawn_alike():
    images = load_images(PHOTOGRAPHS, 120, size=(16, 16))
    assert images.images.shape[1:] == (16, 16, 3)
    learned, held_out = split_people(images, 40, seed=3)
    people = images.metadata["person"]
    assert not {*people[learned]} & {*people[held_out]}
    assert len(learned) == 40 and people[held_out].nunique() == 4
    shares = np.bincount(images.labels[learned]) / 40
    assert abs(shares[0] - 0.5) < 0.05


def test_points_say_what_was_asked_and_the_same_again(monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "data_root", lambda: tmp_path)
    found, again = (measure_features(seed=2, **TINY) for _ in range(2))
    assert found.identical(again)
    asked = [*METHODS[:3], METHODS[-1]]
    told = found.score.dropna("method")
    assert sorted(told.method.values) == sorted(asked)
    assert ((told >= 0) & (told <= 1)).all()
    layers = measure_layers(seed=2, **TINY)
    assert layers.layer.values.tolist() == list(LAYERS)
    assert layers.width.values.tolist() == [32, 24, 40, 80, 112, 192, 1280]
    assert (layers.depth.diff("layer") > 0).all()
