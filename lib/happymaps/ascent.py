"""The compiled loop that moves a batch of images uphill, each by its own gradient."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from happymaps.backend import tf
from happymaps.checks import check_choice
from happymaps.scoring import ACTIVATIONS, BatchedObjectives

_CACHE_DECAY = 0.95  # of the running mean of squared gradients, as in keras-vis
_EPSILON = 1e-7
_STEPS_AT_ONCE = 25  # between two looks at the progress bar and the keyboard
_IMAGE_AXES = (1, 2, 3)


@dataclasses.dataclass(frozen=True)
class AscentSettings:
    """The options of `maximize` that concern the loop; checked when made."""

    activation: str
    input_range: tuple[float, float]
    num_steps: int
    learning_rate: float
    batch_size: int

    def __post_init__(self) -> None:
        check_choice("activation", self.activation, ACTIVATIONS)
        # Plain floats: arithmetic of NumPy's scalars with tensors has rules of its own.
        object.__setattr__(self, "input_range", _bounds(self.input_range))
        for name, least in (("num_steps", 0), ("batch_size", 1)):
            value = getattr(self, name)
            if not isinstance(value, int | np.integer) or value < least:
                raise ValueError(
                    f"{name} must be a whole number >= {least}. Received: {value!r}."
                )
            object.__setattr__(self, name, int(value))
        if not 0 < self.learning_rate < np.inf:
            raise ValueError(
                "learning_rate is a share of the input range, > 0. Received: "
                f"{self.learning_rate}."
            )
        object.__setattr__(self, "learning_rate", float(self.learning_rate))


class Ascent:
    """The loop for one group of objectives, compiled once for all its batches.

    Args:
        batched: The objectives.
        regularizers: What is charged.
        settings: Options of the loop.
    """

    def __init__(
        self,
        batched: BatchedObjectives,
        regularizers: Sequence[Callable],
        settings: AscentSettings,
    ) -> None:
        self._batched = batched
        self._regularizers = regularizers
        self._settings = settings
        self._compiled = {}

    def run(
        self, images, rows, signs, weights, on_steps: Callable[[int], None]
    ) -> dict[str, np.ndarray]:
        """Return what `maximize` reports of each image, by the name of the variable.

        Args:
            images: Starts, shape `(images, h, w, c)`.
            rows: One objective per image, of `BatchedObjectives.rows`.
            signs: +1 or -1 per image.
            weights: Of the regularizers, shape `(images, regularizers)`.
            on_steps: Called now and then with the number of steps done since.
        """
        num_steps = self._settings.num_steps
        score, gradient = self._call(self._probe, images, rows, signs)
        state = self._first_state(images, score)
        history = []
        # The last evaluation takes no step: the image it would leave is never scored.
        for first in range(0, num_steps + 1, _STEPS_AT_ONCE):
            count = min(_STEPS_AT_ONCE, num_steps + 1 - first)
            bounds = (tf.constant(first), tf.constant(count))
            state, values = self._call(
                self._advance, state, rows, signs, weights, *bounds
            )
            history.append(values.numpy())
            on_steps(count)
        _, _, image, _, score_end, best_step = (part.numpy() for part in state)
        loss, scores = np.concatenate(history).transpose(1, 2, 0)
        with np.errstate(over="ignore", invalid="ignore"):  # told by the diagnosis
            gradient_rms = np.sqrt(np.mean(np.square(gradient), axis=_IMAGE_AXES))
            gradient_mean = np.mean(gradient, axis=_IMAGE_AXES)
        return {
            "image": image,
            "score_start": score.numpy(),
            "score_end": score_end,
            **self._penalties(image),
            "best_step": best_step,
            "gradient_rms": gradient_rms,
            "gradient_mean": gradient_mean,
            "loss_history": loss,
            "score_history": scores,
        }

    def _call(self, function: Callable, *arguments):
        # Concrete functions, because TensorFlow takes the loops of one session after
        # another for one function that is traced again and again, and warns.
        if function not in self._compiled:
            compiled = tf.function(function, autograph=False)
            self._compiled[function] = compiled.get_concrete_function(
                *tf.nest.map_structure(_any_batch, arguments)
            )
        return self._compiled[function](*arguments)

    def _first_state(self, images, score) -> tuple:
        cache = tf.zeros_like(images)
        best_loss = tf.fill(tf.shape(score), np.float32(np.inf))
        best_step = tf.zeros_like(score, tf.int32)
        return images, cache, images, best_loss, score, best_step

    def _penalties(self, images: np.ndarray) -> dict[str, np.ndarray]:
        values = tf.constant(images)
        return {f"penalty_{r.name}": r(values).numpy() for r in self._regularizers}

    def _probe(self, images, rows, signs):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            score = self._batched.score(images, rows, signs)
        return score, tape.gradient(score, images, unconnected_gradients="zero")

    def _advance(self, state, rows, signs, weights, first, count):
        # A loop spelled out, because the translation of Python's own loops does not
        # work on every Python that TensorFlow runs on.
        def take_step(step, state, values):
            images, cache, best, best_loss, best_score, best_step = state
            loss, score, gradient = self._evaluate(images, rows, signs, weights)
            better = loss < best_loss
            best = tf.where(better[:, None, None, None], images, best)
            best_loss = tf.where(better, loss, best_loss)
            best_score = tf.where(better, score, best_score)
            best_step = tf.where(better, first + step, best_step)
            values = values.write(step, tf.stack([loss, score]))
            images, cache = self._step(images, cache, gradient)
            state = (images, cache, best, best_loss, best_score, best_step)
            return step + 1, state, values

        values = tf.TensorArray(tf.float32, count, element_shape=(2, None))
        start = (tf.constant(0), state, values)
        _, state, values = tf.while_loop(
            lambda step, *_: step < count, take_step, start
        )
        return state, values.stack()

    def _evaluate(self, images, rows, signs, weights):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            score = self._batched.score(images, rows, signs)
            loss = -score
            for position, regularizer in enumerate(self._regularizers):
                loss += weights[:, position] * regularizer(images)
        gradient = tape.gradient(loss, images, unconnected_gradients="zero")
        return loss, score, gradient

    def _step(self, images, cache, gradient):
        low, high = self._settings.input_range
        scale = tf.sqrt(tf.reduce_mean(gradient**2, axis=_IMAGE_AXES, keepdims=True))
        gradient = tf.math.divide_no_nan(gradient, scale)
        cache = _CACHE_DECAY * cache + (1 - _CACHE_DECAY) * gradient**2
        size = self._settings.learning_rate * (high - low)
        images -= size * gradient / tf.sqrt(cache + _EPSILON)
        return tf.clip_by_value(images, low, high), cache


def _bounds(input_range) -> tuple[float, float]:
    try:
        low, high = (float(value) for value in input_range)
    except (TypeError, ValueError):
        low = high = np.nan
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise ValueError(
            "input_range must be (lowest, highest), finite. Received: "
            f"{input_range}. Give the range of the pixels that the network was "
            "trained on, such as (0, 1) or (0, 255)."
        )
    return low, high


def _any_batch(value):
    # Only the number of images, everywhere the first axis, varies from call to call.
    shape = [None, *value.shape[1:]] if value.shape.rank else []
    return tf.TensorSpec(shape, value.dtype)
