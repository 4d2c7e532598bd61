"""What experiment 4 does with films, without training anything."""

import numpy as np
import pandas as pd
import pytest

from experiments.experiment4.measures import frames_or_videos as measures
from happymaps.datasets import Dataset


def make_film(num_clips: int = 8, length: int = 5) -> Dataset:
    rng = np.random.default_rng(0)
    clips = [rng.random((1, 4, 4, 3)) for _ in range(num_clips)]
    images = [clip + 0.01 * rng.random((length, 4, 4, 3)) for clip in clips]
    labels = np.repeat(np.arange(num_clips) % 4, length)
    names = np.repeat([f"clip{n}" for n in range(num_clips)], length)
    return Dataset(
        "film", np.concatenate(images), labels, tuple("abcd"),
        pd.DataFrame({"source": names}),
    )  # fmt: skip


def test_random_labels_are_those_of_whole_films():
    film = make_film()
    shuffled = measures._shuffle(film, np.random.default_rng(1))
    by_clip = pd.DataFrame({"s": film.metadata["source"], "label": shuffled.labels})
    assert (by_clip.groupby("s")["label"].nunique() == 1).all()
    np.testing.assert_array_equal(
        np.bincount(shuffled.labels), np.bincount(film.labels)
    )
    assert (shuffled.labels != film.labels).any()


def test_differences_are_roots_of_mean_squares():
    still = np.zeros((3, 2, 2, 3))
    moving = np.arange(3.0)[:, None, None, None] * np.ones((1, 2, 2, 3))
    film = Dataset(
        "film", np.concatenate([still, moving + 4]), np.zeros(6, int), ("a",),
        pd.DataFrame({"source": list("sssmmm")}),
    )  # fmt: skip
    found = measures._differences(film)
    assert found["neighbors"] == pytest.approx(0.5)
    assert found["ends"] == pytest.approx(1)
    assert found["clips"] == pytest.approx(4)
