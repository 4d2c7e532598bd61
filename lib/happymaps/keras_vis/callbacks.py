"""What is told or kept of each iteration."""

import pprint

import imageio.v2 as imageio
import numpy as np

from happymaps.backend import keras
from happymaps.keras_vis.utils import utils


class OptimizerCallback:
    """Base of all callbacks: a subclass implements `callback`."""

    def callback(self, i, named_losses, overall_loss, grads, wrt_value):
        """Look at one iteration, before its step.

        Args:
            i: Number of the iteration, from 0.
            named_losses: List of (name, weighted value).
            overall_loss: Their sum.
            grads: The modified gradient with respect to `wrt_value`.
            wrt_value: Value of the tensor that the loss is differentiated by: the
                images, shape `(samples, ...)`, where nothing else was asked for.
        """
        raise NotImplementedError

    def on_end(self):
        """Finish; it is not called after an error."""


class Print(OptimizerCallback):
    """Print the losses of each iteration."""

    def callback(self, i, named_losses, overall_loss, grads, wrt_value):
        """Print one line."""
        losses = pprint.pformat(named_losses)
        print(
            f"Iteration: {i + 1}, named_losses: {losses}, overall loss: {overall_loss}"
        )


class GifGenerator(OptimizerCallback):
    """Write an animation of the image, one frame per iteration.

    Each frame is recentered and rescaled to (0, 255), whatever the range of the image.
    The original fails on images of one channel, on which this one works.

    Args:
        path: File to write, opened at once; ".gif" is appended if it is missing.
        input_range: Accepted as keras-vis does; frames do not depend on it.
    """

    def __init__(self, path, input_range=(0, 255)):
        self.input_range = input_range
        path = str(path)
        path = path if path.endswith(".gif") else f"{path}.gif"
        self.writer = imageio.get_writer(path, mode="I", loop=1)

    def callback(self, i, named_losses, overall_loss, grads, wrt_value):
        """Append the first image as a frame.

        Raises:
            ValueError: No image of 1 or 3 channels.
        """
        frame = utils.draw_text(_as_rgb(wrt_value[0]), f"Step {i + 1}")
        self.writer.append_data(frame)

    def on_end(self):
        """Close the file."""
        self.writer.close()


def _as_rgb(image: np.ndarray) -> np.ndarray:
    """Return an image as uint8, shape `(height, width, 3)`."""
    if keras.config.image_data_format() == "channels_first":
        image = np.moveaxis(image, 0, -1)
    if image.ndim != 3 or image.shape[-1] not in (1, 3):
        raise ValueError(
            "An animation needs images of 1 or 3 channels. Received: shape "
            f"{image.shape}. Leave GifGenerator out for other inputs."
        )
    pixels = utils.deprocess_input(image).astype(np.uint8)
    return np.broadcast_to(pixels, (*pixels.shape[:2], 3))
