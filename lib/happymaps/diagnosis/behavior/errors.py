"""Which images a classifier names wrong, and what these have in common."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from happymaps.datasets import Dataset

_MOST_VALUES = 50  # of a column that can tell groups


def confident_mistakes(
    probabilities: np.ndarray, dataset: Dataset, *, num_mistakes: int = 12
) -> list[dict]:
    """Return the wrong predictions that were made with the most confidence.

    Args:
        probabilities: Shape `(images, classes)`, rows sum to 1.
        dataset: The images.
        num_mistakes: At most so many.

    Returns:
        The most confident first, as `describe_images` does.
    """
    predicted = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predicted != dataset.labels)
    confidence = probabilities.max(axis=1)
    order = wrong[np.argsort(-confidence[wrong], kind="stable")][:num_mistakes]
    return describe_images(order, probabilities, dataset)


def pick_examples(
    chosen: Mapping | Sequence[int],
    probabilities: np.ndarray,
    dataset: Dataset,
    *,
    most: int = 4,
) -> list[dict]:
    """Return the images that show a finding, as `describe_images` does.

    Args:
        chosen: Indices; or `column` and `value`, as `mistake_groups` tells a group:
            then its most confident mistakes.
        probabilities: Shape `(images, classes)`, rows sum to 1.
        dataset: The images.
        most: At most so many.
    """
    if isinstance(chosen, Mapping):
        inside = (_columns(dataset)[chosen["column"]] == chosen["value"]).to_numpy()
        wrong = inside & (probabilities.argmax(axis=1) != dataset.labels)
        chosen = np.flatnonzero(wrong)
        confidence = probabilities[chosen].max(axis=1)
        chosen = chosen[np.argsort(-confidence, kind="stable")]
    return describe_images(chosen[:most], probabilities, dataset)


def show_examples(
    findings: list[dict], probabilities: np.ndarray, dataset: Dataset
) -> dict[str, np.ndarray]:
    """Put the images that show each finding into it, and return them by their name.

    Args:
        findings: As `list_findings` returns them; `images` becomes what
            `pick_examples` returns of it, and `picture` the name, where there are any.
        probabilities: Shape `(images, classes)`, rows sum to 1.
        dataset: The images.
    """
    pictures = {}
    for i, found in enumerate(findings):
        found["images"] = pick_examples(found["images"], probabilities, dataset)
        if found["images"]:
            found["picture"] = f"finding_{i}"
            shown = [each["index"] for each in found["images"]]
            pictures[f"finding_{i}"] = dataset.images[shown]
    return pictures


def describe_images(
    indices: Sequence[int], probabilities: np.ndarray, dataset: Dataset
) -> list[dict]:
    """Return what each image is and what the network says of it.

    Returns:
        `index`, `file` (empty where unknown), `true`, `predicted`, `confidence` and
        `probability` (of the true class).
    """
    predicted = probabilities.argmax(axis=1)
    files = dataset.metadata.get("file", pd.Series([""] * len(dataset)))
    return [
        {
            "index": int(i),
            "file": str(files.iloc[i]),
            "true": dataset.class_names[dataset.labels[i]],
            "predicted": dataset.class_names[predicted[i]],
            "confidence": float(probabilities[i].max()),
            "probability": float(probabilities[i, dataset.labels[i]]),
        }
        for i in indices
    ]


def mistake_groups(
    wrong: np.ndarray, dataset: Dataset, *, least_images: int = 10
) -> tuple[list[dict], int]:
    """Return the groups of images that hold more mistakes than the others.

    A group is a true class, or a value of a column that is known of the images, such
    as a person. The probability that a group of its size would hold as many of all
    mistakes by chance (hypergeometric, one-sided) is multiplied by the number of groups
    that were looked at (Bonferroni).

    Args:
        wrong: Whether each image is named wrong, shape `(images,)`.
        dataset: The images.
        least_images: Groups of fewer images, or of all but fewer, are left out.

    Returns:
        The groups, the least probable first: `column`, `value`, `images`, `mistakes`,
        `rate`, `rate_elsewhere` and `probability`; and how many were looked at.
    """
    found = []
    for column, values in _columns(dataset).items():
        for value in pd.unique(values):
            inside = (values == value).to_numpy()
            if least_images <= inside.sum() <= len(wrong) - least_images:
                found.append(_describe_group(column, value, inside, wrong))
    for group in found:
        group["probability"] = min(1.0, group["probability"] * len(found))
    return sorted(found, key=lambda group: group["probability"]), len(found)


def _columns(dataset: Dataset) -> dict[str, pd.Series]:
    names = np.array(dataset.class_names)[dataset.labels]
    columns = {"true class": pd.Series(names)}
    for name, values in dataset.metadata.items():
        text = values.astype(str)
        if name != "file" and 2 <= text.nunique() <= _MOST_VALUES:
            columns[str(name)] = text.reset_index(drop=True)
    return columns


def _describe_group(column: str, value: object, inside, wrong) -> dict:
    mistakes, size = int(wrong[inside].sum()), int(inside.sum())
    chance = stats.hypergeom.sf(mistakes - 1, len(wrong), int(wrong.sum()), size)
    return {
        "column": column,
        "value": str(value),
        "images": size,
        "mistakes": mistakes,
        "rate": float(wrong[inside].mean()),
        "rate_elsewhere": float(wrong[~inside].mean()),
        "probability": float(chance),
    }
