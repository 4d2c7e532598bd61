"""Networks that learn objects from films of them: how right are they, and on what?"""

import dataclasses
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from happymaps.base.sweepable import sweepable
from happymaps.base.variable_labels import label_variables

if TYPE_CHECKING:
    from happymaps.datasets import Dataset

_LEARNED_SIDE, _PHOTOGRAPHED_SIDE = 32, 64  # pixels
_HELD_OUT = 0.25
_BATCH = 64
_FILTERS, _DENSE = (8, 16), (32,)
_LEARNING_RATE = 2e-3
_STRENGTH = 0.01  # of the logistic regression: the inverse of its weight decay
# Name in the result -> what it is, and its unit.
_MEANINGS = {
    "by_frame": ("accuracy on frames held out, of clips that are known", "1"),
    "by_video": ("accuracy on clips held out", "1"),
    "num_learned": ("frames learned from, by video", "1"),
    "half_of_clips": ("by video at 1 a second, from half of the clips", "1"),
    "all_clips": ("the same from all clips learned from", "1"),
    "shuffled_by_frame": ("by frame, labels dealt out to clips at random", "1"),
    "shuffled_by_video": ("by video, labels dealt out to clips at random", "1"),
    "photographs_by_video": ("by video, logistic regression on features", "1"),
    "neighbors": ("rms difference of neighbors in a clip", "1"),
    "ends": ("rms difference of first and last image of a clip", "1"),
    "clips": ("rms difference of two clips of a class", "1"),
}


@sweepable
def measure_frames(
    *,
    rates: list[float] = [15.0, 1.0, 0.25],  # noqa: B006 - never changed
    clips_per_kind: int = 12,
    num_steps: int = 200,
    controls: bool = True,
    seed: int = 0,
) -> xr.Dataset:
    """Film drawn objects, and learn them from frames: split by frame, and by video.

    Args:
        rates: Images per second, the highest first, at most 15.
        clips_per_kind: Clips of each object; a quarter is held out.
        num_steps: Of each training, about.
        controls: Whether to measure what `half_of_clips` and `all_clips` are.
        seed: Of the clips, of what is held out, and of the networks.

    Returns:
        `by_frame`, `by_video` and `num_learned` by `rate`; all others without
        dimensions, NaN where they are not measured.
    """
    from happymaps.datasets.drawn_clips import draw_clips

    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as temporary:
        files = draw_clips(Path(temporary) / "clips", clips_per_kind, seed=seed)
        kinds = list(files)
        chosen = [rng.permutation(clips_per_kind) for _ in kinds]
        num_held_out = max(1, round(_HELD_OUT * clips_per_kind))
        held_out = {
            files[kind][n].stem
            for kind, order in zip(kinds, chosen, strict=True)
            for n in order[:num_held_out]
        }
        films = {rate: _read(files, Path(temporary), rate) for rate in {*rates, 1.0}}
        photographed = _read(files, Path(temporary), 1.0, _PHOTOGRAPHED_SIDE)
    asked = films[rates[0]].take(_is_of(films[rates[0]], held_out))

    def by_video(film: "Dataset", without: set[str] = frozenset()) -> float:
        learned = film.take(~_is_of(film, held_out | without))
        return _accuracy(learned, asked, num_steps, seed)

    found = {
        "by_frame": ("rate", [_by_frame(films[r], num_steps, seed) for r in rates]),
        "by_video": ("rate", [by_video(films[rate]) for rate in rates]),
        "num_learned": (
            "rate",
            [int((~_is_of(films[rate], held_out)).sum()) for rate in rates],
        ),
    }
    half, whole = np.nan, np.nan
    if controls:
        left_out = {
            files[kind][n].stem
            for kind, order in zip(kinds, chosen, strict=True)
            for n in order[num_held_out:][::2]
        }
        half = by_video(films[1.0], left_out)
        whole = by_video(films[1.0])
    shuffled = _shuffle(films[rates[0]], rng)
    shuffled_asked = shuffled.take(_is_of(shuffled, held_out))
    result = xr.Dataset(
        {
            **found,
            "half_of_clips": half,
            "all_clips": whole,
            "shuffled_by_frame": _by_frame(shuffled, num_steps, seed),
            "shuffled_by_video": _accuracy(
                shuffled.take(~_is_of(shuffled, held_out)),
                shuffled_asked,
                num_steps,
                seed,
            ),
            "photographs_by_video": _ask_photographs(photographed, held_out),
            **_differences(films[rates[0]]),
        },
        {"rate": rates},
    )
    return label_variables(result, _MEANINGS)


