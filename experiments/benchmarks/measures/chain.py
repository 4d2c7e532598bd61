"""A network as a plain list of layers, from which another Keras can rebuild it."""

from collections.abc import Mapping, Sequence

# Of a layer's config, what decides its values; names and meanings are those of Keras 2
# and Keras 3 alike.
_OPTIONS = {
    "Conv2D": (
        *("filters", "kernel_size", "strides", "padding", "dilation_rate", "groups"),
        *("activation", "use_bias"),
    ),
    "MaxPooling2D": ("pool_size", "strides", "padding"),
    "Flatten": (),
    "Dense": ("units", "activation", "use_bias"),
    "Dropout": ("rate",),
    "Activation": ("activation",),
    "ReLU": ("max_value", "negative_slope", "threshold"),
}
_ACTIVATIONS = ("linear", "relu", "elu", "sigmoid", "softmax", "softplus", "tanh")


def describe_chain(model) -> list[dict[str, object]]:
    """Return the layers of a network that is a chain, in order, the input first.

    Args:
        model: A built Keras network, Sequential or Functional, of Conv2D, MaxPooling2D,
            Flatten, Dense, Dropout, Activation and ReLU layers, channels last.

    Returns:
        One dict per layer: `kind`, `name`, and the options that decide its values. The
        first is `{"kind": "InputLayer", "name": ..., "shape": [height, ...]}`.

    Raises:
        ValueError: Another kind of layer or activation, channels first, branches, or an
            input of open size.
    """
    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or None in shape[1:]:
        raise ValueError(
            "Expected a built network with one input of fixed size. Received: "
            f"{getattr(model, 'name', model)!r} with input shape {shape}. Build it "
            "with keras.Input((height, width, channels))."
        )
    entries = model.get_config()["layers"]
    if any("inbound_nodes" in entry for entry in entries):
        _check_order(entries)
    first = {"kind": "InputLayer", "name": "input", "shape": list(shape[1:])}
    if entries[0]["class_name"] == "InputLayer":
        first["name"] = entries[0]["config"]["name"]
        entries = entries[1:]
    return [first, *map(_describe_layer, entries)]


def _describe_layer(entry: Mapping) -> dict[str, object]:
    kind, config = entry["class_name"], entry["config"]
    name = config.get("name")
    if kind not in _OPTIONS:
        raise ValueError(
            f"Supported are layers of the kinds {', '.join(_OPTIONS)}. Received: "
            f"{name!r}, a {kind}. Use a network without it."
        )
    if config.get("data_format", "channels_last") != "channels_last":
        raise ValueError(
            f"Supported are networks whose channels come last. Received: {name!r} with "
            f"data_format={config['data_format']!r}. Rebuild the network."
        )
    activation = config.get("activation", "linear")
    if activation not in _ACTIVATIONS:
        raise ValueError(
            f"Supported are the activations {', '.join(_ACTIVATIONS)}. Received: "
            f"{name!r} with {activation!r}. Use a network without it."
        )
    return {"kind": kind, "name": name} | {key: config[key] for key in _OPTIONS[kind]}


def _check_order(entries: Sequence[Mapping]) -> None:
    previous = None
    for entry in entries:
        feeding = [_sources(node) for node in entry["inbound_nodes"]]
        if feeding != ([] if previous is None else [[previous]]):
            raise ValueError(
                "Supported are networks that are chains: each layer takes the output "
                f"of the one before it. Received: {entry['config'].get('name')!r}, "
                f"which is called on {feeding} after {previous!r}."
            )
        previous = entry["config"]["name"]


def _sources(value: object) -> list[str]:
    """Return the names of the layers whose outputs a call takes."""
    if isinstance(value, Mapping):
        if value.get("class_name") == "__keras_tensor__":
            return [value["config"]["keras_history"][0]]
        return [name for part in value.values() for name in _sources(part)]
    if isinstance(value, list | tuple):
        return [name for part in value for name in _sources(part)]
    return []
