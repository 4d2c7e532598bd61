"""What algebra says of a softmax, checked on a network: slopes, and weights that learn.

Nothing here needs TensorFlow before slopes are computed.
"""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from happymaps.backend import keras


def weight_drift(before: np.ndarray, after: np.ndarray) -> float:
    """Return how far the mean over classes has moved, as a share of the classes' moves.

    `|mean_k dW_k| / sqrt(mean_k |dW_k|^2)`: 0 if what one class gains the others lose,
    1 if all move alike, NaN if nothing has moved.

    Args:
        before: Weights of a last layer, shape `(inputs, classes)`.
        after: The same, later.
    """
    moved = np.asarray(after, np.float64) - np.asarray(before, np.float64)
    single = np.sqrt(np.mean(np.sum(moved**2, axis=0)))
    common = np.linalg.norm(moved.mean(axis=1))
    return float(common / single) if single > 0 else np.nan


def check_softmax_slopes(
    model: "keras.Model", *, seed: int = 0, input_range: tuple = (0.0, 1.0)
) -> dict[str, float]:
    """Compare the slopes of softmax probabilities with the algebra, at a start.

    The probabilities are the softmax of the logits, whatever the network makes of
    them, in double precision: where one is near 1, single precision has no slope left.

    Args:
        model: A network whose last layer is dense; it is not changed.
        seed: Of the start.
        input_range: Of the network.

    Returns:
        `slope_sum`: the largest `|sum_k grad p_k|` over the largest `|grad p_k|`, 0 by
        algebra. With two classes `saturation`, `p1 p0`, and `saturation_error`, the
        largest `|grad p1 - p1 p0 grad(z1 - z0)|` over the largest `|grad p1|`, 0 by
        algebra; else NaN.
    """
    from happymaps.maps.engine.starts import start_images
    from happymaps.networks.inspection import output_layer
    from happymaps.networks.layers import cut

    logits = cut(model, [output_layer(model)], pre_activation=True)
    start = start_images([seed], model.input_shape[1:], input_range)
    values, slopes, of_logits = _softmax_slopes(logits, start)
    largest = np.abs(slopes).max()
    found = {
        "slope_sum": float(np.abs(slopes.sum(axis=0)).max() / largest),
        "saturation": np.nan,
        "saturation_error": np.nan,
    }
    if len(values) == 2:
        product = float(values[0] * values[1])
        expected = product * (of_logits[1] - of_logits[0])
        error = np.abs(slopes[1] - expected).max() / np.abs(slopes[1]).max()
        found |= {"saturation": product, "saturation_error": float(error)}
    return found


def _softmax_slopes(logits, start) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return probabilities (classes,), their slopes and those of the logits."""
    from happymaps.backend import tf

    images = tf.constant(start)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(images)
        # The slopes come out in single precision: so far up that none gets lost.
        values = tf.unstack(tf.cast(logits(images), tf.float64)[0])
        shares = tf.unstack(tf.nn.softmax(tf.stack(values)))
        least = tf.reduce_min(tf.stop_gradient(tf.stack(shares)))
        scale = 1 / tf.maximum(least, 1e-30)
        raised = [share * scale for share in shares]
    slopes = [tape.gradient(value, images).numpy() for value in raised]
    of_logits = [tape.gradient(value, images).numpy() for value in values]
    return (
        np.array([share.numpy() for share in shares]),
        np.array(slopes, np.float64) / scale.numpy(),
        np.array(of_logits, np.float64),
    )
