"""Compiled functions whose operations run on one thread each, many beside each other.

TensorFlow splits each operation among all cores and waits for the slowest. The
operations of a step are small, so that waiting takes a third of the time; batches that
run beside each other, each on a thread of its own, do not wait.
"""

import os

import numpy as np

from happymaps.backend import has_gpu, tf
from happymaps.base.processors import num_cpus

_LARGE = 2**21  # numbers that the layers make of an image


class SingleThread:
    """A concrete function, run by a session whose operations have one thread.

    Args:
        function: Made by `get_concrete_function`; it captures no variables.
    """

    def __init__(self, function) -> None:
        graph = tf.Graph()
        with graph.as_default():
            tf.graph_util.import_graph_def(function.graph.as_graph_def(), name="")
        threads = tf.compat.v1.ConfigProto(
            intra_op_parallelism_threads=1, use_per_session_threads=True
        )
        inputs, outputs = (
            [graph.get_tensor_by_name(tensor.name) for tensor in tensors]
            for tensors in (function.graph.inputs, function.graph.outputs)
        )
        self._session = tf.compat.v1.Session(graph=graph, config=threads)
        self._run = self._session.make_callable(outputs, feed_list=inputs)
        self._captured = [np.asarray(value) for value in function.captured_inputs]
        self._structure = function.structured_outputs

    def __call__(self, *arguments):
        """Return what the function returns, of the same arguments."""
        flat = [np.asarray(value) for value in tf.nest.flatten(arguments)]
        results = map(tf.constant, self._run(*flat, *self._captured))
        return tf.nest.pack_sequence_as(self._structure, list(results))


def can_run(function) -> bool:
    """Return whether a concrete function can be run by `SingleThread`, to advantage."""
    types = [value.dtype for value in function.captured_inputs]
    return not has_gpu() and tf.resource not in types and tf.variant not in types


def pays(values_per_image: int) -> bool:
    """Return whether batches beside each other are faster than one batch on all cores.

    They are for networks that make few numbers of an image: larger operations split
    well. It depends on the network alone, so that a map's rounding does too.
    """
    return values_per_image < _LARGE


def num_threads() -> int:
    """Return how many threads TensorFlow may use, which is how many are used here."""
    asked = tf.config.threading.get_intra_op_parallelism_threads()
    asked = asked or int(os.environ.get("TF_NUM_INTRAOP_THREADS") or 0)
    if asked:
        return asked
    return num_cpus()
