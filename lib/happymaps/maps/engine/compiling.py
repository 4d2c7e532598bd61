"""How the parts of the loop become functions that TensorFlow has compiled."""

import threading
from collections.abc import Callable

from happymaps.backend import has_gpu, tf
from happymaps.maps.engine import single_thread
from happymaps.maps.forward.forward_pass import NetworkPass


class Compiled:
    """Compiled `parts` of a loop, by name, without weights, and a `lock` for them."""

    def __init__(self) -> None:
        self.parts = {}
        self.lock = threading.Lock()


def compile_part(network: NetworkPass, function: Callable, arguments: tuple):
    """Return a function of a network's weights and of arguments like these.

    Args:
        network: Which the function runs.
        function: A part of the loop.
        arguments: The first axis of every tensor, the images, may vary.
    """
    weights = network.weights

    def run(tensors, *arguments):
        with weights.replaced(tensors):
            return function(*arguments)

    # Concrete functions, because TensorFlow takes the loops of one session after
    # another for one function that is traced again and again, and warns. Compiled
    # whole by XLA on a GPU; on a processor its convolutions are eight times slower.
    compiled = tf.function(
        run, autograph=False, jit_compile=has_gpu() or None
    ).get_concrete_function(
        [tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in weights.tensors],
        *(_any_length(argument) for argument in arguments),
    )
    small = single_thread.pays(network.values_per_image)
    alone = small and single_thread.can_run(compiled)
    return single_thread.SingleThread(compiled) if alone else compiled


def _any_length(argument):
    # The number of images is everywhere the first axis; that of steps may vary too.
    def spec(value):
        shape = [None, *value.shape[1:]][: value.shape.rank]
        return tf.TensorSpec(shape, value.dtype)

    specs = tf.nest.map_structure(spec, argument)
    if hasattr(specs, "random"):  # a batch
        draws = tf.TensorSpec([None, None, specs.random.shape[2]])
        specs = specs._replace(random=draws)
    return specs
