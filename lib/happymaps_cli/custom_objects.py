"""The option --custom-objects: layers of the user's own, for networks that are opened.

It is handed on to kernels and workers as an environment variable.
"""

import os
from typing import Annotated

import typer

from happymaps.base.paths import CUSTOM_OBJECTS
from happymaps_runs.inputs import resolve_custom_objects

CustomObjects = Annotated[
    str | None,
    typer.Option(
        "--custom-objects",
        "--import",
        metavar="MODULE",
        help="A .py file, or a module, with layers of your own; its code is run.",
    ),
]


def use_custom_objects(module: str | None) -> None:
    """Let networks that are opened from here on have the layers of a module.

    Raises:
        ValueError: No such module.
    """
    if module is None:
        return
    os.environ[CUSTOM_OBJECTS] = resolve_custom_objects(module)
    print(
        f"For layers of your own, the code of {os.environ[CUSTOM_OBJECTS]} is run.",
        flush=True,
    )
