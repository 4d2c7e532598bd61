"""Data sets as PNG files in a folder that `load_dataset("folder:...")` reads."""

import re
import tempfile
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
from PIL import Image

from happymaps.base import paths
from happymaps.datasets.dataset import Dataset
from happymaps.datasets.folder import GROUND_TRUTH, read_ground_truth

_MARKER = ".written-by-happymaps"


def save_dataset(dataset: Dataset, folder: Path | str) -> Path:
    """Write a data set as PNG files, so that `load_dataset("folder:...")` reads it.

    Each class has a subfolder, named after it; `ground_truth.csv` has a row per image
    with `file`, `label` (class index) and the metadata. Masks are not written. Pixels
    are rounded to 8 bits. The folder appears complete or not at all, and replaces one
    that this function wrote before.

    Args:
        dataset: Images in [0, 1] with 1 or 3 channels.
        folder: Where to write; its parents are made.

    Returns:
        The folder.

    Raises:
        ValueError: The folder holds anything that this function did not write, or a
            class name cannot be the name of a folder.
    """
    folder = Path(folder)
    _check_replaceable(folder)
    for class_name in dataset.class_names:
        _check_class_name(class_name)
    folder.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{folder.name}-"
    with tempfile.TemporaryDirectory(prefix=prefix, dir=folder.parent) as temporary:
        new, old = Path(temporary) / "new", Path(temporary) / "old"
        _write_images(dataset, new)
        try:
            if folder.exists():
                folder.rename(old)
            new.rename(folder)
        except BaseException:
            if old.exists():
                old.rename(folder)
            raise
    return folder


def _check_replaceable(folder: Path) -> None:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    fault = "what save_dataset did not write"
    if (folder / _MARKER).is_file():
        truth = read_ground_truth(folder)
        listed = {GROUND_TRUTH, *(truth["file"] if truth is not None else ())}
        inside = (path.relative_to(folder) for path in folder.rglob("*"))
        added = [
            path.as_posix()
            for path in sorted(inside)
            if not path.name.startswith(".") and not (folder / path).is_dir()
        ]
        added = [file for file in added if file not in listed]
        if not added:
            return
        fault = f"{added[0]}, which save_dataset did not write"
    raise ValueError(
        f"Expected a new or empty folder, or one from an earlier save. {folder} holds "
        f"{fault}. Choose another folder, or move that away."
    )


def _check_class_name(name: str) -> None:
    if not name or name.startswith(".") or any(sign in name for sign in '/\\:*?"<>|\0'):
        raise ValueError(
            f"A class name must be able to name a folder. Received: {name!r}. "
            'Leave out a leading dot and / \\ : * ? " < > |.'
        )


def _write_images(dataset: Dataset, folder: Path) -> None:
    files = [
        f"{dataset.class_names[label]}/{stem}.png"
        for label, stem in zip(dataset.labels, _make_stems(dataset), strict=True)
    ]
    for class_name in {PurePosixPath(file).parts[0] for file in files}:
        (folder / class_name).mkdir(parents=True)
    pixels = np.rint(np.clip(dataset.images, 0, 1) * 255).astype(np.uint8)
    for file, image in zip(files, pixels, strict=True):
        Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image).save(
            folder / file
        )
    known = dataset.metadata.drop(columns=["file", "label"], errors="ignore")
    columns = pd.DataFrame({"file": files, "label": dataset.labels})
    pd.concat([columns, known.reset_index(drop=True)], axis=1).to_csv(
        folder / GROUND_TRUTH, index=False, lineterminator="\n"
    )
    (folder / _MARKER).write_text("save_dataset may replace this folder.\n")


def _make_stems(dataset: Dataset) -> list[str]:
    numbers = [f"{index:05d}" for index in range(len(dataset))]
    if "file" not in dataset.metadata:
        return numbers
    stems = [PurePosixPath(str(file)).stem for file in dataset.metadata["file"]]
    # Compared in lower case because not every file system tells "A" from "a".
    places = {
        (label, stem.lower()) for label, stem in zip(dataset.labels, stems, strict=True)
    }
    hidden = any(stem.startswith(".") for stem in stems)
    return numbers if hidden or len(places) < len(stems) else stems


def processed_folder(dataset: Dataset) -> Path:
    """Return the folder `data/processed/<name>/` that a data set is written to."""
    kind, _, path = dataset.name.rpartition(":")
    name = "_".join(filter(None, [kind, Path(path).name]))
    return paths.data_root() / "processed" / re.sub(r"[^A-Za-z0-9_-]+", "_", name)