def _read(files: dict, folder: Path, rate: float, side: int = _LEARNED_SIDE):
    from happymaps.datasets.folder import load_folder
    from happymaps.datasets.videos import write_frames

    images = folder / f"{side} at {rate}"
    for kind, clips in files.items():
        write_frames(clips, images / kind, rate=rate)
    return load_folder(images, image_size=(side, side), channels=3, name="drawn clips")


def _is_of(film: "Dataset", sources: set[str]) -> np.ndarray:
    return film.metadata["source"].isin(sources).to_numpy()


def _by_frame(film: "Dataset", num_steps: int, seed: int) -> float:
    from happymaps.datasets.splitting import split_dataset

    parts = split_dataset(film, by="image", test_fraction=_HELD_OUT, seed=seed)
    return _accuracy(*parts, num_steps, seed)


def _accuracy(learned: "Dataset", asked: "Dataset", num_steps: int, seed: int) -> float:
    from happymaps.networks.models import build_cnn
    from happymaps.networks.training import evaluate, train

    shape, classes = learned.images.shape[1:], len(learned.class_names)
    network = build_cnn(shape, classes, filters=_FILTERS, dense_units=_DENSE, seed=seed)
    steps = -(-len(learned) // _BATCH)
    epochs = max(1, round(num_steps / steps))
    trained = train(
        network,
        learned,
        seed=seed,
        epochs=epochs,
        batch_size=_BATCH,
        learning_rate=_LEARNING_RATE,
        validation_fraction=0,
    )
    return evaluate(trained.model, asked)["accuracy"]


def _shuffle(film: "Dataset", rng: np.random.Generator) -> "Dataset":
    """Return the same with the labels of whole clips dealt out anew."""
    sources, first = np.unique(film.metadata["source"], return_index=True)
    dealt = dict(zip(sources, rng.permutation(film.labels[first]), strict=True))
    labels = film.metadata["source"].map(dealt).to_numpy(np.int64)
    return dataclasses.replace(film, labels=labels)


def _ask_photographs(film: "Dataset", held_out: set[str]) -> float:
    """Return the accuracy on new clips of features that photographs taught."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from happymaps.networks.features import deep_features
    from happymaps.networks.pretrained import efficientnet_lite0

    network = efficientnet_lite0(film.images.shape[1:3])
    features = deep_features(network, film.images, "features")
    is_new = _is_of(film, held_out)
    logistic = LogisticRegression(C=_STRENGTH, max_iter=2000)
    head = make_pipeline(StandardScaler(), logistic)
    head.fit(features[~is_new], film.labels[~is_new])
    return float(head.score(features[is_new], film.labels[is_new]))


def _differences(film: "Dataset") -> dict[str, float]:
    sources = film.metadata["source"].to_numpy()
    clips = [film.images[sources == name] for name in np.unique(sources)]
    labels = [film.labels[sources == name][0] for name in np.unique(sources)]
    pairs = [
        _rms(a[0] - b[0])
        for k, a in enumerate(clips)
        for i, b in enumerate(clips[:k])
        if labels[k] == labels[i]
    ]
    return {
        "neighbors": float(np.mean([_rms(np.diff(clip, axis=0)) for clip in clips])),
        "ends": float(np.mean([_rms(clip[-1] - clip[0]) for clip in clips])),
        "clips": float(np.mean(pairs)),
    }


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))
