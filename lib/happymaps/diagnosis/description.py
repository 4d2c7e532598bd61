"""What a page says of the network and the images themselves."""

import numpy as np
import xarray as xr

from happymaps.backend import keras
from happymaps.datasets import Dataset
from happymaps.datasets.dataset import source_column
from happymaps.networks.batches import run
from happymaps.networks.layers import cut, image_shape
from happymaps.networks.models import fingerprint
from happymaps.networks.outputs import LINEAR, output_kind
from happymaps.networks.randomness import describe, find_randomness

_FEW = 8


def layer_sizes(model: keras.Model, units: xr.Dataset) -> dict[str, int]:
    """Return how many channels or units each layer of a diagnosis has."""
    names = list(dict.fromkeys(units["layer"].values.tolist()))
    outputs = cut(model, names, pre_activation=False).outputs
    return {
        name: int(output.shape[-1]) for name, output in zip(names, outputs, strict=True)
    }


def describe_model(model: keras.Model, bare: keras.Model, images: np.ndarray) -> dict:
    """Return what a page says of a network.

    Args:
        model: As it is diagnosed, with its preprocessing.
        bare: As it was brought along.
        images: As `model` takes them.
    """
    kind = output_kind(model, run(model, images[:_FEW]))
    return {
        "randomness": describe(find_randomness(model, images[0])),
        "name": bare.name,
        "fingerprint": fingerprint(bare),
        "input": list(image_shape(model)),
        "num_parameters": int(bare.count_params()),
        "num_layers": len(bare.layers),
        "is_single_logit": model.output_shape[-1] == 1 and kind == LINEAR,
    }


def describe_dataset(dataset: Dataset, learned: Dataset | None = None) -> dict:
    """Return what a page says of the images.

    Args:
        dataset: That the network is asked about.
        learned: That it was trained with, where they are at hand.
    """
    return {
        "name": _plain_name(dataset.name),
        "num_images": len(dataset),
        "class_names": list(dataset.class_names),
        "class_counts": dataset.class_counts().tolist(),
        "regions": list(dataset.masks),
        "sources": _describe_sources(dataset, learned),
        "skipped": list(dataset.skipped),
    }


def _describe_sources(dataset: Dataset, learned: Dataset | None) -> dict | None:
    """Return how many people or videos the images are of; None where that is unknown.

    `num_learned` of them are among the images that were learned from, too; None where
    these do not say whose they are.
    """
    column = source_column(dataset.metadata)
    if column is None:
        return None
    found, num_learned = set(dataset.metadata[column]), None
    if learned is not None and column in learned.metadata:
        num_learned = len(found & set(learned.metadata[column]))
    return {"column": column, "number": len(found), "num_learned": num_learned}


def _plain_name(name: str) -> str:
    # The path of a folder says where, not what, and does not belong into a page.
    kind, _, path = name.partition(":")
    return path.rstrip("/").rpartition("/")[2] if kind == "folder" else name
