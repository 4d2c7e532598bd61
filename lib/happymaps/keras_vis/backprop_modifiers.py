"""Networks whose ReLUs pass gradients on by another rule."""

from happymaps.keras_vis import backend
from happymaps.keras_vis.utils import utils


def guided(model):
    """Return a copy that passes on positive gradients of positive outputs alone.

    `dL/dx = g (g > 0) (y > 0)` for `y = relu(x)` and `g = dL/dy`.

    Source: Springenberg et al. 2015, arXiv:1412.6806.
    """
    return backend.modify_model_backprop(model, "guided")


def rectified(model):
    """Return a copy that passes on positive gradients alone, as a "deconvnet" does.

    `dL/dx = g (g > 0)` for `y = relu(x)` and `g = dL/dy`, also where y is 0.

    Source: Zeiler & Fergus 2014, doi:10.1007/978-3-319-10590-1_53.
    """
    return backend.modify_model_backprop(model, "rectified")


relu = deconv = rectified


def get(identifier):
    """Return a backprop modifier by name; a function is returned as it is."""
    return utils.get_identifier(identifier, globals(), __name__)
