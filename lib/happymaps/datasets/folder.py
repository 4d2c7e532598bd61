"""Images in a folder, one subfolder a class.

`ground_truth.csv` beside the subfolders is optional; `save_dataset` writes it. Its
columns are `file` (path in the folder), `label` (class index, which gives the order of
the classes, or its name) and whatever else is known of an image, such as `person` or
`source`, the video that it is of, for the metadata.
"""

import io
import os
import warnings
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
from PIL import Image, ImageOps

from happymaps.base import paths
from happymaps.base.messages import list_faults
from happymaps.datasets.dataset import PERSON, SOURCE, Dataset
from happymaps.datasets.pgm import decode_pgm, is_pgm
from happymaps.datasets.pixels import resize, set_channels
from happymaps.datasets.room import MOST_BYTES, check_pixels, check_room

GROUND_TRUTH = "ground_truth.csv"
_MOST_NAMED = 1000  # damaged files: all, so that one round mends them
_LAYOUT = "Expected one subfolder of images per class, at least two classes."


def load_folder(
    path: Path,
    *,
    image_size: tuple[int, int] | None = (60, 64),
    channels: int | None = None,
    name: str | None = None,
    skip_damaged: bool | None = None,
) -> Dataset:
    """Return the images of a folder that has one subfolder per class.

    Classes are in alphabetical order, or in that of the labels in `ground_truth.csv`;
    images in alphabetical order of their files. Whatever Pillow opens is taken (of an
    animation the first frame), upright as its EXIF says, transparency upon white, gray
    of 16 bits at full depth. Hidden files are ignored.

    Args:
        path: The folder.
        image_size: (height, width) to which every image is resized, whatever its
            proportions; None keeps the size, which must then be the same for all.
        channels: 1 or 3; None is 1 if every file is stored as gray, else 3.
        name: The data set's name; None is `"folder:PATH"`.
        skip_damaged: Whether files that cannot be read are left out, with a warning.
            None: whether the environment variable `HAPPYMAPS_SKIP_DAMAGED` is set, as
            `--skip-damaged` sets it.

    Returns:
        Images with a class per subfolder; `skipped` names the files that are no images
        or were left out.

    Raises:
        ValueError: Fewer than two classes, an empty class, images outside the classes,
            files that cannot be read (all are named), mixed sizes, or a
            `ground_truth.csv` that lacks one of the images.
    """
    truth = read_ground_truth(path)
    class_names = _list_classes(path, truth)
    files, skipped, labels = [], [], []
    for label, class_name in enumerate(class_names):
        found = _list_images(path / class_name, skipped)
        files += found
        labels += [label] * len(found)
    check_room(files, image_size, channels)
    files, labels, images = read_images(
        files, labels, image_size, skip_damaged, skipped
    )
    _check_complete(path, class_names, labels)
    _check_sizes(files, images)
    channels = channels or max(image.shape[-1] for image in images)
    return Dataset(
        name or f"folder:{path}",
        np.stack([set_channels(image, channels) for image in images]),
        np.array(labels, np.int64),
        tuple(class_names),
        _make_metadata(path, files, truth),
        skipped=tuple(skipped),
    )


def read_ground_truth(path: Path) -> pd.DataFrame | None:
    """Return the table `ground_truth.csv` in a folder, or None where there is none.

    Args:
        path: The folder.

    Returns:
        One row per image; `file`, `label`, `person` and `source` are text.

    Raises:
        ValueError: The table cannot be read, has no column `file`, or has a file twice.
    """
    file = path / GROUND_TRUTH
    if not file.is_file():
        return None
    text = dict.fromkeys(("file", "label", PERSON, SOURCE), str)
    try:
        truth = pd.read_csv(file, dtype=text, keep_default_na=False, na_values=[""])
        fault = "" if "file" in truth else f"columns {', '.join(truth.columns)}"
    except ValueError as error:
        fault = str(error)
    if not fault and truth["file"].isna().any():
        fault = f"no file in row {truth['file'].isna().argmax() + 2}"
    if not fault and truth["file"].duplicated().any():
        fault = f"{truth['file'][truth['file'].duplicated()].iloc[0]} twice"
    if fault:
        raise ValueError(
            f"{file} must have the columns file, label, ... and one row per image. "
            f"Received: {fault}. Correct it, or delete it to use the folders alone."
        )
    return truth


def _list_classes(path: Path, truth: pd.DataFrame | None) -> list[str]:
    entries = _list_entries(path)
    stray = [entry for entry in entries if entry.is_file() and is_image(entry)]
    if stray:
        raise ValueError(
            f"{_LAYOUT} Received an image outside of them: {stray[0]}. "
            "Move it into the subfolder of its class."
        )
    names = [entry.name for entry in entries if entry.is_dir()]
    if len(names) < 2:
        raise ValueError(
            f"{_LAYOUT} Received {len(names)} in {path}"
            f"{': ' + names[0] if names else ''}. "
            "Make a subfolder for each class and move the images there."
        )
    return _order_classes(names, truth)


def _order_classes(names: list[str], truth: pd.DataFrame | None) -> list[str]:
    if truth is None or "label" not in truth:
        return names
    folders = truth["file"].map(lambda file: (*PurePosixPath(file).parts, "")[0])
    pairs = truth.assign(folder=folders)[["folder", "label"]].drop_duplicates()
    order = dict(zip(pairs["folder"], pairs["label"].astype(str), strict=True))
    one_to_one = pairs["folder"].is_unique and pairs["label"].is_unique
    if one_to_one and all(order.get(name, "").isdecimal() for name in names):
        return sorted(names, key=lambda name: int(order[name]))
    return names


