"""A classifier of digits: an extractor of features, and one of five heads on it."""

import numpy as np

_BATCH, _RATE, _SHIFT = 128, 2e-3, 2
_MOMENTUM = 0.9  # of the normalizations: at .99 their statistics lag in short runs
_TINY = 1e-30  # beside kernels, whose logarithm is taken
_BETWEEN = 50  # steps from one look at the validation digits to the next
_LEVEL = 0.01  # of their errors


def _make_mixture(num_classes: int):
    """Return a layer of scores, each the logarithm of the sum of a class's kernels."""
    from happymaps.backend import keras
    from happymaps.networks.kernel_machine import KernelMachine

    class Mixture(KernelMachine):
        def build(self, input_shape):
            super().build(input_shape)
            self.mixing.trainable = self.bias.trainable = False

        def call(self, features):
            kernels = keras.ops.log(self.kernels(features) + _TINY)
            count = self.num_supports // self.num_classes
            own = keras.ops.reshape(kernels, (-1, count, self.num_classes))
            return keras.ops.logsumexp(own, axis=1)

    return Mixture(num_classes)


class HeadedNetwork:
    """An extractor of features, and a head on it."""

    def __init__(
        self, head: str, num_classes: int, learned: tuple, num_features: int, seed: int
    ) -> None:
        from happymaps.backend import keras
        from happymaps.networks.kernel_machine import KernelMachine, smooth_hinge

        keras.utils.set_random_seed(seed)
        layers, inputs = keras.layers, keras.Input((28, 28, 1))
        values = inputs
        for count, size, stride in ((32, 5, 2), (64, 3, 1), (96, 3, 1)):
            values = layers.Conv2D(count, size, stride, use_bias=False)(values)
            values = layers.BatchNormalization(momentum=_MOMENTUM)(values)
            values = layers.ReLU()(values)
            if count == 64:
                values = layers.MaxPooling2D()(values)
        values = layers.Dropout(0.3)(layers.Flatten()(values))
        values = layers.Dense(num_features, use_bias=False)(values)
        values = layers.BatchNormalization(scale=False, momentum=_MOMENTUM)(values)
        self.extractor = keras.Model(inputs, values)
        self.has_kernels = head.startswith("kernel") or head == "mixture"
        if head == "mixture":
            self.head = _make_mixture(num_classes)
        else:
            form = KernelMachine if self.has_kernels else layers.Dense
            self.head = form(num_classes)
        if self.has_kernels:
            first = learned[0][:2000]
            features = np.asarray(self.extractor(first, training=True))
            self.head.place_supports(features, learned[1][:2000])
        self.model = keras.Model(inputs, self.head(values))
        self.loss = smooth_hinge
        if not head.endswith(("machine", "hinge")):
            self.loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def train(
        self, learned: tuple, validated: tuple, epochs: float, seed: int
    ) -> float:
        """Train, and return after how many steps 1 % of the validation is wrong."""
        from happymaps.backend import keras, tf

        images, labels = tf.constant(learned[0]), tf.constant(learned[1])
        batch = min(_BATCH, len(learned[0]))
        total = round(epochs * max(1, len(learned[0]) // batch))
        schedule = keras.optimizers.schedules.CosineDecay(_RATE, total)
        optimizer = keras.optimizers.Adam(schedule)
        weights = self.model.trainable_variables
        optimizer.build(weights)
        frame = [[0, 0], [_SHIFT, _SHIFT], [_SHIFT, _SHIFT], [0, 0]]

        # Given anew at each call: a graph that holds all images outlives the training.
        @tf.function(reduce_retracing=True)
        def climb_down(images, labels, rows, corners):
            for step in tf.range(tf.shape(rows)[0]):
                padded = tf.pad(tf.gather(images, rows[step]), frame)
                top, left = corners[step, 0], corners[step, 1]
                shifted = padded[:, top : top + 28, left : left + 28]
                shifted = tf.ensure_shape(shifted, (batch, 28, 28, 1))
                with tf.GradientTape() as tape:
                    found = self.model(shifted, training=True)
                    loss = tf.reduce_mean(
                        self.loss(tf.gather(labels, rows[step]), found)
                    )
                optimizer.apply(tape.gradient(loss, weights), weights)

        rng, done, reached = np.random.default_rng(seed), 0, np.nan
        while done < total:
            count = min(_BETWEEN, total - done)
            rows = [
                rng.choice(len(learned[0]), batch, replace=False) for _ in range(count)
            ]
            corners = rng.integers(0, 2 * _SHIFT + 1, (count, 2))
            climb_down(
                images, labels, tf.constant(np.stack(rows)), tf.constant(corners)
            )
            done += count
            if np.isnan(reached):
                scores, _ = self.ask(validated[0])
                if np.mean(scores.argmax(axis=1) != validated[1]) <= _LEVEL:
                    reached = done
        return reached

    def read(self, images: np.ndarray) -> np.ndarray:
        """Return the features of images."""
        parts = [
            np.asarray(self.extractor(images[start : start + 1000], training=False))
            for start in range(0, len(images), 1000)
        ]
        return np.concatenate(parts)

    def ask(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the scores of images, and the sums of kernels, NaN without these."""
        features = self.read(images)
        scores = np.asarray(self.head(features))
        if not self.has_kernels:
            return scores, np.full(len(images), np.nan)
        return scores, np.asarray(self.head.kernels(features)).sum(axis=1)
