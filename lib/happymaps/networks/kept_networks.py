"""Networks that lie in the repository: `experiments/networks/`.

Training makes another network on another processor, since it rounds otherwise. The
quick profiles of the notebooks therefore look into networks that are kept, in files
beside a table that says what each was made from. `keeping` makes them.
"""

import hashlib
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from happymaps.backend import keras
from happymaps.base.paths import repository_root
from happymaps.datasets import Dataset
from happymaps.networks.reading import load_model

# Drawn faces differ by 3e-7 between processors, and a sum over them by less.
_SUM_TOLERANCE = 1e-5
_NUM_SUMS = 4


def kept_folder() -> Path:
    """Return the folder of the kept networks and their table, `networks.csv`."""
    return repository_root() / "experiments" / "networks"


def read_table() -> pd.DataFrame:
    """Return a row per kept network, all columns as text; none outside a checkout."""
    path = kept_folder() / "networks.csv"
    if not path.is_file():
        return pd.DataFrame()
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def find_kept(dataset: Dataset, form: Mapping[str, object]) -> keras.Model | None:
    """Return the network that was made from these images in this form, or None.

    Args:
        dataset: The images to learn from.
        form: As for `describe_form`.

    Raises:
        ValueError: The file is missing, or holds other weights than the table says.
    """
    table = read_table()
    for name, value in (describe_form(form) | _describe_labels(dataset)).items():
        table = table[table[name] == value] if name in table else table[:0]
    if table.empty:
        return None
    sums = _sum_images(dataset)
    for row in table.itertuples():
        expected = np.array(row.images.split(), float)
        if np.allclose(sums, expected, rtol=0, atol=_SUM_TOLERANCE):
            return _load(row.file, row.weights)
    return None


def describe_form(form: Mapping[str, object]) -> dict[str, str]:
    """Return the columns that say how a network was built and trained.

    Args:
        form: Options of `build_cnn`, and `training`, the options of `train`.
    """
    training = " ".join(f"{name}={value}" for name, value in form["training"].items())
    return {
        "filters": "-".join(map(str, form["filters"])),
        "dense_units": "-".join(map(str, form["dense_units"])),
        "final_activation": str(form["final_activation"]),
        "seed": str(form["seed"]),
        "training": training,
    }


def describe_images(dataset: Dataset) -> dict[str, str]:
    """Return the columns that say what a network learned from.

    `images` are weighted sums, which rounding leaves alone; `fingerprint` is exact.
    """
    sums = " ".join(f"{value:.6f}" for value in _sum_images(dataset))
    labels = _describe_labels(dataset)
    return {**labels, "images": sums, "fingerprint": dataset.fingerprint()}


def digest_weights(model: keras.Model) -> str:
    """Return 16 hex digits of a sha256 over the weights of a network."""
    digest = hashlib.sha256()
    for weight in model.get_weights():
        digest.update(repr(weight.shape).encode() + weight.tobytes())
    return digest.hexdigest()[:16]


def write_network(model: keras.Model, path: Path, *, bits: int = 24) -> keras.Model:
    """Write a network in little space, and return it as it will be read.

    What training left beside the weights is not written.

    Args:
        model: A network of Keras's own layers; it is not changed.
        path: Of the `.keras` file.
        bits: Significant bits that weights keep of their 24; 8 leave an error of 0.4 %
            at most, and less than half of the file.
    """
    # Not clone_model: its copy is compiled like the model, with a state of training.
    small = type(model).from_config(model.get_config())
    small.set_weights([round_weights(weight, bits) for weight in model.get_weights()])
    small.save(path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in sorted(archive.namelist())}
    # Without any time, so that the same network is the same file.
    told = json.loads(parts["metadata.json"]) | {"date_saved": ""}
    parts["metadata.json"] = json.dumps(told).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_LZMA)
    return small


def round_weights(weight: np.ndarray, bits: int) -> np.ndarray:
    """Return float32 numbers rounded to significant bits, halves away from zero."""
    pattern = np.ascontiguousarray(weight, np.float32).view(np.uint32)
    unit = np.uint32(1 << (24 - bits))
    return ((pattern + unit // 2) // unit * unit).view(np.float32)


def _describe_labels(dataset: Dataset) -> dict[str, str]:
    labels = hashlib.sha256(np.ascontiguousarray(dataset.labels, "<i8").tobytes())
    return {
        "shape": "x".join(map(str, dataset.images.shape)),
        "classes": ", ".join(dataset.class_names),
        "labels": labels.hexdigest()[:16],
    }


def _sum_images(dataset: Dataset) -> np.ndarray:
    flat = dataset.images.reshape(len(dataset), -1).astype(np.float64)
    rng = np.random.default_rng(0)
    by_image, by_pixel = (rng.standard_normal((_NUM_SUMS, n)) for n in flat.shape)
    return ((by_image @ flat) * by_pixel).sum(axis=1) / np.sqrt(flat.size)


def _load(name: str, expected: str) -> keras.Model:
    path = kept_folder() / name
    remedy = "Restore it from git, or make all anew: `happymaps refresh --networks`."
    if not path.is_file():
        raise ValueError(
            f"Expected the network that experiments/networks/networks.csv names, "
            f"{name!r}. There is no such file. {remedy}"
        )
    model = load_model(path)
    found = digest_weights(model)
    if found != expected:
        raise ValueError(
            f"Expected weights {expected} in experiments/networks/{name}, as "
            f"networks.csv says. Received: {found}. {remedy}"
        )
    return model
