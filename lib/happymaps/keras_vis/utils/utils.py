"""Arrays, layers and pictures: the helpers that scripts for keras-vis call."""

import math
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from happymaps.backend import keras
from happymaps.base.messages import unknown_name
from happymaps.keras_vis import backend
from happymaps.keras_vis.releases import is_legacy
from happymaps.keras_vis.utils.pictures import draw_text, imagenet_names, load_img

__all__ = [
    "add_defaults_to_kwargs",
    "apply_modifications",
    "bgr2rgb",
    "deprocess_input",
    "draw_text",
    "find_layer_idx",
    "get_identifier",
    "get_imagenet_label",
    "get_img_shape",
    "listify",
    "load_img",
    "lookup_imagenet_labels",
    "normalize",
    "random_array",
    "reverse_enumerate",
    "set_random_seed",
    "slicer",
    "stitch_images",
]


def set_random_seed(seed_value=1337):
    """Seed the global generators; this is where 0.4.1 has it."""
    backend.set_random_seed(seed_value)


def reverse_enumerate(iterable):
    """Return the pairs (index, item) of a sequence from its end."""
    return zip(reversed(range(len(iterable))), reversed(iterable), strict=True)


def listify(value):
    """Return a list as it is and anything else in a list.

    Under 0.4.1 anything iterable is returned as it is.
    """
    kind = Iterable if is_legacy() else list
    return value if isinstance(value, kind) else [value]


def add_defaults_to_kwargs(defaults, **kwargs):
    """Return `defaults` overridden by the keyword arguments, a new dict."""
    return {**defaults, **kwargs}


def get_identifier(identifier, module_globals, module_name):
    """Return a function by its name; a function is returned as it is.

    Args:
        identifier: Name or function.
        module_globals: What a name is looked up in.
        module_name: For the message.

    Raises:
        ValueError: No such name, or neither a name nor a function.
    """
    found = (
        module_globals.get(identifier) if isinstance(identifier, str) else identifier
    )
    if not callable(found):
        raise ValueError(
            f"Expected a function or the name of one in {module_name}. Received: "
            f"{identifier!r}."
        )
    return found


def apply_modifications(model, custom_objects=None):
    """Return a copy of a network in which changes of its layers have effect.

    Keras builds the graph of a network when its layers are called: a new
    `layer.activation` does not reach it. The copy is saved and loaded, with the weights
    and without the compilation.

    Args:
        model: The network; it is not changed.
        custom_objects: Names of layers and functions of your own to the objects.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        return keras.models.load_model(
            path, custom_objects=custom_objects, compile=False
        )


def random_array(shape, mean=128.0, std=20.0):
    """Return uniform noise with exactly this mean and standard deviation.

    It is drawn from NumPy's global generator, float64.
    """
    noise = np.random.random(shape)  # noqa: NPY002 - where keras-vis draws it from
    noise = (noise - np.mean(noise)) / (np.std(noise) + keras.config.epsilon())
    return noise * std + mean


def find_layer_idx(model, layer_name):
    """Return the index in `model.layers` of the layer with a name.

    Raises:
        ValueError: No such layer.
    """
    names = [layer.name for layer in model.layers]
    if layer_name not in names:
        raise ValueError(unknown_name("layer", layer_name, names))
    return names.index(layer_name)


def deprocess_input(input_array, input_range=(0, 255)):
    """Return an array with mean 0.5 and standard deviation 0.1 of a range.

    `clip(0.1 (x - mean) / (std + 1e-7) + 0.5, 0, 1)`, then to the range: the amplitude
    of `x` is lost.

    Args:
        input_array: Any array of floats; it is not changed.
        input_range: (lowest, highest) of what is returned.
    """
    centered = input_array - input_array.mean()
    scaled = centered / (centered.std() + keras.config.epsilon()) * 0.1
    low, high = input_range
    return (high - low) * np.clip(scaled + 0.5, 0, 1) + low


def stitch_images(images, margin=5, cols=5):
    """Return images side by side, row by row, on black.

    Args:
        images: Arrays of one shape `(height, width, channels)`.
        margin: Pixels between them.
        cols: Most images in a row.

    Returns:
        An image of the dtype of the first, or None of no images.
    """
    if len(images) == 0:
        return None
    height, width, channels = images[0].shape
    rows, columns = math.ceil(len(images) / cols), min(len(images), cols)
    shape = (rows * (height + margin) - margin, columns * (width + margin) - margin)
    stitched = np.zeros((*shape, channels), images[0].dtype)
    for position, image in enumerate(images):
        row, column = divmod(position, cols)
        top, left = row * (height + margin), column * (width + margin)
        stitched[top : top + height, left : left + width] = image
    return stitched


def get_img_shape(img):
    """Return (samples, channels, image axes...) of a tensor or array.

    Keras's data format, as it is at this moment, says which axis holds the channels.
    """
    shape = tuple(img.shape)
    if keras.config.image_data_format() == "channels_last":
        shape = (shape[0], shape[-1], *shape[1:-1])
    return shape


def lookup_imagenet_labels(indices):
    """Return the names of ImageNet's classes as a list.

    Args:
        indices: A class or a list of them, in [0, 1000).

    Raises:
        ValueError: No such class, or Keras's file of names cannot be had.
    """
    return imagenet_names(listify(indices))


def get_imagenet_label(indices, join=", "):
    """Return the names of ImageNet's classes as one text; this is 0.4.1's function."""
    return join.join(lookup_imagenet_labels(indices))


def bgr2rgb(img):
    """Return an image with its channels in reverse order."""
    return img[..., ::-1]


def normalize(array, min_value=0.0, max_value=1.0):
    """Return an array scaled from its own smallest and largest value to others.

    The divisor is larger than the difference by 1e-7, so `max_value` is just missed.
    """
    low, high = np.min(array), np.max(array)
    scaled = (array - low) / (high - low + keras.config.epsilon())
    return (max_value - min_value) * scaled + min_value


class _Slicer:
    """Takes slices in the order (samples, channels, image axes...)."""

    def __getitem__(self, slices):
        if keras.config.image_data_format() == "channels_first":
            return slices
        samples, channels, *others = slices
        return (samples, *others, channels)


slicer = _Slicer()
