"""Drawn clips: the same again by seed, and alike within a clip, as films are."""

import itertools

import numpy as np

from happymaps.datasets import draw_clips, write_frames
from happymaps.datasets.drawn_clips import KINDS, draw_clip


def draw(kind: str, seed: int) -> np.ndarray:
    frames = draw_clip(kind, np.random.default_rng(seed), 45, 15, 64)
    assert frames.shape == (45, 64, 64, 3) and frames.dtype == np.uint8
    return frames / 255


def distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.sqrt(np.mean((a - b) ** 2)))


def test_frames_of_a_clip_are_alike_and_clips_of_a_class_differ():
    for kind in KINDS:
        first, second = draw(kind, 0), draw(kind, 1)
        np.testing.assert_array_equal(first, draw(kind, 0))
        neighbors = np.mean([distance(a, b) for a, b in itertools.pairwise(first)])
        assert neighbors < distance(first[0], first[-1]) < distance(first[0], second[0])


def test_kinds_differ_on_the_same_background():
    clips = [draw(kind, 0)[0] for kind in KINDS]
    for a, b in itertools.combinations(clips, 2):
        differs = np.abs(a - b).max(axis=-1) > 0.2
        assert 0.01 < differs.mean() < 0.5
        assert not differs[0].any() and not differs[:, 0].any()  # it stays inside


def test_clips_are_written_once_and_read_back_as_images(tmp_path):
    found = draw_clips(tmp_path, 1, seconds=1)
    assert [path.name for paths in found.values() for path in paths] == [
        "ball00.mp4", "cup00.mp4", "key00.mp4", "scissors00.mp4",
    ]  # fmt: skip
    times = [path.stat().st_mtime_ns for path in found["cup"]]
    again = draw_clips(tmp_path, 2, seconds=1)
    assert again["cup"][:1] == found["cup"] and len(again["cup"]) == 2
    assert [path.stat().st_mtime_ns for path in found["cup"]] == times
    assert len(write_frames(again["cup"], tmp_path / "images" / "cup", rate=5)) == 10
