"""What the outputs of a classifier mean: probabilities, or logits.

The last steps of a network, those without weights, are run on made-up values of the
last layers that have some, such as random logits of a dense layer. Whether the results
sum to one, or fill [0, 1], tells what they are, however these steps were written: an
activation, an operation, an average of several networks.
"""

import contextlib
import weakref
from collections.abc import Callable, Iterator

import numpy as np
from scipy import special

from happymaps.backend import keras, tf
from happymaps.networks.batches import run
from happymaps.networks.graph import origin
from happymaps.networks.losses import check_logit
from happymaps.networks.unrolled import Unrolled

SOFTMAX, SIGMOID, LINEAR = "softmax", "sigmoid", "linear"
STATED = ("probabilities", "logits")
_LEAST = 1e-7  # probability, as in Keras's cross-entropy
_FEW = 16  # images that show whether a layer's activation is its last step
_PROBED = 96  # rows of made-up values
_LARGEST = 30.0  # of them, so that a sigmoid comes near 0 and 1
_MOST_VALUES = 4_000_000  # of a step that is still run on made-up values
_TOLERANCE = 5e-3  # of half precision
_stated = weakref.WeakKeyDictionary()


def state_outputs(model: keras.Model, meaning: str) -> None:
    """Note what the outputs of a network mean, where that cannot be seen.

    It holds for this network in all functions of the package. The network itself is
    not changed.

    Args:
        model: A classifier.
        meaning: `"probabilities"` or `"logits"`; empty to have it found again.

    Raises:
        ValueError: Something else.
    """
    if meaning and meaning not in STATED:
        raise ValueError(
            "The outputs of a classifier are 'probabilities' or 'logits'. Received: "
            f"{meaning!r}. Leave it out to have it found."
        )
    _stated.pop(model, None)
    if meaning:
        _stated[model] = meaning


@contextlib.contextmanager
def stated(model: keras.Model, meaning: str) -> Iterator[None]:
    """Have it noted for a while what the outputs of a network mean."""
    before = _stated.get(model, "")
    state_outputs(model, meaning or before)
    try:
        yield
    finally:
        state_outputs(model, before)


def find_meaning(model: keras.Model, images: np.ndarray) -> str:
    """Return one of `STATED`; the images are looked at where nothing else tells.

    Raises:
        ValueError: It cannot be told, or one output is that of a regression.
    """
    is_known = model in _stated or kind_by_steps(model) is not None
    outputs = run(model, images[:_FEW] if is_known else images)
    if output_kind(model, outputs) != LINEAR:
        return "probabilities"
    if model.output_shape[-1] == 1 and model not in _stated:
        check_logit(model, images)
    return "logits"


def state_alike(copy: keras.Model, model: keras.Model) -> None:
    """Note of a network what is noted of the one that it was made from."""
    state_outputs(copy, _stated.get(model, ""))


def output_kind(model: keras.Model, outputs: np.ndarray | None = None) -> str:
    """Return `"softmax"` or `"sigmoid"` of probabilities, `"linear"` of logits.

    Softmax stands for all probabilities that sum to one, sigmoid for those that are in
    [0, 1] each. What was stated counts, then the network's last steps, then what the
    outputs are.

    Args:
        model: A classifier.
        outputs: Its outputs for real images, shape (images, outputs); None where there
            are none.

    Raises:
        ValueError: It cannot be told.
    """
    stated = _stated.get(model)
    if stated == "logits":
        return LINEAR
    if stated:
        return SIGMOID if model.output_shape[-1] == 1 else SOFTMAX
    kind = kind_by_steps(model)
    if outputs is not None:
        outputs = np.asarray(outputs, np.float64).reshape(len(outputs), -1)
        seen = _kind_by_values(outputs)
        # What a layer of one's own does with its activation is seen here alone.
        if kind is None or (kind != LINEAR and seen == LINEAR):
            kind = seen
    if kind is None:
        raise ValueError(_unknown(model, outputs))
    return kind


def to_probabilities(outputs: np.ndarray, kind: str) -> np.ndarray:
    """Return the probability of each class, float64 of shape (images, classes).

    Args:
        outputs: Shape (images, classes), or (images, 1) for two classes.
        kind: As from `output_kind`.
    """
    outputs = np.asarray(outputs)
    if outputs.shape[1] == 1:
        outputs = special.expit(outputs) if kind == LINEAR else outputs
        return np.concatenate([1 - outputs, outputs], axis=1)
    if kind == LINEAR:
        return special.softmax(outputs, axis=1)
    return outputs / outputs.sum(axis=1, keepdims=True)


def to_log_probabilities(outputs: np.ndarray, kind: str) -> np.ndarray:
    """Return the logarithm of each class's probability, as `to_probabilities`."""
    values = np.asarray(outputs).astype(np.float64)
    if kind == LINEAR and values.shape[1] > 1:
        return special.log_softmax(values, axis=1)
    if values.shape[1] == 1:
        values = to_probabilities(values, kind)
    values = np.clip(values, _LEAST, 1)
    return np.log(values / values.sum(axis=1, keepdims=True))


def is_softmax(layer: keras.layers.Layer) -> bool:
    """Return whether the last step of a layer is a softmax over its channels."""
    step = layer if isinstance(layer, keras.layers.Softmax) else (
        keras.activations.get(getattr(layer, "activation", None))
    )  # fmt: skip
    values = made_up((None, 3), np.random.default_rng(0))
    try:
        return _judge(np.asarray(step(tf.constant(values)))) == SOFTMAX
    except (TypeError, ValueError, tf.errors.OpError):  # a step on other shapes
        return False


