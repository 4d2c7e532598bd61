"""The labelled set of images that everything else takes."""

import dataclasses
import hashlib
from collections.abc import Mapping

import numpy as np
import pandas as pd

# Columns of the metadata that say which images belong together.
PERSON, SOURCE = "person", "source"


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """Images with labels and what is known of each; nothing in it can be reassigned.

    Attributes:
        name: As given to `load_dataset`.
        images: float32 in [0, 1], shape `(images, height, width, channels)`.
        labels: int64 class index of each image, shape `(images,)`.
        class_names: One name per class index.
        metadata: One row per image. Faces have `person`, `pose`, `expression`, `eyes`,
            `file`; folders have `file` and the columns of a `ground_truth.csv` in them,
            such as `source`, the video that an image is of.
        masks: Region name to bool array `(images, height, width)`, where it is known
            exactly which pixels belong to the region; empty otherwise.
        skipped: Files that were left out, with the reason.
    """

    name: str
    images: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    metadata: pd.DataFrame
    masks: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    skipped: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        _, height, width, channels = self.images.shape
        return (
            f"Dataset({self.name!r}: {len(self)} images of {height}x{width}x{channels},"
            f" {len(self.class_names)} classes)"
        )

    def take(self, indices: np.ndarray) -> "Dataset":
        """Return a data set of the images at `indices` (int or bool), in that order."""
        indices = np.asarray(indices)
        if indices.dtype == bool:
            indices = np.flatnonzero(indices)
        return dataclasses.replace(
            self,
            images=self.images[indices],
            labels=self.labels[indices],
            metadata=self.metadata.iloc[indices].reset_index(drop=True),
            masks={name: mask[indices] for name, mask in self.masks.items()},
        )

    def class_counts(self) -> pd.Series:
        """Return the number of images of each class, indexed by class name."""
        counts = np.bincount(self.labels, minlength=len(self.class_names))
        return pd.Series(counts, index=list(self.class_names), name="images")

    def fingerprint(self) -> str:
        """Return 16 hex digits of a sha256 over images, labels and class names."""
        digest = hashlib.sha256(repr((self.images.shape, self.class_names)).encode())
        digest.update(np.ascontiguousarray(self.images).tobytes())
        digest.update(np.ascontiguousarray(self.labels).tobytes())
        return digest.hexdigest()[:16]


def source_column(metadata: pd.DataFrame) -> str | None:
    """Return the column that says which images belong together, None without one.

    Images of one person, or else of one video, are alike beyond their class.
    """
    return next((name for name in (PERSON, SOURCE) if name in metadata), None)
