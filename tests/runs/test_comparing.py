"""What `happymaps compare` takes for maps, and the page it leaves."""

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

from happymaps.base.sweepable import sweepable
from happymaps_cli.main import app
from happymaps_runs.netcdf import write_dataset
from happymaps_runs.store.functions import coerce_arguments, run_function
from happymaps_runs.store.run_store import RunStore
from happymaps_runs.sweeps.comparing import comparison_name, open_maps


def draw(seed: int) -> xr.Dataset:
    images = np.random.default_rng(seed).random((3, 8, 6, 1)).astype(np.float32)
    scores = ("unit", np.arange(3.0) + seed)
    return xr.Dataset({"image": (("unit", "y", "x", "color"), images), "score": scores})


@sweepable
def make_maps(*, layer: str = "conv", seed: int = 0) -> xr.Dataset:
    """Draw maps."""
    return draw(seed)


@sweepable
def make_number(*, seed: int = 0) -> xr.Dataset:
    """Give a number."""
    return xr.Dataset({"total": seed})


@pytest.fixture
def store(tmp_path):
    made = RunStore(tmp_path / "store")
    made.create()
    return made


def run(store, function, **given):
    name = f"{__name__}:{function.__name__}"
    return run_function(store, name, coerce_arguments(name, given)).key


def test_maps_are_found_by_key_by_folder_and_by_file(store, tmp_path):
    key = run(store, make_maps, seed=4)
    title, by_key = open_maps(key[:8], store, {})
    assert title == f"conv, seed 4, {key[:6]}"
    _, by_folder = open_maps(str(store.folder(key)), store, {})
    write_dataset(draw(4), tmp_path / "mine.nc")
    name, by_file = open_maps(str(tmp_path / "mine.nc"), store, {})
    assert name == "mine"
    for found in (by_key, by_folder, by_file):
        np.testing.assert_array_equal(found.image, draw(4).image)


def test_what_holds_no_maps_is_refused(store):
    key = run(store, make_number)
    with pytest.raises(ValueError, match=r"a variable `image`\. Received: total"):
        open_maps(key, store, {})
    with pytest.raises(ValueError, match=r"none of these. See `happymaps runs list`"):
        open_maps("nothing", store, {})
    with pytest.raises(ValueError, match=r"There is no file 'absent\.keras'"):
        open_maps("absent.keras", store, {})


def test_the_command_leaves_a_page_with_every_unit(store):
    keys = [run(store, make_maps, seed=seed) for seed in (1, 2)]
    done = CliRunner().invoke(app, ["compare", *keys, "--out", str(store.root)])
    assert done.exit_code == 0, done.output
    page = store.root / "comparisons" / comparison_name(*keys) / "index.html"
    assert str(page) in done.output.replace("\n", "")
    assert page.read_text().count("data-order=") == 3


def test_two_networks_are_compared_by_maps_that_are_made(store, tmp_path, keras):
    paths = []
    for seed in (1, 2):
        keras.utils.set_random_seed(seed)
        inputs = keras.Input((16, 16, 1))
        values = keras.layers.Conv2D(2, 3, activation="relu", name="first")(inputs)
        flat = keras.layers.Flatten()(values)
        model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(flat))
        paths.append(tmp_path / f"network{seed}.keras")
        model.save(paths[-1])
    given = {"layer": "first", "num_steps": "3", "image_size": "16x16"}
    title, maps = open_maps(str(paths[0]), store, given)
    assert (title, maps.image.shape) == ("network1", (2, 16, 16, 1))
    _, others = open_maps(str(paths[1]), store, given)
    assert not np.allclose(maps.image, others.image)
    kept = [record for _, record in store.records()]
    assert [record["status"] for record in kept] == ["completed"] * 2
    open_maps(str(paths[0]), store, given)
    assert len(list(store.records())) == 2
