"""The compiled loop that moves a batch of images uphill, each by its own gradient.

Nothing in it mixes the maps of a batch: each has its own gradient, state of the
optimizer, random numbers and stop. Shapes do not change from step to step, so that the
loop can be compiled as a whole.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from happymaps.backend import tf
from happymaps.maps.engine.compiling import Compiled, compile_part
from happymaps.maps.engine.parallel_batches import check_stopped
from happymaps.maps.scoring import BatchedObjectives
from happymaps.maps.settings import AscentSettings
from happymaps.maps.transforms import apply_transforms

PATIENCE = 20  # steps without enough improvement that make a plateau
_STEPS_AT_ONCE = 25  # between two looks at the progress bar and the keyboard


class Batch(NamedTuple):
    """What a batch of maps is made of, first axis of every tensor.

    Attributes:
        parameters: Where to start, as the parameterization has it.
        images: The starts, shape (maps, *shape): what a mask freezes.
        random: In [0, 1), shape (maps, steps + 1, draws).
        rows: One objective per map, of `BatchedObjectives.rows`.
        signs: +1 or -1.
        weights: Of the regularizers, shape (maps, regularizers).
    """

    parameters: tf.Tensor
    images: tf.Tensor
    random: tf.Tensor
    rows: list
    signs: tf.Tensor
    weights: tf.Tensor


class _State(NamedTuple):
    parameters: tf.Tensor
    optimizer: tuple
    best: tf.Tensor
    best_loss: tf.Tensor
    best_score: tf.Tensor
    best_step: tf.Tensor
    plateau: tuple  # loss to improve on, steps waited, last loss and score; or empty
    looked: tuple  # sum over steps of the size of the image's gradient; or empty


class Ascent:
    """The loop for one group of objectives, compiled once for all its batches.

    Args:
        batched: The objectives.
        regularizers: What is charged.
        settings: Options of the loop.
        compiled: What was compiled for other weights of the same network, and where to
            keep what is compiled now.
    """

    def __init__(
        self,
        batched: BatchedObjectives,
        regularizers: Sequence[Callable],
        settings: AscentSettings,
        compiled: Compiled,
    ) -> None:
        self._batched = batched
        self._regularizers = regularizers
        self._settings = settings
        self._compiled = compiled
        self._accumulates = getattr(settings.parameterization, "accumulates", False)

    def run(
        self,
        batch: Batch,
        on_steps: Callable[[int], None],
        on_images: Callable[[int, np.ndarray, np.ndarray], None] | None = None,
    ) -> dict[str, np.ndarray]:
        """Return what `maximize` reports of each map, by the name of the variable.

        Args:
            batch: The maps.
            on_steps: Called now and then with the number of steps done since.
            on_images: Called every `callback_every` steps with the step, the images
                (maps, *shape) and their scores (maps,).
        """
        start = self._call(self._show, batch.parameters, batch.images)
        score, gradient = self._call(self._probe, start, batch.rows, batch.signs)
        state = self._first_state(batch.parameters, start, score)
        state, history = self._climb(state, batch, on_steps, on_images)
        score_end = state.best_score
        if self._settings.transforms:  # the loop has scored transformed images
            score_end, _ = self._call(self._probe, state.best, batch.rows, batch.signs)
        axes = tuple(range(1, len(gradient.shape)))
        with np.errstate(over="ignore", invalid="ignore"):  # told by the diagnosis
            gradient_rms = np.sqrt(np.mean(np.square(gradient), axis=axes))
            gradient_mean = np.mean(gradient, axis=axes)
        has_no_slope = gradient_rms == 0
        if has_no_slope.any():  # where penalties have moved it, it may have found one
            _, last = self._call(self._probe, state.best, batch.rows, batch.signs)
            has_no_slope &= ~np.any(last, axis=axes)
        return {
            "has_no_slope": has_no_slope,
            "image": state.best.numpy(),
            "score_start": score.numpy(),
            "score_end": score_end.numpy(),
            **self._penalties(state.best),
            "best_step": state.best_step.numpy(),
            "gradient_rms": gradient_rms,
            "gradient_mean": gradient_mean,
            "loss_history": history[0],
            "score_history": history[1],
            "has_stopped": self._has_stopped(state).numpy(),
            **self._mean_gradients(state),
        }

    def _climb(self, state: _State, batch: Batch, on_steps, on_images) -> tuple:
        """Return the last state and the history, shape (2, maps, steps + 1)."""
        # The last evaluation takes no step: the image it would leave is never scored.
        total, history, first = self._settings.num_steps + 1, [], 0
        every = self._settings.callback_every
        while first < total:
            count = min(_STEPS_AT_ONCE, total - first)
            if on_images is not None:
                count = min(count, every - first % every)
            shown = state.parameters
            bounds = (tf.constant(first), tf.constant(count))
            state, values = self._call(self._advance, state, batch, *bounds)
            history.append(values.numpy()[:count])
            if on_images is not None and first % every == 0:
                images = self._call(self._show, shown, batch.images)
                on_images(first, images.numpy(), history[-1][0, 1])
            first += count
            if self._settings.tolerance is not None and np.all(
                self._has_stopped(state)
            ):
                history.append(np.repeat(history[-1][-1:], total - first, axis=0))
                count, first = count + total - first, total
            on_steps(count)
            check_stopped()
        return state, np.concatenate(history).transpose(1, 2, 0)

    def _call(self, function: Callable, *arguments):
        parts, name = self._compiled.parts, function.__name__
        with self._compiled.lock:
            if name not in parts:
                parts[name] = compile_part(self._batched.network, function, arguments)
        return parts[name](self._batched.network.weights.tensors, *arguments)

    def _first_state(self, parameters, images, score) -> _State:
        infinite = tf.fill(tf.shape(score), np.float32(np.inf))
        none = tf.zeros_like(score, tf.int32)
        plateau = ()
        if self._settings.tolerance is not None:
            plateau = (infinite, none, score, score)
        optimizer = self._settings.optimizer.start(parameters)
        looked = (tf.zeros_like(images[..., 0]),) if self._accumulates else ()
        return _State(
            parameters, optimizer, images, infinite, score, none, plateau, looked
        )

    def _penalties(self, images) -> dict[str, np.ndarray]:
        return {f"penalty_{r.name}": r(images).numpy() for r in self._regularizers}

    def _mean_gradients(self, state: _State) -> dict[str, np.ndarray]:
        if not state.looked:
            return {}
        (looked,) = state.looked
        return {"accumulated_gradient": looked.numpy() / (self._settings.num_steps + 1)}

    def _has_stopped(self, state: _State):
        if not state.plateau:
            return tf.zeros_like(state.best_loss, tf.bool)
        return state.plateau[1] >= PATIENCE

    def _show(self, parameters, starts):
        """Return the images that parameters stand for, frozen where a mask says so."""
        low, high = self._settings.input_range
        shape = self._settings.shape
        images = self._settings.parameterization.decode(parameters, low, high, shape)
        if self._settings.mask is None:
            return images
        return tf.where(self._settings.mask, images, starts)

    def _probe(self, images, rows, signs):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            score = self._batched.score(images, rows, signs)
        return score, tape.gradient(score, images, unconnected_gradients="zero")

    def _advance(self, state: _State, batch: Batch, first, count):
        # A loop spelled out, because the translation of Python's own loops does not
        # work on every Python that TensorFlow runs on.
        def take_step(step, state, values):
            state, value = self._take_step(state, batch, first + step)
            return step + 1, state, values.write(step, value)

        # Of one size whatever the count, and filled, for the compiler's sake.
        empty = tf.zeros([_STEPS_AT_ONCE, 2, tf.shape(batch.signs)[0]])
        values = tf.TensorArray(tf.float32, _STEPS_AT_ONCE).unstack(empty)
        start = (tf.constant(0), state, values)
        _, state, values = tf.while_loop(
            lambda step, *_: step < count, take_step, start
        )
        return state, values.stack()

    def _take_step(self, state: _State, batch: Batch, step) -> tuple:
        """Return the next state, and the loss and score of this one (2, maps)."""
        settings = self._settings
        found = self._evaluate(state.parameters, batch, step)
        loss, score, images, gradient, *felt = found
        better = loss < state.best_loss
        values = tf.stack([loss, score])
        low, high = settings.input_range
        size = settings.learning_rate * settings.parameterization.unit(low, high)
        change, optimizer = settings.optimizer.step(
            gradient, state.optimizer, size, step
        )
        parameters = settings.parameterization.constrain(
            state.parameters - change, low, high
        )
        stopped = None
        if settings.tolerance is not None:
            stopped = self._has_stopped(state)
            better &= ~stopped
            values = tf.where(stopped, tf.stack(state.plateau[2:]), values)
        state = state._replace(
            optimizer=optimizer,
            best=tf.raw_ops.Select(condition=better, x=images, y=state.best),
            best_loss=tf.where(better, loss, state.best_loss),
            best_score=tf.where(better, score, state.best_score),
            best_step=tf.where(better, step, state.best_step),
            looked=tuple(
                looked + tf.reduce_sum(tf.abs(each), axis=-1)
                for looked, each in zip(state.looked, felt, strict=True)
            ),
        )
        if stopped is not None:
            state = state._replace(plateau=self._wait(state, values))
            stopped = _per_map(self._has_stopped(state), parameters)
            parameters = tf.where(stopped, state.parameters, parameters)
        return state._replace(parameters=parameters), values

    def _wait(self, state: _State, values) -> tuple:
        """Return how long each map has waited for an improvement, after this step."""
        reference, waited, *_ = state.plateau
        size = tf.where(tf.math.is_finite(reference), tf.abs(reference), 0.0)
        improved = state.best_loss < reference - self._settings.tolerance * size
        reference = tf.where(improved, state.best_loss, reference)
        return reference, tf.where(improved, 0, waited + 1), *tf.unstack(values)

    def _evaluate(self, parameters, batch: Batch, step):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(parameters)
            images = self._show(parameters, batch.images)
            random = tf.gather(batch.random, step, axis=1)
            shown = apply_transforms(self._settings.transforms, images, random)
            score = self._batched.score(shown, batch.rows, batch.signs)
            loss = -score
            for position, regularizer in enumerate(self._regularizers):
                loss += batch.weights[:, position] * regularizer(images)
        sources = (parameters, images) if self._accumulates else (parameters,)
        gradients = tape.gradient(loss, sources, unconnected_gradients="zero")
        return loss, score, images, *gradients


def _per_map(values, like):
    """Return values (maps,) with as many axes of length 1 as `like` has more."""
    return tf.reshape(values, [-1, *[1] * (len(like.shape) - 1)])
