"""What a result says of itself: labels, attributes, diagnoses."""

import importlib.metadata

import numpy as np
import pytest
import xarray as xr

from happymaps.maps.maximization import maximize
from happymaps.maps.objectives import channel, unit
from happymaps.maps.regularizers import LpNorm, TotalVariation
from happymaps.networks.models import fingerprint
from happymaps_runs.recording import record_maps


def diagnoses(model, objectives, *, num_steps=3, **options):
    result = maximize(model, objectives, num_steps=num_steps, **options)
    return result.diagnosis.values[:, 0].tolist()


@pytest.fixture(scope="module")
def maps(linear_network):
    return maximize(
        linear_network,
        [unit("out", 0), unit("out", 1)],
        seeds=[7, 3, 5],
        sign=("happy", "sad"),
        num_steps=4,
    )


def test_variables_have_the_dimensions_of_the_contract(maps):
    grid = ("sign", "objective", "seed")
    assert {name: variable.dims[3:] for name, variable in maps.items()} == {
        "image": ("y", "x", "color"),
        "loss_history": ("step",),
        "score_history": ("step",),
        **dict.fromkeys(
            [
                "score_start",
                "score_end",
                "penalty_lp",
                "penalty_tv",
                "best_step",
                "gradient_rms",
                "gradient_mean",
                "stop_reason",
                "diagnosis",
            ],
            (),
        ),
    }
    assert all(variable.dims[:3] == grid for variable in maps.values())
    assert dict(maps.sizes) == {
        "sign": 2, "objective": 2, "seed": 3, "y": 8, "x": 8, "color": 1, "step": 5
    }  # fmt: skip
    assert maps.image.dtype == np.float32


def test_coordinates_are_the_names_and_seeds_given(maps):
    assert list(maps.objective.values) == ["out[0]", "out[1]"]
    assert list(maps.seed.values) == [7, 3, 5]
    assert list(maps.sign.values) == ["happy", "sad"]


def test_attributes_say_how_the_maps_were_made(maps, linear_network):
    attributes = dict(maps.attrs)
    versions = attributes.pop("versions")
    assert attributes == {
        "model": fingerprint(linear_network),
        "activation": "leaky",
        "input_range": [0.0, 1.0],
        "num_steps": 4,
        "learning_rate": 1 / 60,
        "optimizer": "RmsProp(decay=0.95, epsilon=1e-07)",
        "parameterization": "Pixels()",
        "transforms": [],
        "regularizers": [
            "LpNorm(weight=10.0, p=6.0)",
            "TotalVariation(weight=0.01, beta=2.0)",
        ],
    }
    assert f"keras {importlib.metadata.version('keras')}" in versions


@pytest.mark.parametrize("regularizers", [(), [LpNorm()], [LpNorm(), TotalVariation()]])
def test_a_result_comes_back_from_netcdf(
    linear_network, tmp_path, monkeypatch, regularizers
):
    monkeypatch.setenv("HAPPYMAPS_RUN_DIR", str(tmp_path))
    result = maximize(
        linear_network, unit("out", 0), regularizers=regularizers, num_steps=2
    )
    result.to_netcdf(tmp_path / "plain.nc", engine="h5netcdf")
    for path in (record_maps(result), tmp_path / "plain.nc"):
        read = xr.load_dataset(path, engine="h5netcdf")
        xr.testing.assert_equal(read, result)
        assert read.attrs["model"] == result.attrs["model"]
        assert list(read.attrs["input_range"]) == [0, 1]
        assert list(np.atleast_1d(read.attrs["regularizers"])) == [
            repr(regularizer) for regularizer in regularizers
        ]


def test_the_gradient_of_a_linear_unit_is_its_weights(linear_network):
    weights = linear_network.get_layer("out").get_weights()[0].astype(np.float64)
    result = maximize(
        linear_network,
        [unit("out", index) for index in range(3)],
        num_steps=0,
        sign=("happy", "sad"),
    ).squeeze("seed")
    expected = np.sqrt((weights**2).mean(axis=0))
    np.testing.assert_allclose(result.gradient_rms, [expected] * 2, rtol=1e-5)
    mean = weights.mean(axis=0)
    np.testing.assert_allclose(result.gradient_mean, [mean, -mean], atol=1e-7)


def test_a_unit_that_climbs_is_ok(linear_network):
    result = maximize(linear_network, unit("out", 0), num_steps=3)
    assert result.diagnosis.item() == "ok"
    assert result.stop_reason.item() == "all steps"
    assert result.score_end > result.score_start


@pytest.mark.parametrize("activation", ["leaky", "pre"])
def test_a_unit_without_weights_is_dead(linear_network, activation):
    units = [unit("out", 2), unit("out", 1)]
    found = diagnoses(linear_network, units, activation=activation)
    assert found == ["dead unit", "ok"]


def test_a_unit_that_is_off_cannot_move_after_its_activation(
    dense_network, checkerboard
):
    kernel = checkerboard.reshape(64, 1)
    model = dense_network(kernel, np.array([-10.0]), activation="relu")
    found = diagnoses(model, unit("out", 0), activation="post")
    assert found == ["zero gradient at the start"]
    assert diagnoses(model, unit("out", 0)) == ["ok"]