def kind_by_steps(model: keras.Model) -> str | None:
    """Return what the last steps of a network make, None where they do not tell."""
    if len(model.outputs) != 1:
        return None
    unrolled = Unrolled(model)
    (symbol,) = unrolled.outputs
    steps = LastSteps(unrolled)
    try:
        with keras.StatelessScope():
            values = steps.run(symbol)
    except (AttributeError, TypeError, ValueError, NotToldError, tf.errors.OpError):
        return None
    kind = _judge(values.reshape(len(values), -1))
    # Where a layer itself ends the network, its values are logits whatever they are.
    return kind or (LINEAR if steps.is_last(symbol) else None)


class NotToldError(Exception):
    """A layer of one's own with weights, or a step that is too large to be run."""


class LastSteps:
    """The steps of a network behind its last layers with weights.

    Args:
        unrolled: The network.
        known: Values of symbols to start from, by their `id`.
    """

    def __init__(self, unrolled: Unrolled, known: dict | None = None) -> None:
        self._unrolled, self._rng = unrolled, np.random.default_rng(0)
        self._values = dict(known or {})

    def is_last(self, symbol) -> bool:
        """Return whether a value comes from a layer with weights, or from outside."""
        node = self._unrolled.maker_of(symbol)
        return node is None or has_weights(node.operation)

    def run(self, symbol) -> np.ndarray:
        """Return made-up values, shape (rows, ...), as the network would compute."""
        if id(symbol) not in self._values:
            self._note(symbol)
        return np.asarray(self._values[id(symbol)], np.float64)

    def _note(self, symbol) -> None:
        shape = tuple(symbol.shape)
        if None in shape[1:] or _PROBED * np.prod(shape[1:]) > _MOST_VALUES:
            raise NotToldError
        node = self._unrolled.maker_of(symbol)
        if self.is_last(symbol):
            values = tf.constant(made_up(shape, self._rng))
            if node is not None:
                values = last_activation(node.operation)(values)
            self._values[id(symbol)] = tf.cast(values, symbol.dtype)
            return
        for given in node.input_tensors:
            self.run(given)
        arguments, options = node.arguments.fill_in(self._values)
        outputs = keras.tree.flatten(node.operation(*arguments, **options))
        self._values |= zip(map(id, node.outputs), outputs, strict=True)


def has_weights(operation) -> bool:
    """Return whether an operation has something that is learned."""
    return bool(getattr(operation, "weights", ()))


def last_activation(layer) -> Callable:
    """Return the function that a layer with weights ends in.

    Raises:
        NotToldError: A layer of one's own that does not say.
    """
    activation = getattr(layer, "activation", None)
    is_kerass = type(origin(layer)).call.__module__.partition(".")[0] == "keras"
    if activation is None and not is_kerass:
        raise NotToldError
    return keras.activations.get(activation)


def made_up(shape: tuple, rng: np.random.Generator) -> np.ndarray:
    """Return logits of all sizes, in rows from small to large ones."""
    places = [1 for _ in shape[2:]]  # alike, so that a mean over them is as large
    values = rng.normal(size=(_PROBED, *places, *shape[-1:]))
    values = values + 0.1 * rng.normal(size=(_PROBED, *shape[1:]))
    sizes = np.geomspace(0.1, _LARGEST, _PROBED).reshape(-1, *(1 for _ in shape[1:]))
    return (values * sizes).astype(np.float32)


def _judge(values: np.ndarray) -> str | None:
    """Return what outputs for made-up values are, shape (rows, outputs)."""
    if not np.isfinite(values).all():
        return None
    low, high = values.min(axis=0), values.max(axis=0)
    if low.min() < -_TOLERANCE:
        return LINEAR
    if high.max() > 1 + _TOLERANCE:
        return None
    if values.shape[1] > 1 and np.allclose(values.sum(axis=1), 1, atol=_TOLERANCE):
        return SOFTMAX
    fills = (low < 0.2) & (high > 0.8)
    is_constant = values.shape[1] == 1 and low[0] == high[0]  # a softmax of one number
    return SIGMOID if fills.all() or is_constant else None


def _kind_by_values(outputs: np.ndarray) -> str | None:
    """Return what outputs for real images are, None where they could be either."""
    finite = outputs[np.isfinite(outputs).all(axis=1)]
    if not len(finite):
        return None
    if finite.min() < -_TOLERANCE or finite.max() > 1 + _TOLERANCE:
        return LINEAR
    sums = finite.sum(axis=1)
    is_whole = finite.shape[1] > 1 and np.allclose(sums, 1, atol=_TOLERANCE)
    return SOFTMAX if is_whole else None


def _unknown(model: keras.Model, outputs: np.ndarray | None) -> str:
    found = "" if outputs is None or not len(outputs) else (
        f", from {np.nanmin(outputs):.3g} to {np.nanmax(outputs):.3g} on these images"
    )  # fmt: skip
    return (
        "Expected a network whose outputs can be told to be probabilities or logits. "
        f"Received: {model.name!r} with output shape {model.output_shape}{found}, and "
        "its last steps do not say which. Say it: happymaps diagnose --outputs "
        "probabilities (or logits); in Python "
        "happymaps.networks.state_outputs(model, 'probabilities')."
    )
