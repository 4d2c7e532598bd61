"""Networks in `.h5` files of Keras 2, told as Keras 3 reads them.

Keras 2 wrote every option of a base class, such as `groups` for a depthwise
convolution, where it always is 1; Keras 3 refuses a file for it. An option with a value
that did change something stays, and is refused. Calls of a network within a network
were counted from 1, and tensors given by name stood in a form that is no longer read.
"""

import contextlib
import json
import re
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

import h5py

_RECURRENT = r"RNN|SimpleRNN|LSTM|GRU|ConvLSTM\dD"
# Option, the layers that had it, and the values without effect; None for any value.
_OBSOLETE = (
    ("groups", r"DepthwiseConv\dD|SeparableConv\dD|Conv\dDTranspose", (1,)),
    ("kernel_initializer", r"SeparableConv\dD", None),
    ("kernel_regularizer", r"SeparableConv\dD", None),
    ("kernel_constraint", r"SeparableConv\dD", None),
    ("time_major", _RECURRENT, (False,)),
    ("implementation", _RECURRENT, None),
    ("query_shape", "MultiHeadAttention", None),
    ("key_shape", "MultiHeadAttention", None),
    ("value_shape", "MultiHeadAttention", None),
    ("softmax_robust_masking", "MultiHeadAttention", (False,)),
    ("score_mode", "Attention", ("dot",)),  # read as the function keras.layers.dot
    ("noise_shape", r"SpatialDropout\dD", (None,)),
    ("trainable", r"SpatialDropout\dD|Discretization", None),  # they have no weights
    ("rng_type", r"Random\w+", None),
)


@contextlib.contextmanager
def readable_h5(path: Path, own: Collection[str] = ()) -> Iterator[Path]:
    """Give the path of a file like `path` that Keras 3 can read, while it is needed.

    Args:
        path: Of a `.h5` file; where nothing has to be changed, it is given as it is.
        own: Classes that are the user's, whatever their names.
    """
    config = read_config(path, own)
    with h5py.File(path, "r") as file:
        if config == json.loads(file.attrs["model_config"]):
            config = None
    if config is None:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="happymaps-") as folder:
        copy = Path(folder) / "network.h5"
        with h5py.File(path, "r") as file, h5py.File(copy, "w") as target:
            file.copy("model_weights", target)  # the optimizer's are not needed
            target.attrs["model_config"] = json.dumps(config)
        yield copy


def read_config(path: Path, own: Collection[str] = ()) -> dict:
    """Return the config in a `.h5` file, as Keras 3 reads it.

    Args:
        path: Of the file.
        own: Classes that are the user's, whatever their names.
    """
    with h5py.File(path, "r") as file:
        config = json.loads(file.attrs["model_config"])
        version = file.attrs.get("keras_version", "")
    version = version.decode() if isinstance(version, bytes) else str(version)
    return config if version.startswith("3") else modernize(config, own)


def modernize(config, own: Collection[str] = ()):
    """Return a config of Keras 2, or a part of one, as Keras 3 reads it."""
    if isinstance(config, list):
        return [modernize(each, own) for each in config]
    if not isinstance(config, dict):
        return config
    config = {key: modernize(value, own) for key, value in config.items()}
    name, options = config.get("class_name"), config.get("config")
    if isinstance(name, str) and isinstance(options, dict) and name not in own:
        config["config"] = _without_obsolete(name, options)
    if isinstance(config.get("layers"), list) and "output_layers" in config:
        _convert_calls(config)
    return config


def _without_obsolete(layer: str, options: dict) -> dict:
    kept = dict(options)
    for option, layers, values in _OBSOLETE:
        is_listed = option in kept and re.fullmatch(layers, layer)
        if is_listed and (values is None or kept[option] in values):
            del kept[option]
    axis = kept.get("axis")
    if layer == "BatchNormalization" and isinstance(axis, list) and len(axis) == 1:
        kept["axis"] = axis[0]
    return kept


def _convert_calls(network: dict) -> None:
    """Count calls from 0, and give tensors by name in the form that is read."""
    layers = {each["name"]: each for each in network["layers"]}
    calls = [layer.get("inbound_nodes") for layer in layers.values()]
    used: dict[str, int] = {}
    for name, call, _ in _references([calls, network["output_layers"]], layers):
        used[name] = min(call, used.get(name, call))
    first = {n: c for n, c in used.items() if "layers" in layers[n]["config"]}

    def count(reference: list) -> list:
        name, call, *others = reference
        return [name, call - first.get(name, 0), *others]

    for layer in layers.values():
        nodes = _change(layer.get("inbound_nodes", []), layers, count)
        layer["inbound_nodes"] = [_convert_call(node, layers) for node in nodes]
    # Of a Functional network's outputs, Keras 3 itself takes off the 1.
    first = {n: c for n, c in first.items() if layers[n]["class_name"] == "Sequential"}
    network["output_layers"] = _change(network["output_layers"], layers, count)
    for end in ("input_layers", "output_layers"):
        # A list of one would be a list for the layers behind, too.
        if len(network[end]) == 1 and _is_reference(network[end][0], layers):
            network[end] = network[end][0]


def _convert_call(node, layers: dict):
    given = node[0][3] if _is_reference(node[0], layers) and node[0][3:] else {}
    if not list(_references(given, layers)):
        return node
    tensors = [_tensor(reference[:3]) for reference in node]
    inputs = tensors[0] if len(tensors) == 1 else tensors
    return {"args": [inputs], "kwargs": _change(given, layers, _tensor)}


def _tensor(reference: list) -> dict:
    # Its shape and type are those of the layer's output, whatever stands here.
    about = {"shape": [None], "dtype": "float32", "keras_history": reference}
    return {"class_name": "__keras_tensor__", "config": about}


def _is_reference(value: object, layers: dict) -> bool:
    """Return whether a value is [layer, call, output], with options or without."""
    return (
        isinstance(value, list)
        and len(value) in (3, 4)
        and isinstance(value[0], str)
        and value[0] in layers
        and all(type(number) is int for number in value[1:3])
    )


def _references(value: object, layers: dict) -> Iterator[tuple[str, int, int]]:
    if _is_reference(value, layers):
        yield tuple(value[:3])
        value = value[3:]
    if isinstance(value, dict):
        value = list(value.values())
    for each in value if isinstance(value, list) else ():
        yield from _references(each, layers)


def _change(value, layers: dict, change):
    """Return `value` with each reference changed."""
    if _is_reference(value, layers):
        options = [_change(each, layers, change) for each in value[3:]]
        return change([*value[:3], *options])
    if isinstance(value, dict):
        return {key: _change(each, layers, change) for key, each in value.items()}
    if isinstance(value, list):
        return [_change(each, layers, change) for each in value]
    return value
