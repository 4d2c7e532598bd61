"""The study's network, saved networks, and what identifies a network."""

import hashlib
import json
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from happymaps.backend import keras
from happymaps.networks.unpacking import check_unpacked_size


def build_cnn(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    filters: Sequence[int] = (32, 32, 64),
    dense_units: Sequence[int] = (64, 64),
    final_activation: str = "softmax",
    seed: int = 0,
) -> keras.Model:
    """Return an untrained network of the study's form.

    Convolutions of 3x3 with ReLU, each followed by 2x2 max pooling, then dense layers
    with ReLU, then the decision layer. The layers are named as in the study:
    `conv2d_1`, `conv2_2`, `conv2_3`, ..., `dense_1`, `dense_2`, `dense_3`.

    Args:
        input_shape: (height, width, channels); every convolution needs at least 4
            rows and columns of what is left.
        num_classes: Number of outputs, >= 2.
        filters: Channels of each convolution layer.
        dense_units: Units of each hidden dense layer.
        final_activation: `"softmax"`, `"linear"` or `"sigmoid"`.
        seed: Of the initial weights, which depend on nothing else.

    Raises:
        ValueError: An input too small for so many layers, or fewer than 2 classes.
    """
    _check_architecture(input_shape, num_classes, filters, final_activation)
    seeds = iter(np.random.SeedSequence(seed).generate_state(64).tolist())

    def initializer():
        return keras.initializers.GlorotUniform(seed=next(seeds))

    inputs = values = keras.Input(input_shape, name="images")
    for position, count in enumerate(filters, start=1):
        name = "conv2d_1" if position == 1 else f"conv2_{position}"
        values = keras.layers.Conv2D(
            count, 3, activation="relu", kernel_initializer=initializer(), name=name
        )(values)
        values = keras.layers.MaxPooling2D(name=f"pool_{position}")(values)
    values = keras.layers.Flatten(name="flatten")(values)
    for position, count in enumerate(dense_units, start=1):
        values = keras.layers.Dense(
            count,
            activation="relu",
            kernel_initializer=initializer(),
            name=f"dense_{position}",
        )(values)
    outputs = keras.layers.Dense(
        num_classes,
        activation=final_activation,
        kernel_initializer=initializer(),
        name=f"dense_{len(dense_units) + 1}",
    )(values)
    return keras.Model(inputs, outputs, name="study_network")


def load_model(path: str | Path) -> keras.Model:
    """Return the network saved in a `.keras` or `.h5` file.

    The file is read in Keras's safe mode always: a file can hold Python code (a Lambda
    layer), and to load it would be to run it.

    Raises:
        FileNotFoundError: No such file.
        ValueError: Another kind of file, a damaged one, or one that holds code.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"Expected a saved Keras network. There is no file {str(path)!r}."
        )
    if path.suffix not in (".keras", ".h5"):
        raise ValueError(
            f"Expected a .keras (or .h5) file. Received: {str(path)!r}. "
            "Save the network with model.save('name.keras')."
        )
    check_unpacked_size(path)
    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # whatever a damaged file raises, the reader wants one
        raise ValueError(_why_not_loaded(path, error)) from error


def save_model(model: keras.Model, path: str | Path) -> Path:
    """Write a network to a `.keras` file, whole or not at all, and return its path.

    Raises:
        ValueError: The path ends in something else.
    """
    path = Path(path)
    if path.suffix != ".keras":
        raise ValueError(
            f"Expected a path that ends in .keras. Received: {str(path)!r}. "
            f"Save the network as {path.stem + '.keras'!r}."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.keras")
    try:
        model.save(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def randomize_weights(model: keras.Model, *, seed: int = 0) -> keras.Model:
    """Return a network of the same form with shuffled weights, for null models.

    Each kernel is shuffled: it keeps its values, and so its scale, and loses what was
    learned. Biases and statistics of normalization stay as they are.

    Args:
        model: Any network; it is not changed.
        seed: Of the shuffling.
    """
    rng = np.random.default_rng(seed)
    copy = keras.models.clone_model(model)
    copy.set_weights(
        [
            rng.permuted(weight.ravel()).reshape(weight.shape)
            if weight.ndim > 1
            else weight
            for weight in model.get_weights()
        ]
    )
    return copy


def fingerprint(model: keras.Model) -> str:
    """Return 16 hex digits of a sha256 over a network's config and weights."""
    config = json.dumps(model.get_config(), sort_keys=True, default=repr)
    digest = hashlib.sha256(config.encode())
    for weight in model.get_weights():
        digest.update(repr(weight.shape).encode() + weight.tobytes())
    return digest.hexdigest()[:16]


def _why_not_loaded(path: Path, error: Exception) -> str:
    # The file's name says nothing of what is in it.
    text = str(error).replace(str(path), "the file") or type(error).__name__
    if "safe_mode=False" in text:
        return (
            f"{str(path)!r} was refused: it holds Python code (a Lambda layer), and "
            "loading it would run that code. Replace the Lambda by a layer of Keras "
            "(such as Rescaling) or a registered layer class, and save it again."
        )
    if path.suffix == ".keras" and not zipfile.is_zipfile(path):
        return (
            f"{str(path)!r} could not be read as a Keras network: it is damaged, cut "
            "short or of another kind. Save or copy it again."
        )
    return (
        f"{str(path)!r} could not be read as a Keras network: {text.splitlines()[0]} "
        "Save it again with model.save('name.keras') from Keras 3; layers of your own "
        "must be registered with keras.saving.register_keras_serializable."
    )


def _check_architecture(input_shape, num_classes, filters, final_activation) -> None:
    if final_activation not in ("softmax", "linear", "sigmoid"):
        raise ValueError(
            "final_activation must be 'softmax', 'linear' or 'sigmoid'. Received: "
            f"{final_activation!r}."
        )
    if num_classes < 2:
        raise ValueError(f"num_classes must be >= 2. Received: {num_classes}.")
    height, width, _ = input_shape
    for position in range(1, len(filters) + 1):
        height, width = (height - 2) // 2, (width - 2) // 2
        if min(height, width) < 1:
            raise ValueError(
                f"Images of {input_shape[0]}x{input_shape[1]} are too small for "
                f"{len(filters)} convolution layers: nothing is left after layer "
                f"{position}. Use larger images or fewer filters=(...)."
            )
