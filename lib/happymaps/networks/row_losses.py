"""The loss of each row of a table: cross-entropy, or the squared error."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from happymaps.backend import keras, tf
from happymaps.base.messages import unknown_name
from happymaps.networks.batches import run
from happymaps.networks.outputs import LINEAR, SIGMOID, output_kind

CROSS_ENTROPY, SQUARED_ERROR = "cross_entropy", "squared_error"
LOSSES = (CROSS_ENTROPY, SQUARED_ERROR)
ROWS_AT_ONCE = 8192
_FEW = 256  # rows that tell what the outputs are, where the network's steps do not


class Targets(NamedTuple):
    """What rows should come out as, and the loss that tells how far they are from it.

    Attributes:
        values: Class indices, int32, or numbers, float32, shape (rows,).
        classes: Names of the classes, sorted; none for numbers.
        loss: One of `LOSSES`.
        losses: Function of targets (...,) and outputs (..., outputs) to losses (...,),
            in nats, or in the target's unit squared.
    """

    values: np.ndarray
    classes: tuple
    loss: str
    losses: Callable

    def of(self, rows: np.ndarray) -> "Targets":
        """Return those of some rows."""
        return self._replace(values=self.values[rows])

    def guess(self) -> np.ndarray:
        """Return the loss of each row where the shares or the mean are guessed."""
        if self.loss == SQUARED_ERROR:
            return np.square(self.values - self.values.mean(dtype=np.float64))
        shares = np.bincount(self.values) / len(self.values)
        return -np.log(shares[self.values])


def read_targets(
    model: keras.Model, inputs: np.ndarray, targets, loss: str = ""
) -> Targets:
    """Return targets as a network with these outputs is judged by them.

    Args:
        model: A classifier with one output per class, or one for two classes; or a
            network with one number.
        inputs: Of the network, shape (rows, ...): they tell what its outputs are,
            where its last steps do not.
        targets: Of each row: classes (text, truth values or numbers, taken in sorted
            order) or numbers.
        loss: One of `LOSSES`. Empty: cross-entropy if there are several outputs or just
            two different targets, else squared error.

    Raises:
        ValueError: Targets that are missing, do not fit the outputs or are not as many
            as rows; another loss.
    """
    targets = np.asarray(targets)
    if targets.shape != (len(inputs),):
        raise ValueError(
            f"Expected a target for each of {len(inputs)} rows. Received: shape "
            f"{targets.shape}."
        )
    if loss and loss not in LOSSES:
        raise ValueError(unknown_name("loss", loss, LOSSES))
    is_number = np.issubdtype(targets.dtype, np.number)
    if is_number and not np.isfinite(targets).all():
        raise ValueError(
            "Expected a target in each row. Received: NaN or infinity among them. "
            "Leave such rows out."
        )
    outputs = model.output_shape[-1]
    classes = np.unique(targets)
    if not loss:
        loss = CROSS_ENTROPY if outputs > 1 or len(classes) == 2 else SQUARED_ERROR
    if loss == SQUARED_ERROR:
        _check_numbers(targets, is_number, outputs)
        values = targets.astype(np.float32)
        return Targets(values, (), loss, _squared_errors)
    _check_classes(classes, outputs)
    values = np.searchsorted(classes, targets).astype(np.int32)
    kind = output_kind(model, run(model, inputs[:_FEW]))
    return Targets(values, tuple(classes.tolist()), loss, _cross_entropies(kind))


def losses_of_rows(model: keras.Model, inputs: np.ndarray, targets: Targets):
    """Return the loss of each row outside of training, float64, shape (rows,)."""
    outputs = run(model, inputs, most=ROWS_AT_ONCE)
    return targets.losses(targets.values, outputs).numpy().astype(np.float64)


def _check_numbers(targets: np.ndarray, is_number: bool, outputs: int) -> None:
    if not is_number or outputs != 1:
        raise ValueError(
            "Squared error wants numbers and a network with one output. Received: "
            f"targets such as {targets[0]!r}, {outputs} outputs. For classes take the "
            "cross-entropy, with an output for each."
        )


def _check_classes(classes: np.ndarray, outputs: int) -> None:
    expected = max(2, outputs)
    if len(classes) != expected:
        shown = ", ".join(map(str, classes[:6])) + (", ..." if len(classes) > 6 else "")
        raise ValueError(
            f"A network with {outputs} output{'s' * (outputs > 1)} tells {expected} "
            f"classes apart. Received: {len(classes)} different targets ({shown}). "
            "Choose the target that it was trained for, and rows of every class."
        )


def _squared_errors(targets, outputs):
    return tf.square(outputs[..., 0] - tf.cast(targets, outputs.dtype))


def _cross_entropies(kind: str) -> Callable:
    def losses(targets, outputs):
        outputs, logits = tf.convert_to_tensor(outputs), kind == LINEAR
        if outputs.shape[-1] == 1:
            truth = tf.cast(targets, outputs.dtype)[..., None]
            return keras.losses.binary_crossentropy(truth, outputs, from_logits=logits)
        if kind == SIGMOID:
            truth = tf.one_hot(targets, outputs.shape[-1], dtype=outputs.dtype)
            return keras.losses.binary_crossentropy(truth, outputs)
        return keras.losses.sparse_categorical_crossentropy(
            targets, outputs, from_logits=logits
        )

    return losses
