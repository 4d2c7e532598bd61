"""A network together with the preprocessing that goes before it."""

import itertools

from happymaps.backend import keras
from happymaps.datasets.preprocessing import Preprocessing, make_preprocessing
from happymaps.networks.doubles import share
from happymaps.networks.graph import functional_form
from happymaps.networks.layers import image_shape
from happymaps.networks.outputs import state_alike


def include_preprocessing(
    model: keras.Model, preprocessing: str | Preprocessing
) -> keras.Model:
    """Return a network that takes pixels in [0, 1], red first, and does the rest.

    So maps and attributions are pictures again: of images that only `preprocess_input`
    has made fit, they show means taken off and blue for red. The layers are those of
    `model`, which is not changed, with the same names and paths.

    Args:
        model: A network for images that were preprocessed outside of it.
        preprocessing: `"caffe"`, `"torch"`, `"tf"` or `"raw"`, or a `Preprocessing`;
            `make_preprocessing` makes one of a mean, a deviation and an order.

    Raises:
        ValueError: Another preprocessing, or one for colors with a gray network.
    """
    preprocessing = make_preprocessing(preprocessing)
    shape = image_shape(model)
    preprocessing.check_channels(shape[-1])
    inputs = keras.Input(shape)
    values = inputs
    if preprocessing.channel_order == "bgr":
        values = keras.ops.flip(values, axis=-1)
    scale, offset = (part.ravel().tolist() for part in preprocessing.linear_form())
    count = max(len(scale), len(offset))
    scale, offset = (part * (count // len(part)) for part in (scale, offset))
    graph = functional_form(model)
    taken = {layer.name for layer in graph.layers}
    name = next(n for n in _names() if n not in taken)
    values = keras.layers.Rescaling(scale, offset, name=name)(values)
    doubles = {}  # one for each layer, though it is called several times

    def double(operation):
        return doubles.setdefault(id(operation), share(operation))

    outputs = graph._run_through_graph([values], operation_fn=double)
    found = keras.Model(inputs, outputs, name=f"{model.name}_with_pixels")
    state_alike(found, model)
    return found


def _names():
    yield "preprocessing"
    yield from (f"preprocessing_{number}" for number in itertools.count(1))
