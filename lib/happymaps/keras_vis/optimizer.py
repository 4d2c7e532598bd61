"""The loop that keras-vis has: one compiled function for the losses and the gradient.

With g the gradient of the sum of the weighted losses, a step is

    g' = g / max(||g||_2, 1e-6)            0.4.1: g / (sqrt(mean(g^2)) + 1e-7)
    cache = 0.95 cache + 0.05 g'^2         zero at first
    x = x - g' / sqrt(cache + 1e-7)

There is no learning rate: in the long run a step is about one unit of the input,
whatever its range, which is no constraint either. `happymaps.maximize` has both.
"""

import numpy as np

from happymaps.backend import keras, tf
from happymaps.keras_vis import grad_modifiers
from happymaps.keras_vis.callbacks import Print
from happymaps.keras_vis.releases import is_legacy
from happymaps.keras_vis.seed_inputs import prepare_seed
from happymaps.keras_vis.tensors import graph_restored, single_tensor
from happymaps.keras_vis.traps import warn_once
from happymaps.keras_vis.utils import utils

_PRINT = Print()


class Optimizer:
    """Minimizes weighted losses by changing the input.

    Args:
        input_tensor: Input of the network, such as `model.inputs[0]`.
        losses: Pairs of a `Loss` and its weight. One of weight 0 is not built.
        input_range: (lowest, highest): of the random start and of the returned image;
            no constraint in between.
        wrt_tensor: What to differentiate by. Where it is not the input, there are
            gradients and no steps.
        norm_grads: Whether to divide the gradient by its L2 norm over the whole batch
            (0.4.1: by its root mean square).

    Raises:
        TypeError: A weight that is no number.
        ValueError: No loss, or a tensor that does not depend on the input.
    """

    def __init__(
        self,
        input_tensor,
        losses,
        input_range=(0, 255),
        wrt_tensor=None,
        norm_grads=True,
    ):
        self.input_tensor = single_tensor(input_tensor, "input_tensor")
        self.input_range = input_range
        self.wrt_tensor = self.input_tensor
        if wrt_tensor is not None:
            self.wrt_tensor = single_tensor(wrt_tensor, "wrt_tensor")
        self._norm_grads = norm_grads
        self._is_legacy = is_legacy()
        with graph_restored(self.input_tensor):
            built = [_weighted(*pair) for pair in losses if pair[1] != 0]
            self.loss_names = [name for name, _ in built]
            self._network = self._build([value for _, value in built])
        self._compiled = None

    @property
    def _moves_input(self) -> bool:
        return self.wrt_tensor is self.input_tensor

    def _build(self, values: list) -> keras.Model:
        if not values:
            raise ValueError(
                "Expected at least one loss with a weight other than 0. Received: none."
            )
        outputs = values if self._moves_input else [*values, self.wrt_tensor]
        try:
            return keras.Model(self.input_tensor, outputs)
        except ValueError as error:
            raise ValueError(
                "Expected losses and wrt_tensor that are computed from input_tensor. "
                f"Received: {self.loss_names} and {self.wrt_tensor}, of which one is "
                "not. Take layers from the network's own model.layers: the layers of "
                "a network inside it belong to a graph of their own."
            ) from error

    def _evaluate(self, images):
        images.set_shape(self.input_tensor.shape)
        outputs = keras.tree.flatten(self._network(images, training=False))
        values = outputs[: len(self.loss_names)]
        overall = values[0]
        for value in values[1:]:
            overall = overall + value
        wrt = images if self._moves_input else outputs[-1]
        grads = tf.gradients(overall, wrt)[0]
        if grads is None:
            raise ValueError(
                "The losses do not depend on wrt_tensor. Received: "
                f"{self.loss_names} and {self.wrt_tensor}. Choose a tensor that lies "
                "between the input and the layers of the losses."
            )
        if self._norm_grads and self._is_legacy:
            scale = tf.sqrt(tf.reduce_mean(tf.square(grads)))
            grads = grads / (scale + keras.config.epsilon())
        elif self._norm_grads:
            grads = tf.math.l2_normalize(grads)
        return values, overall, grads, wrt

    def _compute(self, images: np.ndarray):
        """Return the named losses, their sum, the gradient and the wrt value."""
        tensor = self.input_tensor
        if self._compiled is None:
            # A concrete function: TensorFlow takes those of one process for one that
            # is traced again and again, and warns. Of no known shape, like what is fed
            # to a session: its optimizer then leaves the products in the order in
            # which keras-vis has them, and all but total variation rounds the same.
            spec = tf.TensorSpec(None, tensor.dtype)
            function = tf.function(self._evaluate, autograph=False)
            self._compiled = function.get_concrete_function(spec)
        values, overall, grads, wrt = self._compiled(tf.cast(images, tensor.dtype))
        named = [
            (name, value.numpy())
            for name, value in zip(self.loss_names, values, strict=True)
        ]
        # Copies, because modifiers and callbacks may write into them.
        return named, overall.numpy(), np.array(grads), np.array(wrt)

    def _rmsprop(self, grads, cache=None, decay_rate=0.95):
        cache = np.zeros_like(grads) if cache is None else cache
        cache = decay_rate * cache + (1 - decay_rate) * grads**2
        return -grads / np.sqrt(cache + keras.config.epsilon()), cache

    def _get_seed_input(self, seed_input):
        return prepare_seed(
            seed_input, self.input_tensor, self.input_range, self._is_legacy
        )

    def evaluate_once(self, seed_input, grad_modifier=None):
        """Return the modified gradient and the wrt value at an image, without a step.

        Args:
            seed_input: As in `minimize`.
            grad_modifier: As in `minimize`.

        Raises:
            TypeError: The loss is not finite.
        """
        _, overall, grads, wrt = self._compute(self._get_seed_input(seed_input))
        if not overall < np.inf:
            raise TypeError(_nothing_to_return(1))
        return _modifier(grad_modifier)(grads), wrt

    def minimize(
        self,
        seed_input=None,
        max_iter=200,
        input_modifiers=None,
        grad_modifier=None,
        callbacks=None,
        verbose=True,
    ):
        """Return the image with the lowest loss, one step on, and the last gradient.

        Args:
            seed_input: Image to start from, with or without the batch axis; None for
                noise from NumPy's global generator.
            max_iter: Number of iterations.
            input_modifiers: Their `pre` is applied in order before each evaluation,
                their `post` in reverse order after the step.
            grad_modifier: Name or function of `happymaps.keras_vis.grad_modifiers`,
                applied to the gradient.
            callbacks: Told of each iteration before its step. With `verbose` the list
                itself is given a `Print`, as in keras-vis.
            verbose: Whether to print the losses.

        Returns:
            The first image of the batch, with mean 0.5 and standard deviation 0.1 of
            the range, clipped to it; the last gradient; the last wrt value.

        Raises:
            TypeError: There is no image: no iteration, or no finite loss.
        """
        images = self._get_seed_input(seed_input)
        input_modifiers = input_modifiers or []
        grad_modifier = _modifier(grad_modifier)
        if self._moves_input:
            _warn_of_traps(grad_modifier)
        callbacks = callbacks or []
        if verbose:
            callbacks.append(_PRINT)
        cache = grads = wrt = best_input = None
        best_loss = np.inf
        for i in range(max_iter):
            for modifier in input_modifiers:
                images = modifier.pre(images)
            named, overall, grads, wrt = self._compute(images)
            grads = grad_modifier(grads)
            for callback in callbacks:
                callback.callback(i, named, overall, grads, wrt)
            if self._moves_input:
                step, cache = self._rmsprop(grads, cache)
                images += step
            for modifier in reversed(input_modifiers):
                images = modifier.post(images)
            if overall < best_loss:
                best_loss, best_input = overall, images.copy()
        for callback in callbacks:
            callback.on_end()
        if best_input is None:
            raise TypeError(_nothing_to_return(max_iter))
        return utils.deprocess_input(best_input[0], self.input_range), grads, wrt


