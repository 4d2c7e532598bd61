"""The loop of keras-vis, step by step, on networks that are solved by hand."""

import numpy as np
import pytest

from happymaps.keras_vis import KerasVisTrap
from happymaps.keras_vis.callbacks import OptimizerCallback, Print
from happymaps.keras_vis.input_modifiers import InputModifier, Jitter
from happymaps.keras_vis.losses import ActivationMaximization, Loss
from happymaps.keras_vis.optimizer import Optimizer
from happymaps.keras_vis.visualization import (
    get_num_filters,
    visualize_activation,
    visualize_activation_with_losses,
)

pytestmark = pytest.mark.filterwarnings("ignore::happymaps.keras_vis.KerasVisTrap")


@pytest.fixture(scope="module")
def slope(keras):
    """Return a network of one linear unit, x0 - 2 x1."""
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Dense(1, name="slope")(inputs))
    model.layers[-1].set_weights([np.array([[1.0], [-2.0]]), np.zeros(1)])
    return model


def slope_optimizer(slope, **options):
    loss = ActivationMaximization(slope.layers[-1], 0)
    return Optimizer(slope.inputs[0], [(loss, 1)], **options)


class Recorder(OptimizerCallback):
    def __init__(self):
        self.steps, self.named, self.values, self.grads = [], [], [], []
        self.ended = 0

    def callback(self, i, named_losses, overall_loss, grads, wrt_value):
        self.steps.append(i)
        self.named.append(named_losses)
        self.values.append(wrt_value)
        self.grads.append(grads)

    def on_end(self):
        self.ended += 1


def test_steps_follow_the_formula(slope):
    recorder = Recorder()
    slope_optimizer(slope).minimize(
        np.zeros(2), max_iter=201, callbacks=[recorder], verbose=False
    )
    distances = [recorder.values[i][0, 0] for i in (0, 1, 2, 3, 200)]
    expected = [0, 4.4721, 7.6747, 10.3226, 221.0666]
    np.testing.assert_allclose(distances, expected, atol=1e-4)
    values = np.array(recorder.values)[:, 0]
    np.testing.assert_allclose(values[:, 1], -values[:, 0], atol=1e-3)
    assert recorder.steps == list(range(201))
    assert recorder.ended == 1


def test_gradient_has_the_length_one_or_none(slope):
    normal, _ = slope_optimizer(slope).evaluate_once(np.zeros(2))
    np.testing.assert_allclose(normal, [np.array([-1, 2]) / np.sqrt(5)], rtol=1e-6)
    raw, _ = slope_optimizer(slope, norm_grads=False).evaluate_once(np.zeros(2))
    np.testing.assert_array_equal(raw, [[-1, 2]])


def test_returned_image_lost_its_amplitude(slope):
    options = {"seed_input": np.zeros(2), "tv_weight": 0, "lp_norm_weight": 0}
    image = visualize_activation(slope, -1, 0, **options)
    # Mean 0.5 and deviation 0.1 of (0, 255): 0.6 and 0.4. The original says so too.
    np.testing.assert_array_equal(image, np.array([153, 102], np.uint8))
    image = visualize_activation(slope, -1, 0, input_range=(-1.0, 1), **options)
    np.testing.assert_allclose(image, [0.2, -0.2], atol=1e-6)


class Track(Loss):
    """|x - 2|, a loss of a user."""

    def __init__(self, images, keras):
        super().__init__()
        self.images, self.keras = images, keras

    def build_loss(self):
        return self.keras.ops.sum(self.keras.ops.abs(self.images - 2.0))


def test_best_image_is_one_step_past_the_one_that_scored(keras, monkeypatch):
    # From 0 the first step leads to 4.4721. |0 - 2| is less than |4.4721 - 2|: the
    # start has the best loss, and the image after its step is kept.
    inputs = keras.Input((1,))
    optimizer = Optimizer(inputs, [(Track(inputs, keras), 1)])
    kept = record_deprocessed(monkeypatch)
    optimizer.minimize(np.zeros(1), max_iter=2, verbose=False)
    np.testing.assert_allclose(kept, [[4.4721]], atol=1e-4)


def record_deprocessed(monkeypatch):
    from happymaps.keras_vis.utils import utils

    kept, original = [], utils.deprocess_input

    def record(array, *arguments):
        kept.append(np.array(array))
        return original(array, *arguments)

    monkeypatch.setattr(utils, "deprocess_input", record)
    return kept


def test_losses_are_reported_with_their_weights(keras):
    inputs = keras.Input((1,))
    recorder = Recorder()
    loss = Track(inputs, keras)
    optimizer = Optimizer(inputs, [(loss, 3), (loss, np.float64(0.5)), (loss, 0)])
    optimizer.minimize(np.zeros(1), max_iter=1, callbacks=[recorder], verbose=False)
    assert str(loss) == "Unnamed Loss"
    assert recorder.named == [[("Unnamed Loss", 6.0), ("Unnamed Loss", 1.0)]]