def test_a_unit_that_a_penalty_wakes_is_ok(dense_network):
    # Off while the image is bright; the Lp norm darkens it until the unit is on.
    model = dense_network(np.full((64, 1), -1.0), np.array([31.0]), activation="relu")
    options = {"activation": "post", "num_steps": 8}
    awake = maximize(model, unit("out", 0), regularizers=[LpNorm()], **options)
    assert awake.gradient_rms.item() == 0
    assert awake.score_end > 0
    assert awake.diagnosis.item() == "ok"
    asleep = diagnoses(model, unit("out", 0), regularizers=(), **options)
    assert asleep == ["zero gradient at the start"]


@pytest.mark.parametrize("bias", [-8.0, 8.0])
def test_a_saturated_softmax_is_named(softmax_network, bias):
    # The probabilities are about exp(-16) from 0 and 1.
    result = maximize(
        softmax_network(bias=bias),
        [unit("out", 0), unit("out", 1), 3 * unit("out", 0)],
        activation="post",
        sign=("happy", "sad"),
        num_steps=1,
    )
    assert (result.diagnosis == "saturated softmax").all()


@pytest.mark.parametrize("kind", ["Softmax", "Activation"])
def test_a_separate_softmax_is_saturated_too(keras, dense_network, checkerboard, kind):
    kernel = np.stack([checkerboard.ravel()] * 2, axis=1)
    logits = dense_network(kernel, bias=np.array([8.0, -8.0]))
    options = {"activation": "softmax"} if kind == "Activation" else {}
    last = getattr(keras.layers, kind)(name="last", **options)
    model = keras.Model(logits.inputs, last(logits.output))
    found = diagnoses(model, unit("last", 0), activation="post")
    assert found == ["saturated softmax"]


def test_a_softmax_with_room_to_move_is_ok(softmax_network):
    # Probabilities near 1/2: twice as much is near 1, and no less ok.
    units = [unit("out", 0), 2 * unit("out", 1)]
    assert diagnoses(softmax_network(), units, activation="post") == ["ok", "ok"]


def test_a_saturated_softmax_is_no_obstacle_to_its_logit(softmax_network):
    assert diagnoses(softmax_network(bias=8.0), unit("out", 0)) == ["ok"]


def test_a_network_that_gives_nan_is_not_finite(dense_network):
    model = dense_network(np.full((64, 1), np.nan))
    result = maximize(model, unit("out", 0), num_steps=2)
    assert result.diagnosis.item() == "not finite"
    assert result.stop_reason.item() == "not finite"
    assert np.isfinite(result.image).all()  # the start, for want of a better


def test_a_score_that_becomes_nan_keeps_the_best_image_before(keras):
    inputs = keras.Input((8, 8, 1))
    mean = keras.layers.GlobalAveragePooling2D()(inputs)
    root = keras.ops.sqrt(mean - 0.4)
    out = keras.layers.Dense(1, name="out", kernel_initializer="ones")
    model = keras.Model(inputs, out(root))
    result = maximize(
        model,
        unit("out", 0),
        sign="sad",
        regularizers=(),
        num_steps=3,
        learning_rate=0.01,
    )
    # Means 0.5, then less 0.01 / sqrt(1 - 0.95^k): 0.455, 0.423, and 0.397 is below.
    history = result.score_history.values[0, 0]
    np.testing.assert_allclose(
        history[:3], -np.sqrt([0.1, 0.0552786, 0.0232531]), rtol=1e-3
    )
    assert np.isnan(history[3])
    assert result.best_step.item() == 2
    assert result.score_end.item() == history[2]
    assert result.image.mean().item() == pytest.approx(0.4232531, rel=1e-4)
    assert result.stop_reason.item() == "not finite"
    assert result.diagnosis.item() == "not finite"


def test_a_score_that_overflows_is_not_finite(dense_network):
    model = dense_network(np.full((64, 1), 50.0), activation="exponential")
    assert diagnoses(model, unit("out", 0), activation="post") == ["not finite"]


def test_an_optimum_at_the_start_is_no_fault_of_a_regularizer(
    linear_network, checkerboard
):
    optimum = (checkerboard[None, :, :, None] > 0).astype(np.float32)
    for regularizers in ((), [TotalVariation(0)]):
        found = diagnoses(
            linear_network,
            unit("out", 1),
            seed_input=optimum,
            regularizers=regularizers,
        )
        assert found == ["no ascent"]
    charged = diagnoses(
        linear_network,
        unit("out", 1),
        seed_input=optimum,
        regularizers=[TotalVariation(1e3)],
    )
    assert charged == ["regularizer dominates"]


def test_diagnoses_belong_to_their_own_map(linear_network):
    result = maximize(
        linear_network,
        [unit("out", 2), unit("out", 0)],
        sign=("sad", "happy"),
        seeds=2,
        num_steps=2,
    )
    expected = [[["dead unit"] * 2, ["ok"] * 2]] * 2
    assert result.diagnosis.values.tolist() == expected


def test_channels_are_not_probabilities_when_rectified(sobel_network):
    found = diagnoses(sobel_network, channel("edges", 0), activation="post")
    assert found == ["ok"]
