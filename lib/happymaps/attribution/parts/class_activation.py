"""What the class activation maps share: the layer, its values and their gradients."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import xarray as xr

from happymaps.attribution.parts.explained import Explained, Group, compile_for
from happymaps.attribution.parts.labels import label_attributions
from happymaps.attribution.parts.last_map import last_map
from happymaps.attribution.parts.positions import enlarge, position_sizes
from happymaps.backend import tf
from happymaps.maps.places import read_places
from happymaps.networks.layers import layer_path, layer_paths
from happymaps.networks.unrolled import Call


class Place(NamedTuple):
    """Where a map is taken: the path of a layer, and which call of all it is."""

    path: str
    call: int


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


def layers_for(explained: Explained, layer: str | int | None) -> list[Place]:
    """Return the layer to look at, for each group of objectives.

    Args:
        explained: The images and objectives.
        layer: A name, path or index; None for the last map that the whole score passes.

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
    explained: Explained, places: list[Place]
) -> Iterator[tuple[np.ndarray, Activity]]:
    """Yield which images, and what a layer makes of them, in blocks.

    Args:
        explained: The images and objectives.
        places: The layer of each group.
    """
    functions = [
        explained.kept(
            ("tapped", place, group.batched.structure),
            lambda place=place, group=group: _tapped(explained, place, group),
        )
        for place, group in zip(places, explained.groups, strict=True)
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
    places = layers_for(explained, layer)
    scores = np.empty(len(explained.images), np.float32)
    maps = np.empty((*explained.images.shape[:-1], 1), np.float32)
    taps = [place.call for place in places]
    with explained.progress(method, len(explained.images)):
        for owners, found in activities(explained, places):
            scores[owners] = found.scores
            explained.note_slopes(owners, found.gradients, taps)
            maps[owners] = heat(explained, combine(found.values, found.gradients))
    layers = ", ".join(dict.fromkeys(place.path for place in places))
    return label_attributions(explained, maps, scores, method, layer=layers)


def _layer_before(explained: Explained, group: Group, layer) -> Place:
    model, places = explained.model, group.objectives[0].places
    unrolled, read = read_places(model, places, explained.activation)
    names = ", ".join(str(place) for place, _ in places)
    if layer is None:
        number = last_map(unrolled, read)
        if number is None:
            raise ValueError(
                f"Expected a convolution before {names}, whose map the whole score "
                f"passes. The layers are: {', '.join(layer_paths(model))}. Name one "
                "with positions: layer='...'."
            )
        return Place(unrolled.calls[number].path, number)
    path = layer_path(model, layer)
    before = unrolled.before(read) - set(map(id, read))
    found = [
        call
        for call in unrolled.calls
        if call.path == path
        and id(call.outputs[0]) in before
        and unrolled.is_reached(call.outputs[0])
    ]
    if not found:
        raise ValueError(
            "The layer must come between the input and what the objective reads, and "
            f"must come before {names}. Received: {path!r}. Choose an earlier layer."
        )
    _check_positions(explained, found[0])
    return Place(path, unrolled.calls.index(found[0]))


def _check_positions(explained: Explained, call: Call) -> None:
    shape, expected = tuple(call.outputs[0].shape)[1:], explained.images.shape[1:]
    if len(shape) != len(expected) or len(shape) < 2 or None in shape:
        raise ValueError(
            "Expected a layer with the positions of the input, whose shape is "
            f"{expected}. Received: {call.path!r} with outputs of shape {shape}. "
            "Choose a convolution or pooling layer: layer='...'."
        )


def _tapped(explained: Explained, place: Place, group: Group):
    """Return the compiled function of (inputs, rows) that gives an `Activity`."""
    batched = explained.batched(group.objectives, tap=place.call)

    def differentiate(batched, inputs, rows):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = batched.outputs(inputs)
            signs = tf.ones(tf.shape(inputs)[:1])
            score = batched.score_outputs(outputs, rows, signs)
        values = outputs[-1]
        found = tape.gradient(score, values, unconnected_gradients="zero")
        return score, tf.cast(values, tf.float32), tf.cast(found, tf.float32)

    return compile_for(differentiate, batched, explained.images.shape[1:])
