"""`python -m happymaps.datasets OUT.png` writes a contact sheet of drawn faces."""

import sys

import numpy as np

from happymaps.datasets.faces import POSES
from happymaps.datasets.synthetic_faces import generate_faces
from happymaps.plots import map_sheet

SHOWN = (("neutral", "open"), ("happy", "sunglasses"))


def main(path: str, *, num_people: int = 8) -> None:
    """Write a contact sheet to `path`: a row per person, two columns per pose."""
    images, metadata, _ = generate_faces(
        32 * num_people, num_people=num_people, image_size=(120, 128)
    )
    keys = metadata[["person", "pose", "expression", "eyes"]].itertuples(index=False)
    images = dict(zip(map(tuple, keys), images, strict=True))
    people = metadata["person"].unique()
    columns = [(pose, *how) for pose in POSES for how in SHOWN]
    sheet = map_sheet(
        np.array(
            [[images[person, *column] for column in columns] for person in people]
        ),
        title="Synthetic faces: pose, expression, eyes",
        row_labels=people,
        column_labels=["\n".join(column) for column in columns],
    )
    sheet.savefig(path, dpi=120)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Usage: python -m happymaps.datasets OUT.png")
    main(sys.argv[1])