def _weighted(loss, weight):
    """Return the name of a loss and its symbolic value times the weight."""
    try:
        factor = float(weight)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"The weight of {loss.name!r} must be a number. Received: {weight!r}. "
            "Give 0 to leave a loss out; keras-vis's documentation says None, on "
            "which it fails too."
        ) from error
    value = loss.build_loss()
    if not isinstance(value, keras.KerasTensor):
        raise ValueError(
            "build_loss() must return a symbolic value, made with keras.ops from "
            f"tensors of the network. Received: {value!r} from {loss.name!r}."
        )
    return loss.name, factor * value


def _modifier(identifier):
    return _unchanged if identifier is None else grad_modifiers.get(identifier)


def _unchanged(grads):
    return grads


def _warn_of_traps(grad_modifier) -> None:
    warn_once(
        "one step past the best",
        "keras-vis returns the image one step after the one that scored best, "
        "recentered so that its amplitude is lost. happymaps.maximize returns the "
        "image that was scored, as it was.",
    )
    if grad_modifier is grad_modifiers.negate:
        warn_once(
            "negate climbs the regularizers",
            "grad_modifier='negate' also climbs the regularizers, and keras-vis "
            "returns the image of the lowest loss: the start. To decrease a unit use "
            "happymaps.maximize(..., sign='sad'), or act_max_weight=-1.",
        )


def _nothing_to_return(max_iter: int) -> str:
    return (
        "There is no image to return: expected at least one iteration with a finite "
        f"loss. Received: {max_iter} iterations, of which none had one. Raise max_iter "
        "above 0; where the loss is NaN, look at input_range and the weights "
        "(happymaps.maximize names the reason in its diagnosis)."
    )
