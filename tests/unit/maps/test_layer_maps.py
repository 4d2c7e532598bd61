"""Maps of one point of a sweep: as `maximize` makes them, measured by real images."""

import inspect
import shutil

import numpy as np
import pytest

import happymaps as hm
from happymaps.base import paths
from happymaps.base.sweepable import sweepable
from happymaps.datasets import load_dataset
from happymaps.maps import layer_maps as module
from happymaps.maps.layer_maps import layer_maps
from happymaps.networks import study as studies
from happymaps.networks.layers import find_layer
from happymaps.networks.models import save_model
from happymaps.networks.reading import load_model
from happymaps_runs.notebooks.parameters import read_parameters
from happymaps_runs.store.functions import function_parameters
from happymaps_runs.store.recalling import load_or_run

NOTEBOOK = "experiments/experiment1/maps_of_a_layer.ipynb"
NAME = "happymaps.maps.layer_maps:layer_maps"
PIXELS = 16 * 16
FREE = {"tv_weight": 0.0, "lp_weight": 0.0}


@pytest.fixture(scope="module", autouse=True)
def no_study_is_kept():
    yield
    module._open.cache_clear()
    module._score_real_images.cache_clear()


@pytest.fixture(scope="module")
def real_means():
    images = load_dataset("synthetic_faces", image_size=(16, 16)).images
    return images.mean(axis=(1, 2, 3), dtype=np.float64)


@pytest.fixture(scope="module")
def brightness(keras, real_means, tmp_path_factory):
    """Save a network for 16x16 images, and return its path.

    The units of `out`: the mean of the pixels, nothing, and 1 less the mean; those of
    `quiet`, a ReLU: the mean less what the brightest face alone surpasses, which wakes
    it, and the mean less 10.
    """
    threshold = np.sort(real_means)[-2:].mean()
    inputs = keras.Input((16, 16, 1))
    flat = keras.layers.Flatten()(inputs)
    quiet = keras.layers.Dense(2, activation="relu", name="quiet")
    out = keras.layers.Dense(3, name="out")
    joined = keras.layers.Concatenate()([quiet(flat), flat])
    model = keras.Model(inputs, out(joined))
    mean = np.full(PIXELS, 1 / PIXELS)
    quiet.set_weights([np.stack([mean, mean], axis=1), np.array([-threshold, -10.0])])
    kernel = np.stack([mean, 0 * mean, -mean], axis=1)
    out.set_weights([np.r_[np.zeros((2, 3)), kernel], np.array([0.0, 0.0, 1.0])])
    folder = tmp_path_factory.mktemp("networks")
    return str(save_model(model, folder / "brightness.keras"))


@pytest.fixture(scope="module")
def convolution(keras, tmp_path_factory):
    """Save a network of random weights with a convolution of five filters."""
    keras.utils.set_random_seed(1)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((16, 16, 1)),
            layers.Conv2D(5, 3, activation="relu", name="filters"),
            layers.Flatten(),
            layers.Dense(2, name="out"),
        ]
    )
    folder = tmp_path_factory.mktemp("networks")
    return str(save_model(model, folder / "convolution.keras"))


# ----------------------------------------------------------------- numbers known before


def test_free_map_of_brightness_is_white_and_measured_by_the_brightest_face(
    brightness, real_means
):
    found = layer_maps(model=brightness, layer="out", num_steps=90, **FREE)
    low, high = real_means.min(), real_means.max()
    np.testing.assert_allclose(found.image.sel(unit=0), 1, atol=1e-3)
    # A start has a mean of one half.
    np.testing.assert_allclose(found.score_start, [0.5, 0, 0.5], atol=1e-5)
    np.testing.assert_allclose(found.score, [1, 0, 1], atol=1e-3)
    np.testing.assert_allclose(found.gain, [0.5, 0, 0.5], atol=1e-3)
    np.testing.assert_allclose(found.best_real_score, [high, 0, 1 - low], atol=1e-5)
    np.testing.assert_allclose(found.worst_real_score, [low, 0, 1 - high], atol=1e-5)
    relative = [(1 - low) / (high - low), np.nan, high / (high - low)]
    np.testing.assert_allclose(found.relative_score, relative, rtol=2e-3)
    assert found.best_real_index.values[[0, 2]].tolist() == [
        real_means.argmax(),
        real_means.argmin(),
    ]
    assert found.pattern.values[[0, 2]].tolist() == ["bright", "dark"]
    assert found.diagnosis.values.tolist() == ["ok", "dead unit", "ok"]
    assert found.mean_gain.item() == pytest.approx(1 / 3, abs=1e-3)
    assert found.share_beating_real.item() == pytest.approx(2 / 3)
    middle = np.mean([relative[0], relative[2]])
    assert found.median_relative_score.item() == pytest.approx(middle, rel=2e-3)


