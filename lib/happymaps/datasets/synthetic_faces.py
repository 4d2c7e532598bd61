"""Faces drawn on demand, after the CMU Face Images (doi:10.24432/C5JC79).

`face_parameters` draws what a person and a photograph are like, `face_painting` paints
it on `solids`, and this module balances the set.
"""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from happymaps.datasets.face_painting import REGIONS, render_faces
from happymaps.datasets.face_parameters import draw_parameters
from happymaps.datasets.faces import EXPRESSIONS, EYES, POSES

PIXELS_PER_CHUNK = 2**16  # a chunk's arrays fit the processor's cache


def generate_faces(
    num_images: int = 640,
    *,
    num_people: int = 20,
    image_size: tuple[int, int] = (60, 64),
    seed: int = 0,
    first_person: int = 0,
) -> tuple[np.ndarray, pd.DataFrame, dict[str, np.ndarray]]:
    """Draw faces, balanced in person, pose, expression and eyes.

    An image depends on `seed`, `image_size` and its own row of the metadata only: not
    on `num_images`, `num_people` or `first_person`. Every `32 * num_people` images hold
    each combination once; further rounds repeat them under new light, framing, noise.

    "left" is the subject's left: the face is turned to the viewer's right.

    Args:
        num_images: How many, at least 1.
        num_people: Among how many people, at least 1.
        image_size: Height and width in pixels, each at least 16.
        seed: Any integer >= 0; another seed is another population.
        first_person: Index of the first person, >= 0; raise it to draw new people.

    Returns:
        images: float32 in [0, 1], shape `(num_images, height, width, 1)`.
        metadata: Columns `person`, `pose`, `expression`, `eyes`, `file` (unique).
        masks: Region name to bool `(num_images, height, width)`. The regions share
            out every pixel: `face` (skin of the head, ears, brows and beard), `hair`,
            `eyes` (with sunglasses), `mouth`, `body` (with neck) and `background`.

    Raises:
        ValueError: An argument is out of range.
    """
    if np.shape(image_size) != (2,):
        raise ValueError(
            "image_size must be two numbers, height and width. "
            f"Received: {image_size!r}. Pass for example (60, 64)."
        )
    height, width = image_size
    _check_at_least(1, num_images=num_images, num_people=num_people)
    _check_at_least(0, seed=seed, first_person=first_person)
    _check_at_least(16, height=height, width=width)
    design = _design(num_images, num_people, first_person)
    parameters = draw_parameters(design, seed)
    # Freed at once: glibc then keeps freed memory, which is 1.6 times faster.
    np.empty(2**24, np.uint8)
    images = np.empty((num_images, height, width), np.float32)
    labels = np.empty((num_images, height, width), np.uint8)
    step = max(1, PIXELS_PER_CHUNK // (height * width))
    for start in range(0, num_images, step):
        chunk = slice(start, start + step)
        values = {name: v[chunk, None, None] for name, v in parameters.items()}
        images[chunk], labels[chunk] = render_faces(
            SimpleNamespace(**values), image_size
        )
        _add_noise(images[chunk], design[chunk], parameters["noise"][chunk], seed)
    masks = {name: labels == index for index, name in enumerate(REGIONS)}
    return images[..., None], _describe(design), masks


def _check_at_least(minimum: int, **values: int) -> None:
    for name, value in values.items():
        if not isinstance(value, int | np.integer) or value < minimum:
            raise ValueError(
                f"{name} must be a whole number of at least {minimum}. "
                f"Received: {value!r}. Pass {name}={minimum} or more."
            )


def _design(num_images: int, num_people: int, first_person: int) -> np.ndarray:
    """Return person, pose, expression, eyes, repeat of each image, `(images, 5)`.

    People alternate fastest and each starts elsewhere in the factorial, so that the
    first few images are already nearly balanced in everything.
    """
    turn, person = np.divmod(np.arange(num_images), num_people)
    repeat, turn = np.divmod(turn, 32)
    pose = (turn + person) % 4
    expression = (turn // 4 + person // 4) % 4
    eyes = (turn // 16 + turn // 4 + turn + person // 4) % 2
    return np.stack([first_person + person, pose, expression, eyes, repeat], axis=1)


def _describe(design: np.ndarray) -> pd.DataFrame:
    """Return the metadata of a design."""
    rows = [
        (f"person_{person:02d}", POSES[pose], EXPRESSIONS[expression], EYES[eyes], n)
        for person, pose, expression, eyes, n in design
    ]
    names = ["person", "pose", "expression", "eyes", "file"]
    rows = [(*row[:4], "_".join(map(str, row)) + ".png") for row in rows]
    return pd.DataFrame(rows, columns=names)


def _add_noise(
    images: np.ndarray, design: np.ndarray, noise: np.ndarray, seed: int
) -> None:
    """Add sensor noise of standard deviation `noise` in place, and clip to [0, 1]."""
    for image, key, scale in zip(images, design, noise, strict=True):
        rng = np.random.default_rng([seed, 3, *key])
        image += scale * rng.standard_normal(image.shape, np.float32)
    np.clip(images, 0, 1, out=images)
