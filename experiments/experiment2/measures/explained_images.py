"""What the measurements share: a network, images to explain, methods with settings."""

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from happymaps.base.messages import unknown_name
from happymaps.base.sweepable import Source
from happymaps.datasets import Dataset, load_dataset

if TYPE_CHECKING:
    from happymaps.backend import keras
    from happymaps.networks.study import Study

CONTROLS = ("edges", "random")  # heat maps that know nothing of the network
# The sign of these says how the score changes, not whether a pixel speaks for it.
UNSIGNED = ("gradient", "smooth_grad", "smooth_grad_squared", "guided_backpropagation",
            "deconvolution")  # fmt: skip
HEAD = ("face", "hair", "eyes", "mouth")
FEATURES = ("eyes", "mouth")
PATH_STEPS = 16  # of integrated gradients


class Point(NamedTuple):
    """A study, and the images held out that are explained.

    Attributes:
        study: The network with its images.
        chosen: Some of those held out.
        baseline: Mean pixel of the images learned from: what a missing pixel has.
    """

    study: "Study"
    chosen: Dataset
    baseline: float


def open_point(
    source: Source, *, num_images: int, class_index: int | None = None
) -> Point:
    """Return the network of a seed and images to explain.

    Args:
        source: Of a folder, single images are held out, of faces whole people.
        num_images: How many, >= 1, evenly spread over those held out.
        class_index: Only images of that class; None for as many of each.

    Raises:
        ValueError: No such class, no image, or as in `open_study`.
    """
    from happymaps.networks.study import open_study

    split = "image" if source.dataset.startswith("folder:") else "person"
    study = open_study(**source.arguments(), split=split)
    held_out = study.held_out
    classes = range(len(held_out.class_names)) if class_index is None else [class_index]
    if num_images < 1 or class_index not in (None, *range(len(held_out.class_names))):
        raise ValueError(
            f"num_images must be >= 1 and class_index one of 0 to "
            f"{len(held_out.class_names) - 1}. Received: {num_images} and "
            f"{class_index}."
        )
    each = max(1, num_images // len(classes))
    rows = [_spread(np.flatnonzero(held_out.labels == one), each) for one in classes]
    chosen = held_out.take(np.sort(np.concatenate(rows)))
    return Point(study, chosen, float(study.learned.images.mean()))


def method_names(methods: str) -> list[str]:
    """Return the names in a text with commas; of an empty one, all methods.

    Raises:
        ValueError: A name that no method has.
    """
    from happymaps.attribution.table import all_methods

    known = list(all_methods())
    names = [name.strip() for name in methods.split(",") if name.strip()] or known
    for name in names:
        if name not in known:
            raise ValueError(unknown_name("method", name, known))
    return names


def explain(
    point: Point,
    objective,
    images: np.ndarray,
    method: str,
    *,
    model: "keras.Model | None" = None,
    num_samples: int = 16,
    seed: int = 0,
) -> np.ndarray:
    """Return the attributions of a method or a control, `(images, y, x, color)`.

    Args:
        point: Says the network and the baseline.
        objective: One, or one per image.
        images: Shape `(images, height, width, colors)`.
        method: A name of `all_methods` or of `CONTROLS`.
        model: Another network in the place of the point's.
        num_samples: Noisy images of the smooth gradients; RISE has eight times as many
            masks, as its samples say less each.
        seed: Of the methods that draw.
    """
    from happymaps.attribution.evaluation.controls import edge_heatmap, random_heatmap
    from happymaps.attribution.table import all_methods

    if method == "edges":
        return edge_heatmap(images)[..., None]
    if method == "random":
        return random_heatmap(images, seed=seed)[..., None]
    function = all_methods()[method]
    offered = {
        "baseline": point.baseline,
        "num_samples": num_samples,
        "num_masks": 8 * num_samples,
        "num_steps": PATH_STEPS,
        "seed": seed,
        "batch_size": 256,
    }
    taken = inspect.signature(function).parameters
    options = {name: value for name, value in offered.items() if name in taken}
    return function(model or point.study.model, objective, images, **options).values


def to_heatmap(attributions: np.ndarray, method: str) -> np.ndarray:
    """Return the heat map of a method by the experiment's convention, `(images, y, x)`.

    Colors are summed; the sum of absolute values for `UNSIGNED` methods.
    """
    values = np.abs(attributions) if method in UNSIGNED else attributions
    return values.sum(axis=-1, dtype=float)


def predicted_logits(model: "keras.Model", images: np.ndarray) -> list:
    """Return the logit of the class that is predicted for each image."""
    from happymaps.attribution.predictions import predicted_objectives

    return predicted_objectives(model, images)


def head_masks(images: Dataset) -> dict[str, np.ndarray]:
    """Return the masks of a data set, with `head` and `features` put together.

    The CMU faces have none: their `head` is `head_ellipse`, and `outside` the rest.
    Other images without masks give nothing.
    """
    if images.masks:
        joined = {"head": HEAD, "features": FEATURES}
        known = {name: np.asarray(mask) for name, mask in images.masks.items()}
        for name, parts in joined.items():
            if set(parts) <= set(known):
                known[name] = np.any([known[part] for part in parts], axis=0)
        return known
    if images.name != "cmu_faces":
        return {}
    ellipse = head_ellipse(images.images.shape[1:3])
    head = np.broadcast_to(ellipse, images.images.shape[:3]).copy()
    return {"head": head, "outside": ~head}


def head_ellipse(shape: Sequence[int]) -> np.ndarray:
    """Return about where the head is in a photograph like those of CMU, bool `(y, x)`.

    An ellipse that was fitted to the masks of drawn faces; `overlap` with these says
    how well it stands for them. How well it does for photographs is not known.
    """
    height, width = shape
    y, x = np.mgrid[:height, :width] + 0.5
    return ((y / height - 0.45) / 0.3) ** 2 + ((x / width - 0.5) / 0.2) ** 2 <= 1


def ellipse_overlap(images: Dataset) -> float:
    """Return how well `head_ellipse` covers exact heads, as `overlap`.

    Those of the images, or of 64 drawn faces of their size where they have no masks.
    """
    shape = images.images.shape[1:3]
    if not images.masks:
        images = load_dataset("synthetic_faces", image_size=shape, num_images=64)
    return overlap(head_masks(images)["head"], head_ellipse(shape)[None])


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Return the mean over images of intersection over union, in [0, 1]."""
    both, either = (first & second).sum(axis=(1, 2)), (first | second).sum(axis=(1, 2))
    return float(np.mean(both[either > 0] / either[either > 0]))


def _spread(rows: np.ndarray, count: int) -> np.ndarray:
    if len(rows) == 0:
        return rows
    places = np.linspace(0, len(rows) - 1, min(count, len(rows)))
    return rows[np.unique(np.round(places).astype(int))]