def test_sad_map_of_brightness_is_black_and_its_scores_are_those_of_minus_the_unit(
    brightness, real_means
):
    found = layer_maps(
        model=brightness, layer="out", num_units=1, num_steps=90, sign="sad", **FREE
    )
    np.testing.assert_allclose(found.image, 0, atol=1e-3)
    assert found.score.item() == pytest.approx(0, abs=1e-3)
    assert found.best_real_score.item() == pytest.approx(-real_means.min(), abs=1e-5)


def test_map_lies_in_the_range_of_the_network_and_is_judged_in_it(brightness):
    found = layer_maps(
        model=brightness, layer="out", num_units=1, num_steps=90, sign="sad",
        lowest_pixel=100.0, highest_pixel=200.0, **FREE,
    )  # fmt: skip
    np.testing.assert_allclose(found.image, 100, atol=0.2)
    assert found.score_start.item() == pytest.approx(-150, abs=1e-2)
    assert found.score.item() == pytest.approx(-100, abs=0.2)
    assert found.pattern.item() == "dark"


def test_layer_of_dead_units_has_no_relative_score(brightness, keras, tmp_path):
    model = load_model(brightness)
    out = find_layer(model, "out")
    out.set_weights([np.zeros((PIXELS + 2, 3)), np.zeros(3)])
    path = str(save_model(model, tmp_path / "dead.keras"))
    found = layer_maps(model=path, layer="out", num_steps=2, **FREE)
    assert np.isnan(found.median_relative_score)
    assert found.share_beating_real == 0


@pytest.mark.parametrize(("count", "index"), [(2, [0, 2]), (9, [0, 1, 2, 3, 4])])
def test_units_are_spread_over_the_layer(convolution, count, index):
    found = layer_maps(model=convolution, layer="filters", num_units=count, num_steps=0)
    assert found.index.values.tolist() == index
    assert found.unit.values.tolist() == list(range(len(index)))
    assert found.image.dims == ("unit", "y", "x", "color")
    assert found.image.shape == (len(index), 16, 16, 1)


# ------------------------------------------------------------------- an independent way


def test_maps_are_those_that_maximize_makes(convolution):
    found = layer_maps(
        model=convolution, layer="filters", tv_weight=0.3, lp_weight=2.0, seed=5,
        num_units=3, num_steps=7, sign="sad",
    )  # fmt: skip
    study = hm.open_study("synthetic_faces", model=convolution)
    expected = hm.maximize(
        study.model,
        [hm.channel("filters", index) for index in (0, 1, 3)],
        regularizers=(hm.LpNorm(2.0), hm.TotalVariation(0.3)),
        seeds=[5],
        sign="sad",
        num_steps=7,
    ).squeeze("seed")
    np.testing.assert_allclose(found.image, expected.image, atol=1e-5)
    np.testing.assert_allclose(found.score, expected.score_end, rtol=1e-4)
    np.testing.assert_allclose(found.score_start, expected.score_start, rtol=1e-4)
    real = hm.score_images(
        study.model,
        [hm.channel("filters", index) for index in (0, 1, 3)],
        study.dataset.images,
        sign="sad",
    )
    np.testing.assert_array_equal(found.best_real_score, real.max("image"))
    np.testing.assert_array_equal(found.worst_real_score, real.min("image"))


