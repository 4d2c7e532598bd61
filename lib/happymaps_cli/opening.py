"""How networks and images are opened: options that kernels and workers must know, too.

They are handed on as environment variables.
"""

import os
from typing import Annotated

import typer

from happymaps.base.paths import CUSTOM_OBJECTS, SKIP_DAMAGED
from happymaps_runs.inputs import resolve_custom_objects

CustomObjects = Annotated[
    str | None,
    typer.Option(
        "--custom-objects",
        "--import",
        metavar="MODULE",
        # Of two names, help on a narrow terminal cuts the second.
        help="A .py file, or a module, with layers of your own; its code is run. "
        "--import is the same.",
    ),
]
SkipDamaged = Annotated[
    bool,
    typer.Option("--skip-damaged", help="Leave out images that cannot be read."),
]


def set_opening(*, custom_objects: str | None, skip_damaged: bool = False) -> None:
    """Let what is opened from here on be opened so.

    Raises:
        ValueError: No such module.
    """
    if skip_damaged:
        os.environ[SKIP_DAMAGED] = "1"
    if custom_objects is None:
        return
    os.environ[CUSTOM_OBJECTS] = resolve_custom_objects(custom_objects)
    print(
        f"For layers of your own, the code of {os.environ[CUSTOM_OBJECTS]} is run.",
        flush=True,
    )
