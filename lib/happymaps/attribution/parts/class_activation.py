"""What the class activation maps share: the layer, its values and their gradients."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import xarray as xr

from happymaps.attribution.parts.explained import Explained, Group, compile_for
from happymaps.attribution.parts.labels import label_attributions
from happymaps.attribution.parts.positions import enlarge, position_sizes
from happymaps.backend import keras, tf
from happymaps.maps.objective_checks import layer_of
from happymaps.maps.scoring import BatchedObjectives
from happymaps.networks import layers as _layers
from happymaps.networks.layers import find_layer, layer_path, layer_paths

_CONVOLUTIONS = tuple(
    getattr(keras.layers, f"{kind}{rank}D{suffix}")
    for kind, suffix, ranks in (
        ("Conv", "", (1, 2, 3)),
        ("Conv", "Transpose", (1, 2, 3)),
        ("SeparableConv", "", (1, 2)),
        ("DepthwiseConv", "", (1, 2)),
    )
    for rank in ranks
)


class Activity(NamedTuple):
    """Of some images: scores, and a layer's values with the gradient by them.

    Attributes:
        scores: Shape (images,).
        values: After the layer's activation, shape (images, *positions, channels).
        gradients: Of the score, of the same shape.
    """

    scores: np.ndarray
    values: np.ndarray
    gradients: np.ndarray


def layers_for(explained: Explained, layer: str | int | None) -> list[str]:
    """Return the path of the layer to look at, for each group of objectives.

    Args:
        explained: The images and objectives.
        layer: A name, path or index; None for the last convolution before the layers
            that the objectives read.

    Raises:
        ValueError: No such layer, one that the score does not depend on, or one without
            the positions of the input.
    """
    return [
        explained.kept(
            ("layer", layer, explained.activation, group.objectives[0].places),
            lambda group=group: _layer_before(explained, group, layer),
        )
        for group in explained.groups
    ]


def heat(explained: Explained, coarse: np.ndarray) -> np.ndarray:
    """Return coarse maps (images, *positions) in the size of the images, channel 1."""
    sizes = position_sizes(explained.images.shape[1:])
    return enlarge(coarse, sizes)[..., None]


def activities(
    explained: Explained, paths: list[str]
) -> Iterator[tuple[np.ndarray, Activity]]:
    """Yield which images, and what a layer makes of them, in blocks.

    Args:
        explained: The images and objectives.
        paths: The layer of each group.
    """
    functions = [
        explained.kept(
            ("tapped", path, group.batched.structure),
            lambda path=path, group=group: _tapped(explained, path, group),
        )
        for path, group in zip(paths, explained.groups, strict=True)
    ]
    for owners in explained.blocks_of_groups():
        found = explained.evaluate(functions, explained.images[owners], owners)
        yield owners, Activity(*found)


def activation_map(
    explained: Explained, method: str, layer: str | int | None, combine: Callable
) -> xr.DataArray:
    """Return the labeled heat maps of a method.

    Args:
        explained: The images and objectives.
        method: Its name.
        layer: As in `layers_for`.
        combine: Function of values and gradients, shape (images, *positions, channels),
            that gives the coarse maps, shape (images, *positions).
    """
    paths = layers_for(explained, layer)
    scores = np.empty(len(explained.images), np.float32)
    maps = np.empty((*explained.images.shape[:-1], 1), np.float32)
    with explained.progress(method, len(explained.images)):
        for owners, found in activities(explained, paths):
            scores[owners] = found.scores
            maps[owners] = heat(explained, combine(found.values, found.gradients))
    explained.check_copy(scores)
    layers = ", ".join(dict.fromkeys(paths))
    return label_attributions(explained, maps, scores, method, layer=layers)


def _layer_before(explained: Explained, group: Group, layer) -> str:
    model = explained.model
    places = [layer_of(model, place) for place, _ in group.objectives[0].places]
    read = {id(find_layer(model, place)) for place in places}
    network = _layers.cut(model, places, pre_activation=explained.activation != "post")
    before = {id(find_layer(network, path)) for path in layer_paths(network)} - read
    if layer is None:
        path = _last_convolution(model, before, places)
    else:
        path = layer_path(model, layer)
    if id(find_layer(model, path)) not in before:
        raise ValueError(
            f"The layer must come before {', '.join(map(str, places))}, which the "
            f"objective reads. Received: {path!r}. Choose an earlier layer."
        )
    _check_positions(explained, path)
    return path


def _last_convolution(model: keras.Model, before: set[int], places: list) -> str:
    for path in reversed(layer_paths(model)):
        found = find_layer(model, path)
        if isinstance(found, _CONVOLUTIONS) and id(found) in before:
            return path
    raise ValueError(
        f"Expected a convolution before {', '.join(map(str, places))}, which the "
        f"objective reads. The layers are: {', '.join(layer_paths(model))}. Name "
        "another layer with positions: layer='...'."
    )


def _check_positions(explained: Explained, path: str) -> None:
    network = _layers.cut(explained.model, [path], pre_activation=False)
    shape, expected = tuple(network.outputs[0].shape)[1:], explained.images.shape[1:]
    if len(shape) != len(expected) or len(shape) < 2 or None in shape:
        raise ValueError(
            "Expected a layer with the positions of the input, whose shape is "
            f"{expected}. Received: {path!r} with outputs of shape {shape}. Choose a "
            "convolution or pooling layer: layer='...'."
        )


def _tapped(explained: Explained, path: str, group: Group):
    """Return the compiled function of (inputs, rows) that gives an `Activity`."""
    taken = []
    copy = _tapped_copy(explained.model, path, taken)
    batched = BatchedObjectives(
        copy, group.objectives, explained.activation, plain=True
    )

    def differentiate(batched, inputs, rows):
        taken.clear()
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(inputs)
            score = batched.score(inputs, rows, tf.ones(tf.shape(inputs)[:1]))
        values = taken[0]
        found = tape.gradient(score, values, unconnected_gradients="zero")
        return score, tf.cast(values, tf.float32), tf.cast(found, tf.float32)

    return compile_for(differentiate, batched, explained.images.shape[1:])


def _tapped_copy(model: keras.Model, path: str, taken: list) -> keras.Model:
    """Return a copy whose layer notes what it returns.

    A copy, because a nested network gives away no tensor of its inside that the rest
    of the network would be computed from.
    """
    target = find_layer(model, path)

    def clone(layer):
        double = type(layer).from_config(layer.get_config())
        if layer is target:
            call = double.call

            def call_and_note(*arguments, **options):
                taken.append(call(*arguments, **options))
                return taken[-1]

            double.call = call_and_note
        return double

    copy = keras.models.clone_model(model, clone_function=clone, recursive=True)
    copy.set_weights(model.get_weights())
    return copy
