"""One task, one split by person: what frozen features are worth beside other ways."""

import dataclasses
import functools
import time
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from happymaps.base.sweepable import (
    Source,
    TrainedSource,
    parse_image_size,
    sweepable,
)
from happymaps.base.variable_labels import label_variables

if TYPE_CHECKING:
    from happymaps.backend import keras
    from happymaps.datasets import Dataset

PHOTOGRAPHS = Source(image_size="96x96", target="eyes")
SMALL = (30, 32)  # of raw pixels, and of the network that starts from scratch
_HELD_OUT = 0.2  # of the people
_STRENGTH = {"pixels": 0.001, "features": 0.01}  # C of the logistic regressions
_SCRATCH_IMAGES = 8000  # that a network from scratch sees in all, at most 60 epochs
_TUNED_EPOCHS = (20, 12)  # for up to 64 images, and for more
_TUNED_BATCH, _TUNED_RATE = 16, 3e-4
_AT_ONCE = 48
_STATISTICS = 32  # images that those of normalization are taken from
# From the first to the last, and how far up each lies: its share of the 16 blocks.
LAYERS = {
    "stem_relu": 0.0,
    "block2_project_bn": 3 / 16,
    "block4_project_bn": 5 / 16,
    "block7_project_bn": 8 / 16,
    "block10_project_bn": 11 / 16,
    "block14_project_bn": 15 / 16,
    "features": 1.0,
}
METHODS = (
    "raw pixels, logistic",
    "random features, logistic",
    "deep features, logistic",
    "deep features, forest",
    "deep features, boosting",
    "from scratch",
    "fine-tuned",
    "fine-tuned, statistics too",
    "shuffled labels",
)
_MEANINGS = {
    "score": ("balanced accuracy on new people", "1"),
    "seconds": ("time of all processors, features of all images included", "s"),
    "chance": ("balanced accuracy of a guess", "1"),
    "num_test": ("images of new people", "1"),
}


@sweepable
def measure_features(
    *,
    source: TrainedSource = PHOTOGRAPHS,
    num_learned: int = 128,
    num_images: int = 0,
    slow_heads: bool = False,
    scratch: bool = False,
    tuned: bool = False,
) -> xr.Dataset:
    """Learn a task from a few images, in several ways, and ask about new people.

    The features are the last ones of EfficientNet-Lite0. Random features are those of
    the same network with weights as before any training, its statistics of
    normalization taken from the images, without which no signal arrives. The labels
    that are shuffled are those learned from, with deep features.

    Args:
        source: The images; of the seed depend the people held out, a fifth, and the
            images learned from.
        num_learned: Images to learn from, drawn from the other people, each class
            alike; all where there are fewer.
        num_images: Of drawn faces; 0 for as many as there are.
        slow_heads: Whether a random forest and boosted trees are learned, too.
        scratch: Whether the study's own network is trained on the same images.
        tuned: Whether EfficientNet-Lite0 itself is trained further: with its
            statistics of normalization frozen, and without.

    Returns:
        `score` and `seconds` `(method)`, NaN where not asked for; seconds only with
        `tuned`, when features are computed anew; `chance`, `num_test`.

    Raises:
        ValueError: As in `load_dataset`, or people that cannot be told apart.
    """
    images = load_images(source, num_images)
    small = load_images(source, num_images, size=SMALL)
    learned, held_out = split_people(images, num_learned, source.seed)
    labels, truth = images.labels[learned], images.labels[held_out]
    found = {}

    def note(method: str, predict, started: float) -> None:
        score = balanced_accuracy_score(truth, predict)
        found[method] = score, time.process_time() - started

    def note_head(method: str, head, values, given=labels, spent: float = 0) -> None:
        started = time.process_time() - spent
        note(
            method, head.fit(values[learned], given).predict(values[held_out]), started
        )

    raw = small.images.mean(axis=-1).reshape(len(small), -1)
    note_head(METHODS[0], logistic("pixels"), raw)
    # Where seconds are asked for, nothing is taken from a call before.
    fresh = features_of.__wrapped__ if tuned else features_of
    for method, is_random in ((METHODS[1], True), (METHODS[2], False)):
        started = time.process_time()
        layers = fresh(
            source.dataset, source.image_size, num_images,
            is_random=is_random, keep=not tuned,
        )  # fmt: skip
        values, spent = layers[-1], time.process_time() - started
        note_head(method, logistic("features"), values, spent=spent)
    if slow_heads:
        forest = RandomForestClassifier(200, random_state=source.seed)
        note_head(METHODS[3], forest, values, spent=spent)
        trees = HistGradientBoostingClassifier(max_iter=30, random_state=source.seed)
        note_head(METHODS[4], trees, values, spent=spent)
    if scratch:
        started = time.process_time()
        named = _learn_from_scratch(small, learned, held_out, source.seed)
        note(METHODS[5], named, started)
    for method, is_frozen in ((METHODS[6], True), (METHODS[7], False)) if tuned else ():
        started = time.process_time()
        network = _tune(images.take(learned), source.seed, is_frozen=is_frozen)
        note(method, _name(network, images.images[held_out]), started)
    shuffled = np.random.default_rng(source.seed).permutation(labels)
    note_head(METHODS[8], logistic("features"), values, shuffled)
    nothing = np.nan, np.nan
    scores, seconds = zip(*(found.get(each, nothing) for each in METHODS), strict=True)
    result = xr.Dataset(
        {
            "score": ("method", list(scores)),
            "seconds": ("method", list(seconds if tuned else [np.nan] * len(METHODS))),
            "chance": 1 / len(images.class_names),
            "num_test": len(truth),
        },
        {"method": list(METHODS)},
    )
    return label_variables(result, _MEANINGS)


