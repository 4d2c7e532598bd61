"""What a person names, made independent of the folder that it was named in."""

from pathlib import Path

from happymaps.base import paths
from happymaps.base.messages import unknown_name


def resolve_dataset(name: str) -> str:
    """Return a data set's name, a folder's path in it made absolute.

    Raises:
        ValueError: No such data set, or no such folder.
    """
    kind, _, path = name.partition(":")
    if kind != "folder":
        from happymaps.datasets.loading import NAMES

        if name not in NAMES:
            raise ValueError(unknown_name("data set", name, NAMES))
        return name
    folder = paths.find_folder(path) if path else None
    if folder is None:
        raise ValueError(
            "The data set folder:PATH must name an existing folder with a subfolder of "
            f"images per class. Received: {path!r}. Correct the path."
        )
    return f"folder:{folder}"


def resolve_model(model: str | Path) -> str:
    """Return the absolute path of a network's file.

    Raises:
        ValueError: No such file, or one with another ending.
    """
    path = Path(model)
    if path.suffix != ".keras" or not path.is_file():
        raise ValueError(
            f"model must be an existing .keras file. Received: {str(path)!r}. Save "
            "the network with model.save('name.keras'), and check the path."
        )
    return str(path.resolve())


def resolve_inputs(parameters: dict[str, object]) -> dict[str, object]:
    """Return parameters with `dataset` and `model`, where they are given, resolved."""
    resolved = dict(parameters)
    if resolved.get("dataset"):
        resolved["dataset"] = resolve_dataset(str(resolved["dataset"]))
    if resolved.get("model"):
        resolved["model"] = resolve_model(str(resolved["model"]))
    return resolved
