"""Doubles of layers: the very same layer once more, to be called or changed apart.

A copy by `get_config()` is what a layer says of itself, and layers hold more: what
`adapt` has seen, tables of words, attributes of one's own. A double holds whatever the
layer holds.
"""

import types
from collections.abc import Callable

import numpy as np

from happymaps.backend import keras, tf
from happymaps.networks.graph import functional_form, is_graph, origin

_OWN = ("build", "quantize")  # Keras binds these to each layer when it is made
_CALLS = ("_inbound_nodes", "_outbound_nodes", "_double_of")
_PROBED = 2  # images
_OPEN_SIZE = 32  # of a probe, where a network takes any


def share(operation):
    """Return a double that shares all that a layer holds, weights too."""
    double = type(operation).__new__(type(operation))
    own = {name: vars(double)[name] for name in _OWN if name in vars(double)}
    vars(double).update(vars(operation) | own)
    return _uncalled(double, operation)


def share_deeply(operation):
    """Return a double with doubles of the layers inside it; weights are shared."""
    return _Doubler(lambda variable: variable).double(operation)


def copy_network(model: keras.Model, images: np.ndarray | None = None) -> keras.Model:
    """Return a network that does the same, with weights of its own.

    Args:
        model: Any network; it is not changed.
        images: What to compare the two on; None for noise, if the network takes it.

    Raises:
        ValueError: The copy does something else than the network.
    """
    copy = _Doubler(_new_variable).double(model)
    _check_same(model, copy, images)
    return copy


def _uncalled(double, operation):
    vars(double).update(
        _inbound_nodes=[], _outbound_nodes=[], _double_of=origin(operation)
    )
    return double


def _new_variable(variable: keras.Variable) -> keras.Variable:
    new = keras.Variable(
        variable.numpy(),
        trainable=variable.trainable,
        dtype=variable.dtype,
        autocast=variable._autocast,
        aggregation=variable.aggregation,
        name=variable.name,
    )
    told = ("regularizer", "constraint", "overwrite_with_gradient", "_path")
    for name in told:
        setattr(new, name, getattr(variable, name))
    return new


class _Doubler:
    """Doubles whole trees of layers, each thing in them once.

    Args:
        variable: Function of a variable that returns what stands for it.
    """

    def __init__(self, variable: Callable) -> None:
        self._made = {}
        self._makers = (
            (keras.Variable, variable),
            (keras.Operation, self._operation),
            (keras.random.SeedGenerator, self._object),
            (list, lambda found: list(map(self.double, found))),
            (dict, lambda found: {k: self.double(v) for k, v in found.items()}),
            (tuple, self._tuple),
            (types.MethodType, self._method),
        )

    def double(self, thing):
        """Return the double of a layer or of what layers hold, or the thing itself."""
        if id(thing) not in self._made:
            makers = [make for kind, make in self._makers if isinstance(thing, kind)]
            # The thing is kept beside, or its number may come to be another's.
            self._made[id(thing)] = (thing, makers[0](thing) if makers else thing)
        return self._made[id(thing)][1]

    def _operation(self, operation):
        if is_graph(operation):
            copy = keras.models.clone_model(operation, clone_function=self.double)
            vars(copy)["_trainable"] = operation._trainable
            return copy
        double = type(operation).__new__(type(operation))
        self._made[id(operation)] = (operation, double)  # it may hold itself
        for name, value in vars(operation).items():
            if name == "_tracker":
                vars(double)[name] = self._tracker(value)
            elif name not in (*_OWN, *_CALLS):
                vars(double)[name] = self.double(value)
        return _uncalled(double, operation)

    def _tracker(self, tracker):
        """Return the double of what notes the weights and layers inside a layer."""
        double = self._object(tracker)
        double.config = {
            name: (is_kind, self.double(store))
            for name, (is_kind, store) in tracker.config.items()
        }
        double.stored_ids = {
            name: set(map(id, store)) for name, (_, store) in double.config.items()
        }
        return double

    def _object(self, thing):
        double = object.__new__(type(thing))
        vars(double).update({k: self.double(v) for k, v in vars(thing).items()})
        return double

    def _tuple(self, found: tuple) -> tuple:
        members = map(self.double, found)
        return type(found)(*members) if hasattr(found, "_fields") else tuple(members)

    def _method(self, method):
        return types.MethodType(method.__func__, self.double(method.__self__))


def _check_same(model: keras.Model, copy: keras.Model, images) -> None:
    given = _probe(model)
    if images is not None:  # as the network was given its input: bare or in a list
        given = keras.tree.map_structure(lambda _: images, given)
    try:
        own, again = _outputs(model, given), _outputs(model, given)
    except (ValueError, TypeError, tf.errors.OpError):
        return  # noise is nothing that this network takes
    if not _are_alike(own, again):
        return  # it is random outside of training: the network is not like itself
    found = _outputs(copy, given)
    if not _are_alike(own, found):
        raise ValueError(
            f"A copy of the network {model.name!r} does something else than the "
            f"network: outputs up to {max(map(np.max, found)):.4g} where its own go up "
            f"to {max(map(np.max, own)):.4g}. Let the layers of your own hold what "
            "they depend on as attributes."
        )


def _are_alike(first: list, second: list) -> bool:
    return all(
        np.allclose(*pair, rtol=1e-3, atol=1e-5, equal_nan=True)
        for pair in zip(first, second, strict=True)
    )


def _outputs(model: keras.Model, images) -> list[np.ndarray]:
    # In a scope whose updates nobody takes, so that no state of a layer moves.
    with keras.StatelessScope():
        found = keras.tree.flatten(model(images, training=False))
    return [np.asarray(keras.ops.cast(part, "float32")) for part in found]


def _probe(model: keras.Model):
    """Return inputs of noise for a network; whole numbers 0 and 1, words "a"."""
    rng = np.random.default_rng(0)

    def noise(tensor):
        kind = keras.backend.standardize_dtype(tensor.dtype)
        shape = (_PROBED, *(size or _OPEN_SIZE for size in tensor.shape[1:]))
        if kind == "string":
            return tf.fill(shape, "a")
        values = rng.random(shape)
        return values.astype(kind) if "float" in kind else (values > 0.5).astype(kind)

    return keras.tree.map_structure(noise, functional_form(model).input)
