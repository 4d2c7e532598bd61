"""A last layer of kernels around learned points, and a hinge loss without a kink.

With a smooth hinge a classifier ends as a support vector machine does, in a sum of
kernels and a margin, and is trained end to end. Source of the loss on a linear layer:
Tang 2013, arXiv:1306.0239; of kernels as a last layer: Broomhead & Lowe 1988 (radial
basis functions). The combination is ours.
"""

import numpy as np

from happymaps.backend import keras

_PACKAGE = "happymaps"
_PER_CLASS = 10
_OWN, _OTHERS = 1.8, -0.2  # a support's weight at the start: for its class, for others


@keras.saving.register_keras_serializable(_PACKAGE)
class KernelMachine(keras.layers.Layer):
    """Scores of classes by Gaussian kernels around learned support points.

    `k_j = exp(-g_j |f - s_j|^2 / 2)` and `z = A' k + b`, with the features f, shape
    `(images, D)`, supports s_j, widths `g_j > 0` (1/D at the start), weights A and
    biases b, all of them learned; support j begins for class j mod `num_classes`. The
    largest of the scores z `(images, num_classes)` is the answer, and the gap to the
    next one its confidence; the sum of the kernels is none. Train it with
    `happymaps.networks.smooth_hinge`, behind features of about unit variance, such as
    those of a batch normalization, and place the supports first.

    Args:
        num_classes: Scores, >= 2.
        num_supports: Kernels, at least one a class; None for ten a class.

    Raises:
        ValueError: Fewer than two classes, or fewer supports than classes.
    """

    def __init__(
        self, num_classes: int, num_supports: int | None = None, **options
    ) -> None:
        super().__init__(**options)
        supports = _PER_CLASS * num_classes if num_supports is None else num_supports
        if not 2 <= num_classes <= supports:
            raise ValueError(
                "Expected two classes or more, and a support for each. Received: "
                f"{num_classes} classes and {supports} supports."
            )
        self.num_classes, self.num_supports = num_classes, supports

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make supports, widths, weights and biases."""
        if len(input_shape) != 2:
            raise ValueError(
                "Expected features (images, numbers). Received the shape "
                f"{tuple(input_shape)}. Put a Flatten or a pooling layer before."
            )
        size, count = input_shape[-1], self.num_supports
        own = np.eye(self.num_classes)[np.arange(count) % self.num_classes]
        start = _OTHERS + (_OWN - _OTHERS) * own
        constant = keras.initializers.Constant
        self.supports = self.add_weight(
            shape=(count, size), initializer="random_normal", name="supports"
        )
        self.log_widths = self.add_weight(
            shape=(count,), initializer=constant(-np.log(size)), name="log_widths"
        )
        self.mixing = self.add_weight(
            shape=start.shape, initializer=constant(start), name="mixing"
        )
        self.bias = self.add_weight(
            shape=(self.num_classes,), initializer="zeros", name="bias"
        )

    def place_supports(self, features: np.ndarray, labels: np.ndarray) -> None:
        """Put each support on a training image of the class that it begins for.

        Args:
            features: What the layer is given for these images, `(images, D)`.
            labels: Their classes, ints from 0.

        Raises:
            ValueError: Fewer images of a class than supports for it.
        """
        features = np.asarray(features)
        if not self.built:
            self.build(features.shape)
            self.built = True
        chosen = []
        for support in range(self.num_supports):
            turn, label = divmod(support, self.num_classes)
            images = np.flatnonzero(np.asarray(labels) == label)
            if len(images) <= turn:
                raise ValueError(
                    f"Expected an image of class {label} for each of its supports. "
                    f"Received: {len(images)}. Bring more, or take fewer supports."
                )
            chosen.append(images[turn])
        self.supports.assign(features[chosen])

    def kernels(self, features):
        """Return the kernels of features, shape `(images, num_supports)`, in [0, 1]."""
        ops = keras.ops
        squares = ops.sum(features**2, axis=1, keepdims=True)
        squares -= 2 * ops.matmul(features, ops.transpose(self.supports))
        squares += ops.sum(self.supports**2, axis=1)
        # Rounding makes distances of nothing negative.
        return ops.exp(-ops.exp(self.log_widths) * ops.maximum(squares, 0.0) / 2)

    def call(self, features):
        """Return the scores of features."""
        return keras.ops.matmul(self.kernels(features), self.mixing) + self.bias

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Return the shape of the scores."""
        return (*input_shape[:-1], self.num_classes)

    def get_config(self) -> dict:
        """Return what the layer is made anew from."""
        own = {"num_classes": self.num_classes, "num_supports": self.num_supports}
        return super().get_config() | own


@keras.saving.register_keras_serializable(_PACKAGE)
def smooth_hinge(labels, scores):
    """Return the squared hinge of each class against all others, a number an image.

    `sum_c max(0, 1 - t_c z_c)^2`, t = 1 for the image's class and -1 for the others:
    a score is to be beyond 1 for the one, and below -1 for the others.

    Args:
        labels: Class of each image, ints from 0, shape `(images,)` or `(images, 1)`.
        scores: z, shape `(images, classes)`.
    """
    labels = keras.ops.reshape(labels, (-1,))
    signs = 2 * keras.ops.one_hot(labels, scores.shape[-1], dtype=scores.dtype) - 1
    return keras.ops.sum(keras.ops.relu(1 - signs * scores) ** 2, axis=-1)
