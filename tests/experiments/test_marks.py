"""Experiment 2, marks: a planted mark is what it says, and is told from others."""

import numpy as np

from experiments.experiment2.measures.marks import Plant, measure_marks
from happymaps.datasets import load_dataset


def test_a_plant_changes_its_window_alone_and_a_hit_must_touch_it():
    plant = Plant(label=1, row=2, column=3, side=4, contrast=-0.6, share=0.8)
    image = np.full((1, 10, 10, 1), 0.5, np.float32)
    changed = plant.add(image) != image
    assert changed[0, 2:6, 3:7].all() and changed.sum() == 16
    found = {"class": "b", "row": 5, "column": 0, "height": 2, "width": 4}
    assert plant.is_hit(found, ("a", "b"))
    assert not plant.is_hit(found | {"class": "a"}, ("a", "b"))
    assert not plant.is_hit(found | {"row": 6}, ("a", "b"))
    assert not plant.is_hit(found | {"width": 3}, ("a", "b"))


def test_a_point_says_what_was_planted_and_the_same_again():
    options = {"num_learned": 60, "epochs": 1, "seed": 3}
    found, again = (measure_marks(planted=True, **options) for _ in range(2))
    assert found.identical(again)
    assert bool(found.is_planted) and 0 <= float(found.planted_turns) <= 1
    shape = load_dataset("synthetic_faces", image_size=(30, 32)).images.shape[1:]
    assert found.image.shape == (2, *shape)
    if not found.is_flagged:
        rows, columns = np.nonzero(np.ptp(found.image.values, axis=0).max(axis=-1))
        assert rows.min() >= found.planted_row
        assert columns.max() < found.planted_column + found.planted_side