def test_few_images_tell_as_much_of_dead_units_as_all(brightness):
    study = hm.open_study("synthetic_faces", model=brightness)
    expected = hm.maximize(
        study.model,
        hm.layer_objectives(study.model, "quiet"),
        regularizers=(),
        num_steps=3,
        reference_images=study.dataset.images,
    ).squeeze("seed")
    found = layer_maps(model=brightness, layer="quiet", num_steps=3, **FREE)
    assert expected.diagnosis.values.tolist() == ["ok", "dead on the data"]
    assert found.diagnosis.values.tolist() == ["ok", "dead on the data"]


# ----------------------------------------------------------------- what a process keeps


def test_study_is_opened_once_until_its_file_changes(
    brightness, convolution, monkeypatch, tmp_path
):
    path = shutil.copy(brightness, str(tmp_path / "network.keras"))
    opened = []

    def count(*args, **options):
        opened.append(options["model"])
        return open_study(*args, **options)

    open_study = studies.open_study
    monkeypatch.setattr(studies, "open_study", count)
    options = {"layer": "out", "num_units": 1, "num_steps": 1}
    for seed in (0, 1):
        layer_maps(model=path, seed=seed, tv_weight=float(seed), **options)
    assert opened == [path]
    save_model(load_model(convolution), path)
    layer_maps(model=path, **options)
    assert opened == [path, path]


def test_changed_image_of_a_folder_is_told_from_what_it_was(tmp_path):
    (tmp_path / "images" / "one").mkdir(parents=True)
    image = tmp_path / "images" / "one" / "0.png"
    image.write_bytes(b"first")
    before = paths.file_stamps(tmp_path / "images")
    assert [stamp[:2] for stamp in before] == [(str(image), 5)]
    assert before == paths.file_stamps(image)
    image.write_bytes(b"second")
    assert paths.file_stamps(tmp_path / "images")[0][1] == 6
    assert paths.file_stamps(tmp_path / "absent") == ()


def test_result_is_kept_and_read_again(brightness, monkeypatch, tmp_path):
    monkeypatch.setenv("HAPPYMAPS_STORE", str(tmp_path / "store"))
    options = {"model": brightness, "layer": "out", "num_steps": 2}
    first, again = (load_or_run(layer_maps, **options) for _ in range(2))
    computed = layer_maps(**options)
    for found in (first, again):
        np.testing.assert_array_equal(found.image, computed.image)
        assert found.diagnosis.values.tolist() == computed.diagnosis.values.tolist()
        assert found.mean_gain.dtype == np.float64
    assert len(list((tmp_path / "store").rglob("result.nc"))) == 1


def test_parameters_are_those_of_the_notebook():
    declared = read_parameters(paths.repository_root() / NOTEBOOK)
    taken = function_parameters(NAME)
    assert list(declared) == list(taken)
    for name, parameter in declared.items():
        assert (parameter.type, parameter.default) == (
            taken[name].type,
            taken[name].default,
        )


# ----------------------------------------------------------- what may be run by a sweep


def test_sweepable_marks_a_function_and_leaves_it_as_it_is():
    def measure(*, seed: int = 0) -> float:
        return seed / 2

    assert sweepable(measure) is measure
    assert measure.is_sweepable is True
    assert measure(seed=3) == 1.5
    assert list(inspect.signature(measure).parameters) == ["seed"]


def by_position(seed: int, *, layer: str):
    return seed, layer


def gathered(*, seed: int, **options: str):
    return seed, options


def listed(*seeds: int):
    return seeds


def untyped(*, seed=0):
    return seed


@pytest.mark.parametrize(
    ("function", "received"),
    [
        (by_position, "by name only. Received: 'seed: int'"),
        (gathered, "by name only. Received: '**options: str'"),
        (listed, "by name only. Received: '*seeds: int'"),
        (untyped, "annotate its parameters. Received: 'seed=0'"),
    ],
)
def test_function_whose_parameters_a_notebook_could_not_declare_is_refused(
    function, received
):
    with pytest.raises(TypeError) as caught:
        sweepable(function)
    assert received in str(caught.value)
    assert not hasattr(function, "is_sweepable")
