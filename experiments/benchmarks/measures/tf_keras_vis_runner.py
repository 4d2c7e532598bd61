"""Activation maximization by tf-keras-vis 0.8, as many maps at once as wanted."""

import warnings
from collections.abc import Sequence

import numpy as np

from happymaps.backend import keras, tf
from happymaps.networks.layers import cut


class TfKerasVis:
    """tf-keras-vis on one layer of a network.

    It runs in this process: it uses the same Keras and changes no setting.

    Its penalties are of another kind than those of keras-vis: total variation of
    absolute differences, and the mean absolute value. They are taken at its defaults,
    as is its optimizer; its image transformations are left out, since no other
    contender has any. So its times compare, and its images do not.

    Args:
        model: A network with one image input; it is not changed.
        layer: A convolution or dense layer, read after its activation.
    """

    def __init__(self, model: keras.Model, layer: str | int) -> None:
        network = cut(model, [layer], pre_activation=False)
        # In a list, as tf-keras-vis passes it: else Keras warns at every step.
        network = keras.Model([network.inputs[0]], [network.outputs[0]])
        with warnings.catch_warnings():
            # Its own modules import one that it has deprecated.
            warnings.simplefilter("ignore")
            from tf_keras_vis.activation_maximization import ActivationMaximization

            self._maximize = ActivationMaximization(network, clone=False)

    def activation(
        self,
        filter_indices: Sequence[int],
        seed_input: np.ndarray,
        *,
        max_iter: int = 200,
        input_range: tuple[float, float] = (0.0, 1.0),
    ) -> np.ndarray:
        """Return the images of one batch, shape `(maps, height, width, channels)`.

        Args:
            filter_indices: Channel or unit of each map.
            seed_input: Start of each map, `(maps, height, width, channels)`.
            max_iter: Number of steps.
            input_range: What the images are clipped to at the end.
        """
        chosen = tf.constant(filter_indices)

        def score(outputs):
            values = tf.gather(outputs, chosen, axis=-1, batch_dims=1)
            return tf.reduce_mean(tf.reshape(values, (len(chosen), -1)), axis=1)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            images = self._maximize(
                score,
                seed_input=seed_input,
                input_range=input_range,
                input_modifiers=[],
                steps=max_iter,
            )
        return np.asarray(images)