class Note(InputModifier):
    def __init__(self, name, log, factor=1.0):
        self.name, self.log, self.factor = name, log, factor

    def pre(self, inp):
        self.log.append(f"pre {self.name}")
        return inp + self.factor

    def post(self, inp):
        self.log.append(f"post {self.name}")
        return inp


def test_loop_goes_through_modifiers_gradient_callbacks_and_back(slope):
    log = []

    def double(grads):
        log.append("gradient")
        return 2 * grads

    class Listen(Recorder):
        def callback(self, *arguments):
            log.append("callback")
            super().callback(*arguments)

    listener = Listen()
    slope_optimizer(slope, norm_grads=False).minimize(
        np.zeros(2),
        max_iter=1,
        input_modifiers=[Note("a", log), Note("b", log, 2.0)],
        grad_modifier=double,
        callbacks=[listener],
        verbose=False,
    )
    expected = ["pre a", "pre b", "gradient", "callback", "post b", "post a"]
    assert log == expected
    # Callbacks see the image before its step and the gradient as modified.
    np.testing.assert_array_equal(listener.values, [[[3, 3]]])
    np.testing.assert_array_equal(listener.grads, [[[-2, 4]]])


def test_verbose_appends_a_printer_to_the_list_of_the_caller(slope, capsys):
    callbacks = [Recorder()]
    slope_optimizer(slope).minimize(np.zeros(2), max_iter=1, callbacks=callbacks)
    assert isinstance(callbacks[-1], Print)
    assert capsys.readouterr().out.startswith("Iteration: 1, named_losses: [('Activ")


# ------------------------------------------------------------------- start and its end


def test_noise_has_exact_moments_and_follows_the_seed(slope):
    optimizer = slope_optimizer(slope, input_range=(10, 30))
    np.random.seed(4)  # noqa: NPY002 - the generator that keras-vis draws from
    first = optimizer._get_seed_input(None)
    np.random.seed(4)  # noqa: NPY002
    draw = np.random.random((1, 2))  # noqa: NPY002
    # Two numbers have the mean 20 and the deviation 1 in one way only.
    np.testing.assert_allclose(first, 20 + np.sign(draw - draw.mean()), atol=1e-5)
    assert first.dtype == np.float64


def test_seed_is_copied_cast_and_given_a_batch_axis(linear_network):
    optimizer = Optimizer(
        linear_network.inputs[0],
        [(ActivationMaximization(linear_network.layers[-1], 0), 1)],
    )
    seed = np.zeros((8, 8, 1))
    optimizer.minimize(seed, max_iter=2, verbose=False)
    assert not seed.any()
    prepared = optimizer._get_seed_input(seed)
    assert (prepared.shape, prepared.dtype) == ((1, 8, 8, 1), np.float32)


def test_channels_out_of_place_are_moved(keras):
    inputs = keras.Input((3, 5, 4))
    optimizer = Optimizer(inputs, [(Track(inputs, keras), 1)])
    seed = np.arange(60.0).reshape(5, 4, 3)
    moved = optimizer._get_seed_input(seed)
    np.testing.assert_array_equal(moved[0], np.moveaxis(seed, -1, 0))


def test_seed_of_another_shape_is_refused(linear_network, slope):
    with pytest.raises(ValueError, match=r"numbers of shape \(2,\).*\(3,\)"):
        slope_optimizer(slope).minimize(np.zeros(3), verbose=False)


def test_jitter_duplicates_an_edge_and_draws_from_the_global_generator(keras):
    jitter = Jitter(1)
    image = np.arange(6.0).reshape(1, 6, 1)
    found = set()
    for seed in range(8):
        np.random.seed(seed)  # noqa: NPY002 - the generator that keras-vis draws from
        found.add(tuple(jitter.pre(image).ravel().astype(int)))
    # SciPy's "wrap" is no roll: one value is lost, another doubled.
    assert found == {(0, 1, 2, 3, 4, 5), (4, 0, 1, 2, 3, 4), (1, 2, 3, 4, 5, 1)}


def test_jitter_below_one_is_a_share_of_each_axis():
    jitter = Jitter([0.5, 2])
    jitter.pre(np.zeros((1, 10, 7, 1)))
    np.testing.assert_array_equal(jitter.jitter, [5, 2])
    with pytest.raises(RuntimeError, match="each of the 3 image axes"):
        Jitter([1, 2]).pre(np.zeros((1, 4, 4, 4, 1)))
    with pytest.raises(ValueError, match=r"jitter must be >= 0"):
        Jitter([1, -2])


