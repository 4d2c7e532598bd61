"""What is charged on the image: losses of the input alone, over the whole batch.

For a single image they are the penalties of `happymaps.maps.regularizers`.
"""

import math

from happymaps.backend import keras
from happymaps.keras_vis.losses import Loss
from happymaps.keras_vis.tensors import single_tensor
from happymaps.keras_vis.utils import utils

ops = keras.ops


def normalize(input_tensor, output_tensor):
    """Return a value divided by the number of values of one image.

    Args:
        input_tensor: The images, shape `(samples, ...)`, of fixed size.
        output_tensor: What is divided.

    Raises:
        ValueError: The input is of open size.
    """
    shape = utils.get_img_shape(input_tensor)[1:]
    if None in shape:
        raise ValueError(
            "Expected an input of fixed size, by which a penalty is divided. Received: "
            f"shape {tuple(input_tensor.shape)}. Rebuild the network with a full "
            "keras.Input shape, or give the penalty the weight 0."
        )
    return output_tensor / float(math.prod(shape))


class TotalVariation(Loss):
    """`sum((sum over axes of difference^2)^(beta/2)) / N`, N the values of an image.

    The differences are taken on the common crop without the last entry of each axis.
    With beta = 2 they are squared: not `tf.image.total_variation`.

    Source: Mahendran & Vedaldi 2016, doi:10.1007/s11263-016-0911-8.

    Args:
        img_input: The images, a symbolic tensor with at least one image axis.
        beta: Exponent; smaller is sharper. Below 2 a flat image has no gradient.
    """

    def __init__(self, img_input, beta=2.0):
        super().__init__()
        self.name = f"TV({beta}) Loss"
        self.img = single_tensor(img_input, "img_input")
        self.beta = beta

    def build_loss(self):
        """Return the symbolic loss.

        Raises:
            ValueError: The input has no image axes.
        """
        num_axes = len(self.img.shape) - 2
        if num_axes < 1:
            raise ValueError(
                "Total variation needs an input with image axes. Received: shape "
                f"{tuple(self.img.shape)}. Set tv_weight=0."
            )
        corner = self._crop([slice(None, -1)] * num_axes)
        squares = 0.0
        for axis in range(num_axes):
            shifted = [slice(None, -1)] * num_axes
            shifted[axis] = slice(1, None)
            squares = squares + ops.square(self._crop(shifted) - corner)
        total = ops.sum(ops.power(squares, self.beta / 2.0))
        return normalize(self.img, total)

    def _crop(self, slices: list[slice]):
        return self.img[utils.slicer[(slice(None), slice(None), *slices)]]


class LPNorm(Loss):
    """`(sum |x|^p)^(1/p) / N` over the batch, N the values of an image.

    The norm hardly grows with N, so a weight is worth about 1/N as much on a larger
    image. For p = inf it is the largest value, without its absolute value.

    Source: Mahendran & Vedaldi 2016, doi:10.1007/s11263-016-0911-8.

    Args:
        img_input: The images, a symbolic tensor.
        p: Order of the norm, >= 1.

    Raises:
        ValueError: p < 1.
    """

    def __init__(self, img_input, p=6.0):
        super().__init__()
        if p < 1:
            raise ValueError(f"LPNorm needs an order p in [1, inf]. Received: p={p}.")
        self.name = f"L-{p} Norm Loss"
        self.p = p
        self.img = single_tensor(img_input, "img_input")

    def build_loss(self):
        """Return the symbolic loss."""
        if math.isinf(self.p):
            return normalize(self.img, ops.max(self.img))
        powers = ops.sum(ops.power(ops.abs(self.img), self.p))
        return normalize(self.img, ops.power(powers, 1.0 / self.p))
