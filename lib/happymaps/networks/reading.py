"""Saved networks: read in safe mode, or the reason and the layer at fault."""

import contextlib
import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from happymaps.backend import keras
from happymaps.base.network_files import PRETRAINED, why_no_network
from happymaps.networks.custom_objects import named_custom_objects
from happymaps.networks.keras2_files import read_config, readable_h5
from happymaps.networks.kernel_machine import KernelMachine  # noqa: F401 - registers
from happymaps.networks.losses import note_loss_in_file
from happymaps.networks.pretrained import efficientnet_lite0
from happymaps.networks.unpacking import check_unpacked_size

_UNKNOWN = ("Could not locate class", "Unknown layer", "Could not deserialize class")
_OF_TENSORFLOW = {"TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer"}
_SHOWN = 6  # layers in one message
_MOST_CHARACTERS = 300


def load_model(
    path: str | Path,
    *,
    custom_objects: Mapping[str, object] | None = None,
    image_size: tuple[int, int] | None = None,
) -> keras.Model:
    """Return the network saved in a `.keras` or `.h5` file, or known by its name.

    Files `.h5` of Keras 2 are read, too, unless they need what Keras 3 lacks. A file
    is read in Keras's safe mode always: it can hold Python code (a Lambda layer), and
    to load that would be to run it.

    Args:
        path: Of the file; or `"efficientnet_lite0"`, a network for photographs, see
            `happymaps.networks.efficientnet_lite0`.
        custom_objects: Layer classes and functions of your own by the names that they
            have in the file, unless they are registered. None: those of the module
            that the environment variable `HAPPYMAPS_CUSTOM_OBJECTS` names, as
            `--custom-objects` sets it; its code is run.
        image_size: (height, width) that a network known by its name is built for; None
            for what it was trained with. A file says it itself.

    Raises:
        FileNotFoundError: No such file.
        ValueError: Another kind of file, a damaged one, one that holds code, or one
            with layers that are not known; a package with weights that is missing.
    """
    if str(path) in PRETRAINED:
        return efficientnet_lite0(image_size or (224, 224))
    path = Path(path)
    if path.is_file():
        check_unpacked_size(path)
    reason = why_no_network(path)
    if reason:
        kind = ValueError if path.exists() else FileNotFoundError
        raise kind(f"Expected a saved network, a .keras or .h5 file. {reason}")
    own = dict(named_custom_objects() if custom_objects is None else custom_objects)
    try:
        with _readable(path, own) as file:
            model = keras.models.load_model(
                file, custom_objects=own, compile=False, safe_mode=True
            )
    except Exception as error:  # whatever a damaged file raises, the reader wants one
        raise ValueError(_why_not_loaded(path, error, own)) from error
    note_loss_in_file(model, path)
    return model


@contextlib.contextmanager
def _readable(path: Path, own: Mapping[str, object]) -> Iterator[Path]:
    if path.suffix == ".keras":
        yield path
        return
    with readable_h5(path, {*own, *_registered()}) as copy:
        yield copy


def _registered() -> set[str]:
    return {name.split(">")[-1] for name in keras.saving.get_custom_objects()}


def _why_not_loaded(path: Path, error: Exception, own: Mapping[str, object]) -> str:
    # The file's name says nothing of what is in it.
    text = str(error).replace(str(path), "the file") or type(error).__name__
    if "safe_mode=False" in text:
        return (
            f"{str(path)!r} was refused: it holds Python code (a Lambda layer), and "
            "loading it would run that code. Replace the Lambda by a layer of Keras "
            "(such as Rescaling) or a registered layer class, and save it again."
        )
    if path.suffix == ".keras" and not zipfile.is_zipfile(path):
        return (
            f"{str(path)!r} could not be read as a Keras network: it is damaged, cut "
            "short or of another kind. Save or copy it again."
        )
    faults = _layers_at_fault(path, own)
    if faults:
        told = "; ".join(reason for _, reason in faults[:_SHOWN])
        more = f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        kinds = sorted({kind for kind, _ in faults})
        return (
            f"{str(path)!r} could not be read as a Keras network: {told}{more}. "
            f"{_remedy(kinds)}"
        )
    return (
        f"{str(path)!r} could not be read as a Keras network: {text.splitlines()[0]} "
        "Save it again with model.save('name.keras') from Keras 3."
    )


def _remedy(kinds: list[str]) -> str:
    if _OF_TENSORFLOW & {*kinds}:
        return (
            "Functions of TensorFlow among the layers, such as tf.nn.relu(x), are read "
            "by Keras 2 alone: build the network there with layers instead (ReLU, "
            "Rescaling, ...), give it the weights, and save it again."
        )
    return (
        "Layers and functions of your own, or that Keras 3 no longer has: put their "
        "classes into a module and name it with --custom-objects MODULE.py on the "
        f"command line; in Python, load_model(path, custom_objects={{{kinds[0]!r}: "
        "...}), or register them with keras.saving.register_keras_serializable before."
    )


def _layers_at_fault(path: Path, own: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return class and reason of every layer that cannot be made by itself."""
    try:
        if path.suffix == ".keras":
            with zipfile.ZipFile(path) as archive:
                config = json.loads(archive.read("config.json"))
        else:
            config = read_config(path, {*own, *_registered()})
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        return []
    return [
        (str(layer["class_name"]), f"layer {name!r} ({layer['class_name']}): {reason}")
        for name, layer in _layers(config)
        for reason in [_why_not_made(layer, own)]
        if reason
    ]


def _layers(config: object, above: str = "") -> Iterator[tuple[str, dict]]:
    """Yield layers with their paths, those in networks within the network too."""
    options = config.get("config") if isinstance(config, dict) else None
    # The oldest files of a Sequential hold a list alone.
    inner = options.get("layers") if isinstance(options, dict) else options
    for layer in inner if isinstance(inner, list) else ():
        options = layer.get("config", {}) if isinstance(layer, dict) else None
        if not isinstance(options, dict):
            continue
        name = above + str(options.get("name", layer.get("name", "")))
        if "layers" in options:
            yield from _layers(layer, f"{name}/")
        else:
            yield name, layer


def _why_not_made(layer: dict, own: Mapping[str, object]) -> str:
    try:
        # Alone, as Keras reads the layers of a network, in the old form or the new.
        alone = {"name": "alone", "layers": [json.loads(json.dumps(layer))]}
        keras.Sequential.from_config(alone, custom_objects=dict(own))
    except Exception as error:  # of whatever is wrong with it
        text = str(error)
        if text.startswith(_UNKNOWN):
            return "its class is not known"
        cause = text.rpartition("Exception encountered: ")[2] or type(error).__name__
        return cause.strip().splitlines()[0][:_MOST_CHARACTERS].rstrip(". ")
    return ""
