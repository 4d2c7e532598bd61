"""Which loss a network was trained with: a classifier's, or that of a regression."""

import json
import weakref
import zipfile
from pathlib import Path

import h5py
import numpy as np

from happymaps.backend import keras
from happymaps.networks.batches import run

_OF_CLASSES = ("crossentropy", "hinge", "focal")  # parts of the names in Keras
_names = weakref.WeakKeyDictionary()


def note_loss_in_file(model: keras.Model, path: Path) -> None:
    """Note of a network just read from a `.keras` or `.h5` file which loss it names."""
    try:
        if path.suffix == ".keras":
            with zipfile.ZipFile(path) as archive:
                config = json.loads(archive.read("config.json")).get("compile_config")
        else:
            with h5py.File(path, "r") as file:
                config = json.loads(file.attrs.get("training_config", "{}"))
        name = _name((config or {}).get("loss"))
    except (AttributeError, TypeError, ValueError):  # a form of another version
        name = ""
    if name:
        _names[model] = name


def check_logit(model: keras.Model, images: np.ndarray) -> None:
    """Check that a network's one number is the logit of the second of two classes.

    Its loss tells, where it is known; else that some of the images are of either sign.

    Args:
        model: A network with one output without an activation.
        images: Images of both classes.

    Raises:
        ValueError: It may be what a regression measures.
    """
    loss = _names.get(model, "") or _name(getattr(model, "loss", None))
    if any(part in loss.lower().replace("_", "") for part in _OF_CLASSES):
        return
    outputs = run(model, images)
    low, high = float(np.min(outputs)), float(np.max(outputs))
    if not loss and low < 0 < high:
        return
    seen = f"trained with the loss {loss!r}" if loss else "all of one sign"
    raise ValueError(
        "Expected a classifier. Received: one output without an activation, from "
        f"{low:.3g} to {high:.3g} on these images, {seen}: it may be a measurement, "
        "not a class. If it is the logit of the second class, say so: happymaps "
        "diagnose --outputs logits; in Python "
        "happymaps.networks.state_outputs(model, 'logits'). Maps and attributions of a "
        "regression need no classes: happymaps.maximize, happymaps.attribution."
    )


def _name(loss: object) -> str:
    """Return the name of a loss: given by name, as an object, or as Keras saves it."""
    if isinstance(loss, list | tuple) and len(loss) == 1:
        return _name(loss[0])
    if isinstance(loss, dict):
        if "class_name" in loss:  # a function is saved with its name as the config
            inner, name = loss.get("config"), loss["class_name"]
            return str(inner if isinstance(inner, str) else name)
        return _name(next(iter(loss.values()))) if len(loss) == 1 else ""
    if loss is None or isinstance(loss, str | list | tuple):
        return loss if isinstance(loss, str) else ""
    return str(getattr(loss, "__name__", type(loss).__name__))
