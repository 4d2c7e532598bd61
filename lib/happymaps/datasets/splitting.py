"""Two parts of a data set: one to train on, one to test on."""

import numpy as np
from sklearn.model_selection import (
    GroupKFold,
    GroupShuffleSplit,
    ShuffleSplit,
    StratifiedKFold,
    StratifiedShuffleSplit,
)

from happymaps.base.messages import unknown_name
from happymaps.datasets.dataset import Dataset, source_column

SPLITS = ("image", "person")


def split_dataset(
    dataset: Dataset, *, by: str = "image", test_fraction: float = 0.2, seed: int = 0
) -> tuple[Dataset, Dataset]:
    """Split a data set at random; each part keeps the order of the images.

    By image, every class is divided alike; where a class is too small for that (a
    single image, or fewer test images than classes) all images are shuffled together.
    By person, whole people are held out, so that the test asks about new people.

    Args:
        dataset: What to split.
        by: `"image"` or `"person"`; the latter needs the metadata column `person`, or
            `source`: videos then take the place of people.
        test_fraction: Share of images, or of people, in the test part; in (0, 1). It is
            rounded to a whole number, at least 1 and at most all but one.
        seed: The same seed gives the same split.

    Returns:
        The train part and the test part.

    Raises:
        ValueError: Unknown `by`, a fraction outside (0, 1), no people to split by, or
            too few images or people.
    """
    _check_kind(by)
    if not 0 < test_fraction < 1:
        raise ValueError(
            "test_fraction must lie between 0 and 1. "
            f"Received: {test_fraction!r}. Give e.g. 0.2."
        )
    choose = _choose_images if by == "image" else _choose_people
    train, test = choose(dataset, test_fraction, seed)
    return dataset.take(np.sort(train)), dataset.take(np.sort(test))


def person_folds(
    dataset: Dataset, *, num_folds: int = 5, seed: int = 0
) -> list[tuple[Dataset, Dataset]]:
    """Return train and test parts such that each person is tested exactly once.

    Args:
        dataset: What to split; needs the metadata column `person` or `source`.
        num_folds: How many parts, each with its share of the people, at least 2.
        seed: Of who comes into which fold.

    Raises:
        ValueError: No people to split by, or fewer people than folds.
    """
    _choose_people(dataset, 1 / max(2, num_folds), seed)  # raises what is wrong
    people = dataset.metadata[source_column(dataset.metadata)].to_numpy()
    if not 2 <= num_folds <= len(np.unique(people)):
        raise ValueError(
            f"num_folds must lie between 2 and the number of people, "
            f"{len(np.unique(people))}. Received: {num_folds}."
        )
    folds = GroupKFold(num_folds, shuffle=True, random_state=seed)
    return [
        (dataset.take(train), dataset.take(test))
        for train, test in folds.split(dataset.images, groups=people)
    ]


def split_fold(
    dataset: Dataset, *, split: str, num_folds: int, fold: int, seed: int
) -> tuple[Dataset, Dataset]:
    """Return all folds but one, and that one: over all folds, each image once.

    Args:
        dataset: What to split.
        split: `"person"` deals out whole people, `"image"` single images, each class
            alike.
        num_folds: How many folds, >= 2.
        fold: Which is held out: 0 to `num_folds` - 1.
        seed: Of what comes into which fold.

    Raises:
        ValueError: Another split, no such fold, no people to deal out, or fewer images
            of a class than folds.
    """
    _check_kind(split)
    if not 0 <= fold < num_folds:
        raise ValueError(
            f"fold must lie between 0 and num_folds - 1, {num_folds - 1}. Received: "
            f"{fold}. The first fold is 0."
        )
    if split == "person":
        return person_folds(dataset, num_folds=num_folds, seed=seed)[fold]
    rarest = dataset.class_counts().min()
    if not 2 <= num_folds <= rarest:
        raise ValueError(
            "num_folds must lie between 2 and the number of images of the rarest "
            f"class, {rarest}. Received: {num_folds}."
        )
    folds = StratifiedKFold(num_folds, shuffle=True, random_state=seed)
    learned, held_out = list(folds.split(dataset.images, dataset.labels))[fold]
    return dataset.take(learned), dataset.take(held_out)


def _check_kind(split: str) -> None:
    if split not in SPLITS:
        raise ValueError(unknown_name("split", split, SPLITS))


def _choose_images(dataset: Dataset, test_fraction: float, seed: int):
    num_test = _round_share(len(dataset), test_fraction, "images")
    counts = np.bincount(dataset.labels)
    counts = counts[counts > 0]
    enough = min(num_test, len(dataset) - num_test) >= len(counts)
    stratified = enough and counts.min() > 1
    splitter = StratifiedShuffleSplit if stratified else ShuffleSplit
    splits = splitter(n_splits=1, test_size=num_test, random_state=seed)
    return next(splits.split(dataset.images, dataset.labels))


def _choose_people(dataset: Dataset, test_fraction: float, seed: int):
    column = source_column(dataset.metadata)
    if column is None:
        raise ValueError(
            "A split by person needs the metadata column 'person' (or 'source'). "
            "Received columns: "
            f"{', '.join(map(str, dataset.metadata.columns))}. Split by='image', or "
            "name the people in a ground_truth.csv (columns file, label, person) "
            "beside the class folders."
        )
    people = dataset.metadata[column].to_numpy()
    num_people = len(np.unique(people))
    num_test = _round_share(num_people, test_fraction, "people")
    pairs = dataset.metadata.assign(label=dataset.labels)[[column, "label"]]
    if pairs.drop_duplicates()["label"].is_unique:
        raise ValueError(
            "A split by person needs classes that people share. Received classes of "
            "one person each, so nothing of a test class would be trained on. Split "
            "by='image', or choose another target."
        )
    splits = GroupShuffleSplit(n_splits=1, test_size=num_test, random_state=seed)
    return next(splits.split(dataset.images, groups=people))


def _round_share(total: int, fraction: float, what: str) -> int:
    if total < 2:
        raise ValueError(
            f"A split needs at least 2 {what}. Received: {total}. Add {what}."
        )
    return min(max(round(total * fraction), 1), total - 1)
