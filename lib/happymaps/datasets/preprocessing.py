"""How pixels become what a network takes, as the networks of keras.applications do.

A network is fed rightly when its pixels are scaled and ordered as in its training.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

ORDERS = ("rgb", "bgr")


@dataclasses.dataclass(frozen=True)
class Preprocessing:
    """Pixels in [0, 1] are brought to a range, ordered, and shifted and divided.

    `(low + (high - low) pixel - mean) / deviation`, by channel in the order in which
    the network takes them.

    Attributes:
        pixel_range: What black and white are before the mean is taken off.
        mean: One number for all channels, or three.
        deviation: The same; none is 0. Below 0 it exchanges black and white.
        channel_order: `"rgb"`, or `"bgr"` for blue first.
    """

    pixel_range: tuple[float, float] = (0.0, 1.0)
    mean: tuple[float, ...] = (0.0,)
    deviation: tuple[float, ...] = (1.0,)
    channel_order: str = "rgb"

    def __post_init__(self) -> None:
        """Check what was given."""
        if self.channel_order not in ORDERS:
            raise ValueError(
                "channel_order must be 'rgb' or 'bgr'. Received: "
                f"{self.channel_order!r}."
            )
        low, high = self.pixel_range
        if not (np.isfinite([low, high]).all() and low < high):
            raise ValueError(
                "The lowest pixel must be below the highest. Received: "
                f"{low:g} and {high:g}. Give 0 and 255, say, or -1 and 1."
            )
        for name, values in (("mean", self.mean), ("deviation", self.deviation)):
            if len(values) not in (1, 3) or not np.isfinite(values).all():
                raise ValueError(
                    f"{name} must be one number, or one for each of three channels. "
                    f"Received: {list(values)}."
                )
        if 0 in self.deviation:
            raise ValueError("No deviation can be 0: pixels are divided by it.")

    @property
    def is_range(self) -> bool:
        """Whether it does no more than to bring pixels to `pixel_range`."""
        return self == Preprocessing(self.pixel_range)

    @property
    def needs_colors(self) -> bool:
        """Whether it is for three channels alone."""
        return max(len(self.mean), len(self.deviation)) > 1 or (
            self.channel_order != "rgb"
        )

    def linear_form(self) -> tuple[np.ndarray, np.ndarray]:
        """Return scale and offset by channel, for pixels in the network's order."""
        low, high = self.pixel_range
        deviation = np.asarray(self.deviation)
        return (high - low) / deviation, (low - np.asarray(self.mean)) / deviation

    def apply(self, images: np.ndarray) -> np.ndarray:
        """Return images as the network takes them, float32.

        Args:
            images: In [0, 1], shape `(..., 1 or 3)`, red first.

        Raises:
            ValueError: Gray images, where it is for colors.
        """
        self.check_channels(images.shape[-1])
        ordered = images[..., ::-1] if self.channel_order == "bgr" else images
        if self.is_range:
            low, high = self.pixel_range
            return (low + (high - low) * ordered).astype(np.float32)
        scale, offset = self.linear_form()
        return (ordered * scale + offset).astype(np.float32)

    def undo(self, images: np.ndarray) -> np.ndarray:
        """Return images in [0, 1], red first, of those that a network takes."""
        scale, offset = self.linear_form()
        pixels = ((images - offset) / scale).astype(np.float32)
        return pixels[..., ::-1] if self.channel_order == "bgr" else pixels

    def check_channels(self, channels: int) -> None:
        """Raise a ValueError where it is for colors and there are none."""
        if self.needs_colors and channels != 3:
            raise ValueError(
                "This preprocessing (a mean for each channel, or blue first) is for "
                f"images of 3 channels. Received: {channels}. Give one number for the "
                "mean and one for the deviation."
            )


# `preprocess_input` of keras.applications, by the name that Keras gives its modes.
MODES = {
    "raw": Preprocessing((0.0, 255.0)),
    "tf": Preprocessing((-1.0, 1.0)),
    "torch": Preprocessing(
        mean=(0.485, 0.456, 0.406), deviation=(0.229, 0.224, 0.225)
    ),
    "caffe": Preprocessing(
        (0.0, 255.0), (103.939, 116.779, 123.68), channel_order="bgr"
    ),
}  # fmt: skip


def make_preprocessing(
    mode: str | Preprocessing = "",
    *,
    pixel_range: Sequence[float] = (0.0, 1.0),
    mean: Sequence[float] = (),
    deviation: Sequence[float] = (),
    channel_order: str = "",
) -> Preprocessing:
    """Return a preprocessing by the name of a mode, or by its parts.

    Args:
        mode: `"caffe"` (VGG, ResNet), `"torch"` (DenseNet), `"tf"` (MobileNet,
            Inception, Xception, ResNetV2, NASNet) or `"raw"` (0 to 255: EfficientNet,
            ConvNeXt, MobileNetV3, whose first layers scale). Empty for the parts.
        pixel_range: As in `Preprocessing`, and so the others.
        mean: Empty for 0.
        deviation: Empty for 1.
        channel_order: Empty for red first.

    Raises:
        ValueError: An unknown mode, a mode and parts at once, or parts that cannot be.
    """
    if isinstance(mode, Preprocessing):
        return mode
    parts = Preprocessing(
        tuple(map(float, pixel_range)),
        tuple(map(float, mean)) or (0.0,),
        tuple(map(float, deviation)) or (1.0,),
        channel_order or "rgb",
    )
    if not mode:
        return parts
    if mode not in MODES:
        raise ValueError(
            f"preprocessing must be one of {', '.join(map(repr, MODES))}. "
            f"Received: {mode!r}. Or give its parts: pixel range, mean, deviation and "
            "order of the channels."
        )
    if parts not in (Preprocessing(), MODES[mode]):
        raise ValueError(
            f"The preprocessing {mode!r} says the pixel range, mean, deviation and "
            "order of the channels. Received some of these beside it. Leave out either."
        )
    return MODES[mode]
