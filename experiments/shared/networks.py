"""The population of networks that the follow-ups look into.

A network is named by its seed, which also says whom it has not seen: the people are
dealt into folds, and the network of seed s is trained without fold s modulo
`num_folds`. So networks differ in their initial weights, their people and their data.
Networks to be compared on new people are trained without the same `fold`.
"""

import functools
from typing import TYPE_CHECKING, NamedTuple

from happymaps.datasets import Dataset

if TYPE_CHECKING:
    from happymaps.backend import keras

SMALL = "30x32"  # the smallest size of the CMU faces; a network takes seconds to train


class Network(NamedTuple):
    """A network, the images that it learned from, and those that it has not seen.

    Of a network that was brought along neither is known: both are the whole data set.
    """

    model: "keras.Model"
    learned: Dataset
    held_out: Dataset


def open_network(
    dataset: str,
    *,
    model: str = "",
    image_size: str = "",
    pixel_range: tuple[float, float] = (0.0, 1.0),
    target: str = "facing_left",
    split: str = "person",
    num_folds: int = 5,
    fold: int | None = None,
    seed: int = 0,
    **architecture,
) -> Network:
    """Return the network of a seed, trained now or found where it was kept.

    Args:
        dataset: As in `load_dataset`.
        model: Path of a network that was brought along, to look into instead.
        image_size: `"HEIGHTxWIDTH"`. Empty: what the network brought along takes; the
            images' own for a folder; else 30x32.
        pixel_range: What black and white are for a network that was brought along.
        target: What the faces are labeled for, as in `load_dataset`.
        split: `"person"` holds out whole people, `"image"` single images.
        num_folds: How many folds, >= 2.
        fold: Which is held out, 0 to `num_folds` - 1; None for the seed's.
        seed: Of initial weights and training; modulo `num_folds` the seed's fold.
        **architecture: Options of `build_cnn`, such as `filters`.

    Raises:
        ValueError: As in `open_study` and `split_fold`.
    """
    from happymaps.networks.study import open_study, study_network

    if model:
        study = open_study(
            dataset,
            model=model,
            image_size=image_size,
            pixel_range=pixel_range,
            target=target,
        )
        return Network(study.model, study.dataset, study.dataset)
    fold = seed % num_folds if fold is None else fold
    learned, held_out = _open_fold(dataset, image_size, target, split, num_folds, fold)
    return Network(study_network(learned, seed=seed, **architecture), learned, held_out)


@functools.lru_cache(maxsize=4)
def _open_fold(
    dataset: str, image_size: str, target: str, split: str, num_folds: int, fold: int
) -> tuple[Dataset, Dataset]:
    from experiments.experiment0.measures.train_one_network import split_fold
    from happymaps.networks.study import open_images

    is_folder = dataset.startswith("folder:")
    size = image_size or ("" if is_folder else SMALL)
    images = open_images(dataset, image_size=size, target=target)
    return split_fold(images, split=split, num_folds=num_folds, fold=fold, seed=0)
