"""Data sets by name."""

import dataclasses
from pathlib import Path

from happymaps.base import paths
from happymaps.base.messages import unknown_name
from happymaps.base.sweepable import parse_image_size
from happymaps.datasets.cmu_faces import load_faces
from happymaps.datasets.dataset import Dataset
from happymaps.datasets.faces import TARGETS, label_faces
from happymaps.datasets.folder import load_folder
from happymaps.datasets.pixels import check_channels, check_image_size, set_channels
from happymaps.datasets.preprocessing import Preprocessing, make_preprocessing
from happymaps.datasets.synthetic_faces import generate_faces

NAMES = ("synthetic_faces", "cmu_faces", "folder:PATH")
_FOLDER = "folder:"


def load_dataset(
    name: str,
    *,
    image_size: tuple[int, int] | None = (60, 64),
    target: str = "facing_left",
    seed: int = 0,
    channels: int | None = None,
    num_images: int | None = None,
    num_people: int | None = None,
    first_person: int | None = None,
    skip_damaged: bool | None = None,
    preprocessing: str | Preprocessing = "",
) -> Dataset:
    """Return a data set by its name.

    Args:
        name: `"synthetic_faces"` (drawn, with masks), `"cmu_faces"` (found through
            `HAPPYMAPS_DATA`, or downloaded once) or `"folder:PATH"` (one subfolder a
            class; a relative path counts from the working folder, then from the
            repository's root).
        image_size: (height, width) in pixels; None keeps the native size, which is
            (60, 64) for synthetic and (120, 128) for CMU faces.
        target: What to label faces by: `"facing_left"`, `"pose"`, `"eyes"` or
            `"person"`. A folder's labels are its subfolders, whatever the target.
        seed: For synthetic faces: which faces are drawn.
        channels: 1 or 3; None is 1 for faces, and for a folder 1 if all files are gray.
        num_images: How many synthetic faces; None is 640.
        num_people: Of how many synthetic people; None is 20.
        first_person: Index of the first synthetic person; others are new people.
        skip_damaged: Whether files of a folder that cannot be read are left out, with
            a warning; None: whether `HAPPYMAPS_SKIP_DAMAGED` is set.
        preprocessing: `"caffe"`, `"torch"`, `"tf"` or `"raw"`, for networks that were
            trained behind `preprocess_input` of keras.applications, or a
            `Preprocessing`. For pictures that can be read, leave it out, and put it
            before the network with `happymaps.networks.include_preprocessing`.

    Returns:
        Images in [0, 1], or as the preprocessing makes them, with labels and metadata.

    Raises:
        ValueError: Unknown name or target, an option that does not fit, or files that
            are missing, damaged, or of mixed sizes.
        ConnectionError: CMU faces could not be downloaded.
    """
    image_size = check_image_size(image_size)
    check_channels(channels)
    drawing = {
        "num_images": num_images,
        "num_people": num_people,
        "first_person": first_person,
    }
    drawing = {key: value for key, value in drawing.items() if value is not None}
    _check_options(name, target, drawing)
    prepare = make_preprocessing(preprocessing)
    if name.startswith(_FOLDER):
        path = _find_folder(name.removeprefix(_FOLDER))
        found = load_folder(
            path,
            image_size=image_size,
            channels=channels,
            name=name,
            skip_damaged=skip_damaged,
        )
        return _prepared(found, prepare)
    masks, skipped = {}, ()
    if name == "cmu_faces":
        images, metadata, skipped = load_faces(image_size=image_size)
    else:
        size = {} if image_size is None else {"image_size": image_size}
        images, metadata, masks = generate_faces(seed=seed, **size, **drawing)
    images = set_channels(images, channels or 1)
    labels, class_names = label_faces(metadata, target)
    found = Dataset(name, images, labels, class_names, metadata, masks, skipped)
    return _prepared(found, prepare)


def _prepared(dataset: Dataset, preprocessing: Preprocessing) -> Dataset:
    if preprocessing == Preprocessing():
        return dataset
    return dataclasses.replace(dataset, images=preprocessing.apply(dataset.images))


def _check_options(name: str, target: str, drawing: dict) -> None:
    known = isinstance(name, str) and name in NAMES[:2]
    if not known and not (isinstance(name, str) and name.startswith(_FOLDER)):
        message = unknown_name("data set", name, NAMES)
        if Path(str(name)).is_dir():
            message += f" For the images in that folder give '{_FOLDER}{name}'."
        raise ValueError(message)
    if known and target not in TARGETS:
        raise ValueError(unknown_name("target", target, TARGETS))
    if drawing and name != "synthetic_faces":
        raise ValueError(
            f"{', '.join(drawing)} can be chosen for synthetic_faces only. "
            f"Received with {name!r}. Leave it out; Dataset.take selects images."
        )


def _find_folder(path: str) -> Path:
    folder = paths.find_folder(path) if path else None
    if folder is not None:
        return folder
    raise ValueError(
        "folder:PATH must name a folder with one subfolder of images per class. "
        f"Received: {path!r}, which is no folder in {Path.cwd()} or "
        f"{paths.repository_root()}. Correct the path."
    )


def open_images(
    dataset: str,
    *,
    image_size: str = "",
    target: str = "facing_left",
    seed: int = 0,
    fit: tuple[int, int, int] | None = None,
) -> Dataset:
    """Return a data set, with the sizes that a notebook's parameters mean.

    Args:
        dataset: As in `load_dataset`.
        image_size: `"HEIGHTxWIDTH"`; empty for the size of the network to fit, else
            60x64; a folder of images is then left as it is.
        target: As in `load_dataset`.
        seed: Of the drawn faces.
        fit: (height, width, channels) of a network to fit, where `image_size` is empty.
    """
    size = parse_image_size(image_size)
    if size is None and not dataset.startswith("folder:"):
        size = fit[:2] if fit else (60, 64)
    channels = fit[2] if fit else None
    return load_dataset(
        dataset, image_size=size, channels=channels, target=target, seed=seed
    )
