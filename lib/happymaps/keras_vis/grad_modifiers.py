"""What may take the place of a gradient: an array in, one of that shape out."""

import numpy as np

from happymaps.backend import keras
from happymaps.keras_vis.utils import utils


def negate(grads):
    """Return `-grads`."""
    return -grads


def absolute(grads):
    """Return `|grads|`."""
    return np.abs(grads)


def invert(grads):
    """Return `1 / (grads + epsilon)`, with Keras's epsilon, 1e-7."""
    return 1.0 / (grads + keras.config.epsilon())


def relu(grads):
    """Set what is below 0 to 0, in the array itself, and return it."""
    grads[grads < 0.0] = 0.0
    return grads


def small_values(grads):
    """Return `|1 / (grads + epsilon)|`, large where the gradient is small."""
    return absolute(invert(grads))


def get(identifier):
    """Return a gradient modifier by name; a function is returned as it is."""
    return utils.get_identifier(identifier, globals(), __name__)
