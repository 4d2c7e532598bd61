"""What every experiment starts from: a data set, a network, and how well it does."""

import dataclasses
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from happymaps.backend import keras
from happymaps.base.paths import data_root
from happymaps.base.processors import instruction_set
from happymaps.base.sweepable import parse_image_size
from happymaps.datasets import Dataset, open_images, split_dataset
from happymaps.datasets.preprocessing import Preprocessing, make_preprocessing
from happymaps.datasets.splitting import split_fold
from happymaps.networks.checks import check_images
from happymaps.networks.fed import include_preprocessing
from happymaps.networks.kept_networks import find_kept
from happymaps.networks.layers import image_shape
from happymaps.networks.models import build_cnn, fingerprint, save_model
from happymaps.networks.reading import load_model
from happymaps.networks.training import evaluate, has_class_outputs, train

# The study's own training: part of what identifies a network that is kept.
TRAINING = {"epochs": 20, "patience": 5}
SMALL = "30x32"  # the smallest size of the CMU faces; a network takes seconds to train


class Study(NamedTuple):
    """A network with the images to look at it with.

    Attributes:
        model: The network.
        dataset: All images, in the range that the network takes.
        learned: Those that it learned from; all where that is not known.
        held_out: Those that it has not seen; all where that is not known.
    """

    model: keras.Model
    dataset: Dataset
    learned: Dataset
    held_out: Dataset

    @property
    def parts(self) -> dict[str, Dataset]:
        """The images that accuracy is reported for, by the name of the part.

        `train` and `test`; `all` where it is not known what the network learned from.
        """
        if self.learned is self.held_out:
            return {"all": self.dataset}
        return {"train": self.learned, "test": self.held_out}

    @property
    def fits(self) -> bool:
        """Whether the network has an output for each class of the data set."""
        return has_class_outputs(self.model, self.dataset)

    def accuracies(self) -> pd.DataFrame:
        """Return a row per part: images, accuracy, balanced accuracy, in [0, 1].

        `majority_guess` is the accuracy of always naming the most frequent class. All
        accuracies are NaN where the network has not as many outputs as there are
        classes.
        """
        rows = {}
        for name, part in self.parts.items():
            measured = evaluate(self.model, part) if self.fits else {}
            rows[name] = {
                "images": len(part),
                "accuracy": measured.get("accuracy", np.nan),
                "balanced_accuracy": measured.get("balanced_accuracy", np.nan),
                "majority_guess": part.class_counts().max() / len(part),
            }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("part")


def open_study(
    dataset: str,
    *,
    model: str | Path | keras.Model = "",
    image_size: str = "",
    pixel_range: tuple[float, float] = (0.0, 1.0),
    preprocessing: str | Preprocessing = "",
    target: str = "facing_left",
    seed: int = 0,
    split: str = "",
    num_folds: int = 5,
    fold: int | None = None,
    **architecture,
) -> Study:
    """Return a data set with the network that an experiment looks into.

    The study's own network is trained on 80 % of the images, split by image, and kept
    for the next call. With a `split`, it is one of many: the images are dealt into
    folds, the same for all seeds, and the network of a seed learns from all but one.
    So networks differ in their initial weights and in whom they have not seen, and
    those to be compared on new people are trained without the same `fold`.

    Args:
        dataset: As in `load_dataset`.
        model: A network that was brought along, or the path where it is saved, or a
            name as in `load_model`; empty for the study's own.
        image_size: `"HEIGHTxWIDTH"` that images are brought to. Empty: what a network
            that was brought along takes; for a folder of images, the size that they
            have; else 60x64, and 30x32 with a `split`.
        pixel_range: What black and white are for the network, (0, 255) for many that
            begin with a Rescaling layer. The images of the study are brought to it.
        preprocessing: `"caffe"`, `"torch"`, `"tf"` or `"raw"`, or a `Preprocessing`, of
            a network that was trained behind one. It becomes a part of the study's
            network (see `include_preprocessing`), whose images stay in [0, 1].
        target: What the faces are labeled for, as in `load_dataset`.
        seed: Of initial weights and training; without a `split`, of the data set and
            its parts too.
        split: `"person"` holds out whole people, `"image"` single images.
        num_folds: How many folds, >= 2.
        fold: Which is held out, 0 to `num_folds` - 1; None for seed modulo `num_folds`.
        **architecture: Options of `build_cnn` for the study's own, such as `filters`.

    Raises:
        ValueError: As in `load_dataset`, `load_model` and `split_fold`; images that do
            not fit the network.
    """
    if not isinstance(model, keras.Model):
        built_for = parse_image_size(image_size)
        model = load_model(model, image_size=built_for) if model else None
    data_seed = 0 if split else seed
    if split and not model and not dataset.startswith("folder:"):
        image_size = image_size or SMALL
    images = open_images(
        dataset,
        image_size=image_size,
        target=target,
        seed=data_seed,
        fit=image_shape(model) if model else None,
    )
    prepare = make_preprocessing(preprocessing, pixel_range=pixel_range)
    if not preprocessing:
        images = dataclasses.replace(images, images=prepare.apply(images.images))
    elif model:
        model = include_preprocessing(model, prepare)
    else:
        raise ValueError(
            "preprocessing is that of a network that was brought along. Received: "
            f"{preprocessing!r} without a model. Leave it out, or give model=..."
        )
    if model:
        check_images(model, images.images)
        return Study(model, images, images, images)
    if split:
        fold = seed % num_folds if fold is None else fold
        learned, held_out = split_fold(
            images, split=split, num_folds=num_folds, fold=fold, seed=data_seed
        )
    else:
        learned, held_out = split_dataset(images, by="image", seed=data_seed)
    network = study_network(learned, seed=seed, **architecture)
    return Study(network, images, learned, held_out)


def study_network(dataset: Dataset, *, seed: int = 0, **architecture) -> keras.Model:
    """Return the study's network trained on `dataset`.

    It is the one that the repository keeps, the same on every machine; else one that
    this machine keeps in `data/processed/models`; else it is trained, and kept there.

    Args:
        dataset: Images to learn from.
        seed: Of initial weights and training.
        **architecture: Options of `build_cnn`.

    Raises:
        ValueError: The repository's network is not what its table says.
    """
    form = {**build_cnn.__kwdefaults__, **architecture, "seed": seed}
    kept = find_kept(dataset, {**form, "training": TRAINING})
    if kept is not None:
        return kept
    untrained = build_cnn(dataset.images.shape[1:], len(dataset.class_names), **form)
    options = "-".join(f"{name}{value}" for name, value in TRAINING.items())
    made_from = [dataset.fingerprint(), fingerprint(untrained), options, f"seed{seed}"]
    name = "-".join([*made_from, *_arithmetic()])
    path = data_root() / "processed" / "models" / f"{name}.keras"
    if path.is_file():
        return load_model(path)
    trained = train(untrained, dataset, seed=seed, **TRAINING).model
    save_model(trained, path)
    return trained


def _arithmetic() -> list[str]:
    # Rounding depends on the convolution library, the number of threads and the
    # processor's instructions, and twenty epochs make another network of it: the same
    # call must not find one trained under other settings.
    threads = os.environ.get("TF_NUM_INTRAOP_THREADS") or os.cpu_count()
    onednn = os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1")
    return [f"onednn{onednn}", f"threads{threads}", instruction_set()]