def load_images(
    source: Source, num_images: int, *, size: tuple[int, int] | None = None
) -> "Dataset":
    """Return the images in three channels, at the size of the source or another."""
    from happymaps.datasets import load_dataset

    # Drawn faces are the same for all seeds: a seed says who is new.
    return load_dataset(
        source.dataset,
        image_size=size or parse_image_size(source.image_size),
        target=source.target,
        channels=3,
        num_images=num_images or None,
    )


def split_people(
    images: "Dataset", num_learned: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of the images to learn from, and of those of new people."""
    from happymaps.datasets.splitting import split_dataset

    numbered = dataclasses.replace(
        images, metadata=images.metadata.assign(place=range(len(images)))
    )
    parts = split_dataset(numbered, by="person", test_fraction=_HELD_OUT, seed=seed)
    known, new = (part.metadata["place"].to_numpy() for part in parts)
    if num_learned < len(known):
        known, _ = train_test_split(
            known, train_size=num_learned, random_state=seed,
            stratify=images.labels[known],
        )  # fmt: skip
    return known, new


def logistic(values: str, *, strength: float | None = None):
    """Return a logistic regression on standardized values: `pixels` or `features`."""
    strength = _STRENGTH[values] if strength is None else strength
    return make_pipeline(
        StandardScaler(), LogisticRegression(C=strength, max_iter=2000)
    )


@functools.lru_cache(maxsize=4)
def features_of(
    dataset: str,
    image_size: str,
    num_images: int,
    *,
    is_random: bool = False,
    keep: bool = True,
) -> list[np.ndarray]:
    """Return the features of `LAYERS`, which depend on no seed and no target."""
    import happymaps as hm

    source = Source(dataset=dataset, image_size=image_size)
    images = load_images(source, num_images).images
    network = hm.networks.efficientnet_lite0(images.shape[1:3])
    if is_random:
        network = _forget(network, images[:_STATISTICS])
    return hm.deep_features(network, images, list(LAYERS), keep=keep)


def _forget(network: "keras.Model", images: np.ndarray) -> "keras.Model":
    """Return a network before any training, its statistics those of the images."""
    from happymaps.networks.random_controls import make_twin

    twin = make_twin(network, "fresh")
    for layer in _normalizations(twin):
        layer.momentum = 0.0
    twin(images, training=True)
    return twin


def _normalizations(network: "keras.Model") -> list:
    from happymaps.backend import keras

    kind = keras.layers.BatchNormalization
    return [layer for layer in network.layers if isinstance(layer, kind)]


def _learn_from_scratch(small, learned, held_out, seed: int) -> np.ndarray:
    import happymaps as hm

    gray = dataclasses.replace(small, images=small.images.mean(-1, keepdims=True))
    untrained = hm.networks.build_cnn((*SMALL, 1), len(gray.class_names), seed=seed)
    network = hm.networks.train(
        untrained,
        gray.take(learned),
        seed=seed,
        epochs=min(60, _SCRATCH_IMAGES // len(learned)),
        validation_fraction=0,
    ).model
    return hm.networks.probabilities(network, gray.take(held_out)).argmax(axis=1)


def _tune(few: "Dataset", seed: int, *, is_frozen: bool) -> "keras.Model":
    """Return EfficientNet-Lite0 with a new head, all of it trained on a few images."""
    import happymaps as hm
    from happymaps.backend import keras

    keras.utils.set_random_seed(seed)
    known = hm.networks.efficientnet_lite0(few.images.shape[1:3])
    for layer in _normalizations(known) if is_frozen else ():
        layer.trainable = False
    values = keras.layers.Dropout(0.2)(known.get_layer("features").output)
    network = keras.Model(known.input, keras.layers.Dense(len(few.class_names))(values))
    network.compile(
        keras.optimizers.Adam(_TUNED_RATE),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    network.fit(
        few.images,
        few.labels,
        epochs=_TUNED_EPOCHS[len(few) > 64],
        batch_size=_TUNED_BATCH,
        verbose=0,
    )
    return network


def _name(network: "keras.Model", images: np.ndarray) -> np.ndarray:
    return network.predict(images, batch_size=_AT_ONCE, verbose=0).argmax(axis=1)