def test_gradient_by_an_inner_tensor_takes_no_step(sobel_network):
    # The head reads 1 x + 3 y of the pooled edges: that is its gradient.
    pooled = sobel_network.get_layer("pool").output
    loss = ActivationMaximization(sobel_network.get_layer("head"), 0)
    optimizer = Optimizer(
        sobel_network.inputs[0], [(loss, -1)], wrt_tensor=pooled, norm_grads=False
    )
    seed = np.random.default_rng(0).random((8, 8, 1))
    image, grads, value = optimizer.minimize(seed, max_iter=3, verbose=False)
    np.testing.assert_allclose(grads, [[1, 3]], rtol=1e-6)
    assert value.shape == (1, 2)
    unchanged = (seed - seed.mean()) / seed.std() * 0.1 + 0.5
    np.testing.assert_allclose(image, 255 * unchanged, atol=1e-2)
    returned = visualize_activation_with_losses(
        sobel_network.inputs[0], [(loss, 1)], wrt_tensor=pooled, seed_input=seed
    )
    assert returned.dtype == np.uint8


# ----------------------------------------------------------------- what cannot be done


@pytest.mark.parametrize("iterations", [0, 2])
def test_no_image_is_a_clear_type_error(slope, iterations):
    with pytest.raises(TypeError, match=f"no image to return.*{iterations} iterations"):
        slope_optimizer(slope).minimize(
            np.full(2, np.nan), max_iter=iterations, verbose=False
        )


def test_weight_none_is_a_clear_type_error(slope):
    with pytest.raises(TypeError, match="Give 0 to leave a loss out"):
        visualize_activation(slope, -1, 0, lp_norm_weight=None, tv_weight=0)


def test_losses_that_cannot_be_built_are_explained(slope, sobel_network):
    with pytest.raises(ValueError, match="at least one loss"):
        Optimizer(slope.inputs[0], [(ActivationMaximization(slope.layers[-1], 0), 0)])
    foreign = ActivationMaximization(sobel_network.layers[-1], 0)
    with pytest.raises(ValueError, match="computed from input_tensor"):
        Optimizer(slope.inputs[0], [(foreign, 1)])
    with pytest.raises(TypeError, match=r"takes a tuple or an array for one index"):
        visualize_activation(slope, -1, (0,))
    with pytest.raises(ValueError, match=r"has 1 channels or units"):
        visualize_activation(slope, -1, 1)
    with pytest.raises(ValueError, match="at least one filter index"):
        visualize_activation(slope, -1, [])
    with pytest.raises(ValueError, match="Layer index must be"):
        visualize_activation(slope, 5, 0)
    with pytest.raises(ValueError, match="Set tv_weight=0"):
        visualize_activation(slope, -1, 0)


def test_loss_after_the_wrt_tensor_is_explained(sobel_network):
    head = sobel_network.get_layer("head").output
    loss = ActivationMaximization(sobel_network.get_layer("pool"), 0)
    optimizer = Optimizer(sobel_network.inputs[0], [(loss, 1)], wrt_tensor=head)
    with pytest.raises(ValueError, match="do not depend on wrt_tensor"):
        optimizer.minimize(np.zeros((8, 8, 1)), verbose=False)


def test_loss_that_is_no_symbolic_value_is_explained(slope):
    class Number(Loss):
        def build_loss(self):
            return 1.0

    with pytest.raises(ValueError, match=r"Received: 1\.0 from 'Unnamed Loss'"):
        Optimizer(slope.inputs[0], [(Number(), 1)])


# ------------------------------------------------------------------------- the network


def test_network_is_left_as_it_was(sobel_network, network_state):
    before = network_state(sobel_network)
    visualize_activation(sobel_network, 1, [0, 1], max_iter=2)
    assert network_state(sobel_network) == before


def test_function_is_traced_once(slope, monkeypatch):
    optimizer, calls = slope_optimizer(slope), []
    network = optimizer._network
    monkeypatch.setattr(
        optimizer, "_network", lambda *a, **k: calls.append(a) or network(*a, **k)
    )
    optimizer.minimize(np.zeros(2), max_iter=5, verbose=False)
    optimizer.minimize(np.zeros((4, 2)), max_iter=5, verbose=False)
    assert len(calls) == 1


def test_sequential_network_and_list_of_one_input_are_taken(keras, sequential_network):
    assert get_num_filters(sequential_network.layers[0]) == 2
    assert visualize_activation(sequential_network, -1, 0, max_iter=1).shape == (
        8,
        8,
        1,
    )
    inputs = keras.Input((2,))
    model = keras.Model([inputs], keras.layers.Dense(1)(inputs))
    loss = ActivationMaximization(model.layers[-1], 0)
    image = visualize_activation_with_losses(model.input, [(loss, 1)], max_iter=1)
    assert image.shape == (2,)


def test_trap_category_can_be_filtered():
    assert issubclass(KerasVisTrap, UserWarning)
