"""Changes of the image before and after each step."""

import numpy as np
from scipy import ndimage

from happymaps.backend import keras
from happymaps.keras_vis.utils import utils


class InputModifier:
    """Base of all input modifiers; it changes nothing."""

    def pre(self, inp):
        """Return the images to step from, shape as `inp`."""
        return inp

    def post(self, inp):
        """Return the images after the step, shape as `inp`."""
        return inp


class Jitter(InputModifier):
    """A random shift of the images before each step; shifts add up.

    The shift is drawn from NumPy's global generator. What leaves at one side enters at
    the other, all but one entry: the edge is doubled, as in SciPy's mode "wrap".

    Args:
        jitter: Largest shift, for all image axes or one for each: below 1 a share of
            the axis, else a number of entries. Both become whole at the first image.

    Raises:
        ValueError: A shift below 0.
    """

    def __init__(self, jitter=0.05):
        super().__init__()
        self.jitter = np.atleast_1d(np.asarray(jitter, float))
        if np.any(self.jitter < 0):
            raise ValueError(
                f"jitter must be >= 0. Received: {jitter}. Give a share of the image "
                "or a number of pixels."
            )
        self._processed = False

    def _process(self, image_dims: tuple[int, ...]) -> None:
        if len(self.jitter) == 1:
            self.jitter = np.repeat(self.jitter, len(image_dims))
        if len(self.jitter) != len(image_dims):
            raise RuntimeError(
                f"Expected one jitter for all or one for each of the {len(image_dims)} "
                f"image axes. Received: {self.jitter}."
            )
        pixels = np.where(self.jitter < 1, self.jitter * image_dims, self.jitter)
        self.jitter = pixels.astype(np.int32)
        self._processed = True

    def pre(self, img):
        """Return the images shifted, shape as `img`.

        Raises:
            RuntimeError: Another number of jitters than of image axes.
        """
        if not self._processed:
            self._process(utils.get_img_shape(img)[2:])
        offsets = [
            np.random.randint(-most, most + 1)  # noqa: NPY002 - as keras-vis draws
            for most in self.jitter
        ]
        first = keras.config.image_data_format() == "channels_first"
        shifts = [0, 0, *offsets] if first else [0, *offsets, 0]
        return ndimage.shift(img, shifts, mode="wrap", order=0)
