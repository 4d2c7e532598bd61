"""Functions in sessions whose operations have one thread give the same results."""

import numpy as np
import pytest

from happymaps.backend import keras, tf
from happymaps.maps.engine.single_thread import SingleThread, can_run, num_threads


def concrete(function, *specs):
    return tf.function(function, autograph=False).get_concrete_function(*specs)


def test_structure_and_values_are_those_of_the_function():
    captured = tf.constant([1.0, 2.0])

    def function(values, pair):
        return {"sum": values + captured, "pair": (pair[0], 2 * pair[1])}

    scalar = tf.TensorSpec([], tf.int32)
    rows = tf.TensorSpec([None, 2], tf.float32)
    run = SingleThread(concrete(function, rows, (scalar, scalar)))
    for count in (1, 3):
        values = tf.ones((count, 2))
        found = run(values, (tf.constant(3), tf.constant(4)))
        np.testing.assert_array_equal(found["sum"], np.tile([2.0, 3.0], (count, 1)))
        assert [int(value) for value in found["pair"]] == [3, 8]


def test_a_function_that_reads_variables_is_left_to_tensorflow():
    variable = keras.Variable(1.0)
    assert not can_run(concrete(lambda: variable.value + 1.0))
    value = tf.constant(1.0)
    assert can_run(concrete(lambda: value + 1.0))


def test_threads_asked_of_tensorflow_are_kept_to(monkeypatch):
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "3")
    assert num_threads() == 3
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS")
    assert num_threads() >= 1


@pytest.mark.parametrize("layer", [keras.layers.BatchNormalization, keras.layers.PReLU])
def test_layers_with_weights_of_their_own_run_in_sessions_too(layer):
    from happymaps.maps.forward.forward_pass import NetworkPass

    inputs = keras.Input((4, 5, 2))
    model = keras.Model(inputs, layer()(inputs))
    for variable in model.weights:
        variable.assign(
            np.linspace(0.5, 1.5, np.prod(variable.shape)).reshape(variable.shape)
        )
    function = concrete(NetworkPass(model), tf.TensorSpec([None, 4, 5, 2], tf.float32))
    assert can_run(function)
    images = tf.random.stateless_normal((3, 4, 5, 2), (1, 2))
    (found,) = SingleThread(function)(images)
    np.testing.assert_allclose(found, model(images), rtol=1e-5)
