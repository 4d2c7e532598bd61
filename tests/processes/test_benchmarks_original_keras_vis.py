"""The real keras-vis in a process of its own: what goes in and what comes back."""

import os
import signal

import numpy as np
import pytest

from experiments.benchmarks.measures.child_process import ChildProcess
from experiments.benchmarks.measures.original_keras_vis import OriginalKerasVis
from happymaps.maps.objectives import channel, unit
from happymaps.maps.regularizers import LpNorm, TotalVariation
from happymaps.maps.scoring import score_images


@pytest.fixture(scope="module")
def original():
    with OriginalKerasVis() as running:
        yield running


@pytest.fixture(scope="module")
def network(keras):
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(2, 3, activation="relu", name="conv"),
            keras.layers.MaxPooling2D(name="pool"),
            keras.layers.Flatten(name="flat"),
            keras.layers.Dense(3, name="logits"),
        ]
    )


@pytest.fixture
def loaded(original, network):
    original.load(network)
    return original


def test_network_computes_the_same_in_keras_2(loaded, network, images):
    np.testing.assert_allclose(
        loaded.predict(images), network.predict(images, verbose=0), atol=1e-6
    )


def test_weights_can_be_given_apart_from_the_architecture(original, network, images):
    original.load(network, [np.zeros_like(w) for w in network.get_weights()])
    assert not original.predict(images).any()


def test_optimum_of_a_linear_unit_follows_the_steps_of_rmsprop(original, keras):
    # The gradient, over its root mean square, is -sign(w) at every step; the step is
    # sign(w) / sqrt(1 - 0.95^i).
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="out")])
    model.set_weights([np.array([[1.0], [-1.0]]), np.zeros(1)])
    original.load(model)
    found = original.activation(
        "out", 0, np.zeros(2), max_iter=3, tv_weight=0, lp_weight=0
    )
    steps = np.cumsum(1 / np.sqrt(1 - 0.95 ** np.arange(1, 4)))
    np.testing.assert_allclose(found.optimum, steps[2] * np.array([1, -1]), rtol=1e-5)
    np.testing.assert_allclose(found.last, steps[1] * np.array([1, -1]), rtol=1e-5)
    np.testing.assert_allclose(found.overall, [0, -2 * steps[0], -2 * steps[1]], 1e-5)
    assert list(found.losses) == ["ActivationMax Loss"]


def test_activation_returns_the_rescaled_optimum_and_weighted_losses(loaded, images):
    found = loaded.activation("conv", 1, images[0], max_iter=5, tv_weight=0.5)
    assert found.image.dtype == np.uint8
    centered = (found.optimum - found.optimum.mean()) / (found.optimum.std() + 1e-7)
    rescaled = 255 * np.clip(0.1 * centered + 0.5, 0, 1)
    assert np.abs(found.image - rescaled).max() <= 1.01  # truncated to whole numbers
    np.testing.assert_allclose(sum(found.losses.values()), found.overall, rtol=1e-5)
    assert found.overall.shape == (5,)
    penalty = 0.5 * loaded.penalties(images[:1])["tv"][0]
    np.testing.assert_allclose(found.losses["TV(2.0) Loss"][0], penalty, rtol=1e-5)
    assert found.seconds > 0


def test_score_of_the_last_image_is_its_loss(loaded, network, images):
    found = loaded.activation(
        "conv", 0, images[0], max_iter=4, tv_weight=0, lp_weight=0
    )
    score = score_images(
        network, [channel("conv", 0)], found.last[None], activation="post"
    )
    np.testing.assert_allclose(-score.item(), found.overall[-1], rtol=1e-5)


def test_layer_index_counts_as_in_the_given_network(loaded, network, images):
    by_index, by_name = (
        loaded.activation(layer, 1, images[0], max_iter=2).optimum
        for layer in (0, "conv")
    )
    np.testing.assert_array_equal(by_index, by_name)


def test_saliency_is_the_gradient_of_the_unit(loaded, network, images):
    found = loaded.saliency(-1, 2, images[0])
    moved = images[0] + 1e-3 * np.sign(found.gradients)
    scores = score_images(network, [unit("logits", 2)], np.stack([images[0], moved]))
    rise = float(scores[0, 1] - scores[0, 0])
    assert rise == pytest.approx(1e-3 * np.abs(found.gradients).sum(), rel=0.05)
    brightness = np.abs(found.gradients[..., 0])
    low, high = brightness.min(), brightness.max()
    expected = (brightness - low) / (high - low + 1e-7)
    np.testing.assert_allclose(found.heatmap, expected, atol=1e-5)
    assert found.image.shape == (8, 8, 3)


def test_guided_saliency_differs_and_leaves_the_network_alone(loaded, images):
    plain, guided, again = (
        loaded.saliency("logits", 0, images[0], guided=flag).gradients
        for flag in (False, True, False)
    )
    np.testing.assert_array_equal(plain, again)
    assert np.abs(guided - plain).max() > 1e-3


def test_cam_weights_the_penultimate_layer(loaded, images):
    found = loaded.cam("logits", 1, images[0])
    assert found.gradients.shape == (3, 3, 2)
    assert found.heatmap.shape == (8, 8)
    assert found.heatmap.min() == 0
    chosen = loaded.cam("logits", 1, images[0], penultimate_layer="conv")
    assert chosen.gradients.shape == (6, 6, 2)


def test_penalties_are_those_of_ours(original):
    noise = np.random.default_rng(0).random((7, 9, 3))
    black_but_one = np.zeros((7, 9, 3))
    black_but_one[3, 4] = 1
    images = np.stack([noise, 255 * noise, black_but_one]).astype(np.float32)
    penalties = original.penalties(images)
    np.testing.assert_allclose(TotalVariation()(images), penalties["tv"], rtol=1e-5)
    np.testing.assert_allclose(LpNorm()(images), penalties["lp"], rtol=1e-5)


def test_failure_of_keras_vis_is_told_and_does_not_end_it(loaded, images):
    with pytest.raises(RuntimeError, match="out of bounds"):
        loaded.activation("logits", 99, images[0])
    assert loaded.penalties(images)["lp"].shape == (4,)


def test_unknown_layer_is_refused(loaded, images):
    with pytest.raises(ValueError, match="Did you mean 'conv'"):
        loaded.activation("conf", 0, images[0])


def test_no_iteration_is_refused(loaded, images):
    with pytest.raises(ValueError, match="max_iter must be >= 1"):
        loaded.activation("conv", 0, images[0], max_iter=0)


# It reads all of its input before it answers, so that it waits for ever.
PROGRAM = "json.tool"


def test_child_that_was_killed_is_reported():
    with ChildProcess(PROGRAM) as child:
        os.kill(child._process.pid, signal.SIGKILL)
        with pytest.raises(RuntimeError, match=f"{PROGRAM} has ended with code -9"):
            child.ask({"request": "penalties"}, {"images": np.zeros((1, 4, 4, 1))})


def test_child_that_takes_too_long_is_ended():
    with ChildProcess(PROGRAM, timeout=0.05) as child:
        with pytest.raises(TimeoutError, match=r"'penalties' within 0.05 s"):
            child.ask({"request": "penalties"})
        assert child._process.poll() is not None


def test_child_ends_with_its_block_even_after_an_error():
    child = ChildProcess(PROGRAM)
    with pytest.raises(KeyError), child:
        raise KeyError
    assert child._process.poll() is not None


def test_child_that_is_not_started_is_reported():
    with pytest.raises(RuntimeError, match="Use it in a `with` block"):
        ChildProcess(PROGRAM).ask({})