def _list_images(folder: Path, skipped: list[str]) -> list[Path]:
    entries = _list_entries(folder)
    nested = [entry for entry in entries if entry.is_dir()]
    images = [entry for entry in entries if entry.is_file() and is_image(entry)]
    if nested or not images:
        fault = f"the folder {nested[0]} in a class" if nested else f"none in {folder}"
        remedy = "Move its images up" if nested else "Add images, or remove the folder"
        raise ValueError(f"{_LAYOUT} Received {fault}. {remedy}.")
    taken = set(images)
    skipped += [
        f"{folder.name}/{entry.name}: not "
        f"{'an image' if entry.is_file() else 'a regular'} file"
        for entry in entries
        if entry not in taken
    ]
    return images


def _list_entries(folder: Path) -> list[Path]:
    entries = sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    for entry in entries:
        try:
            entry.name.encode()
        except UnicodeEncodeError:
            shown = os.fsencode(entry).decode(errors="backslashreplace")
            raise ValueError(
                "Names of files and folders must be UTF-8. Received: "
                f"{shown}. Rename it; of an old zip archive, all at once with convmv."
            ) from None
    return entries


def is_image(file: Path) -> bool:
    """Return whether a file has the ending of a kind of image that is read."""
    return Image.registered_extensions().get(file.suffix.lower()) in Image.OPEN


def read_images(files, labels, image_size, skip_damaged, skipped: list[str]):
    """Return the files that can be read with their labels, and what they hold.

    Arguments as in `load_folder`; those left out are added to `skipped`.

    Raises:
        ValueError: Files that cannot be read, unless they are to be left out.
    """
    if skip_damaged is None:
        skip_damaged = bool(os.environ.get(paths.SKIP_DAMAGED))
    kept, faults = [], []
    for file, label in zip(files, labels, strict=True):
        try:
            kept.append((file, label, _read_image(file, image_size)))
        except ValueError as error:
            faults.append(str(error))
            skipped.append(f"{file.parent.name}/{file.name}: damaged")
    if faults and not skip_damaged:
        remedy = (
            "Save it again as PNG, remove it, or leave such files out: "
            "skip_damaged=True in Python, --skip-damaged on the command line."
        )
        if len(faults) == 1:
            raise ValueError(f"{faults[0]}. {remedy}")
        head = f"{len(faults)} of {len(files)} files cannot be read as images. "
        remedy = remedy.replace(" it", " them")
        raise ValueError(list_faults(head + remedy, faults, most=_MOST_NAMED))
    if faults:
        head = f"Left out {len(faults)} of {len(files)} files, which are damaged:"
        warnings.warn(list_faults(head, faults), stacklevel=3)
    return zip(*kept, strict=True) if kept else ([], [], [])


def _check_complete(path: Path, class_names: list[str], labels) -> None:
    empty = [name for label, name in enumerate(class_names) if label not in {*labels}]
    if empty:
        raise ValueError(
            f"Every class must have an image that can be read. Received none in "
            f"{', '.join(str(path / name) for name in empty)}. Add images, or remove "
            "the folder."
        )


def _read_image(file: Path, image_size: tuple[int, int] | None) -> np.ndarray:
    try:
        if file.stat().st_size > MOST_BYTES:
            raise ValueError(f"it has more than {MOST_BYTES // 10**6} MB")
        content = file.read_bytes()
        if is_pgm(content):
            image = decode_pgm(content)[..., np.newaxis]
        else:
            with _open_image(content) as opened:
                image = _to_array(ImageOps.exif_transpose(opened))
    # Pillow's decoders raise whatever a broken file makes them stumble over.
    except Exception as error:
        raise ValueError(f"{file} cannot be read as an image ({error})") from error
    return image if image_size is None else resize(image, image_size)


def _open_image(content: bytes) -> Image.Image:
    with warnings.catch_warnings():
        # Ours is the lower limit.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        image = Image.open(io.BytesIO(content))
    check_pixels(*image.size)
    return image


def _to_array(image: Image.Image) -> np.ndarray:
    if image.mode == "F" or image.mode.startswith("I"):
        values = np.asarray(image, np.float32) / (1 if image.mode == "F" else 65535)
        if not (values.min() >= 0 and values.max() <= 1):
            raise ValueError("32-bit pixels beyond 0..1, or whole ones beyond 0..65535")
        return values[..., np.newaxis]
    mode = "L" if image.mode in ("1", "L", "LA", "La") else "RGB"
    if image.has_transparency_data:
        paper = Image.new("RGBA", image.size, "white")
        paper.alpha_composite(image.convert("RGBA"))
        image = paper
    pixels = np.asarray(image.convert(mode), np.float32) / np.float32(255)
    return pixels.reshape(*pixels.shape[:2], -1)


def _check_sizes(files: list[Path], images: list[np.ndarray]) -> None:
    for file, image in zip(files, images, strict=True):
        if image.shape[:2] != images[0].shape[:2]:
            sizes = [f"{i.shape[0]}x{i.shape[1]}" for i in (images[0], image)]
            raise ValueError(
                "All images must have one size (height x width). Received: "
                f"{files[0]} of {sizes[0]} and {file} of {sizes[1]}. "
                "Pass image_size=(height, width) to resize them."
            )


def _make_metadata(path: Path, files: list[Path], truth) -> pd.DataFrame:
    names = [file.relative_to(path).as_posix() for file in files]
    if truth is None:
        return pd.DataFrame({"file": names})
    known = truth.drop(columns="label", errors="ignore").set_index("file")
    missing = [name for name in names if name not in known.index]
    if missing:
        raise ValueError(
            f"{path / GROUND_TRUTH} must have a row for every image. Received none for "
            f"{missing[0]}. Add it, or delete {GROUND_TRUTH} to use the folders alone."
        )
    return known.loc[names].reset_index()
