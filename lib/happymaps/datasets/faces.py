"""What one can ask of a face: the classification targets of the face data sets."""

import numpy as np
import pandas as pd

from happymaps.base.messages import unknown_name

POSES = ("straight", "left", "right", "up")
EXPRESSIONS = ("neutral", "happy", "sad", "angry")
EYES = ("open", "sunglasses")
TARGETS = ("facing_left", "pose", "eyes", "person")


def label_faces(metadata: pd.DataFrame, target: str) -> tuple[np.ndarray, tuple]:
    """Return labels and class names of the faces in `metadata` for a target.

    "left" is the subject's left, which the viewer sees on the right.

    Args:
        metadata: Columns `person`, `pose`, `eyes`; one row per image.
        target: `"facing_left"` (0 not left, 1 left), `"pose"` (4 classes), `"eyes"`
            (2 classes) or `"person"` (a class per person, in alphabetical order).

    Returns:
        int64 labels of shape `(images,)`, and a tuple with the name of each class.

    Raises:
        ValueError: Unknown target.
    """
    if target == "facing_left":
        return (metadata["pose"] == "left").to_numpy(np.int64), ("not left", "left")
    if target not in TARGETS:
        raise ValueError(unknown_name("target", target, TARGETS))
    names = {"pose": POSES, "eyes": EYES}.get(target)
    if names is None:
        names = tuple(sorted(metadata[target].unique()))
    codes = pd.Categorical(metadata[target], categories=names).codes
    return codes.astype(np.int64), names
