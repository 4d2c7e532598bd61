import base64
import io
import os
import re
import threading
import time

import numpy as np
import pytest
import yaml
from PIL import Image

PATIENCE = 60  # seconds, on a busy machine
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def explore():
    """The function itself; under pytest it runs in batch, at once."""
    from happymaps.explorer import explore

    return explore


@pytest.fixture
def live(explore, monkeypatch):
    """Return `explore` with its widgets and its thread, which ends with the test."""
    monkeypatch.setattr("happymaps.explorer.panel.is_batch", lambda: False)
    panels = []

    def build(*arguments, **options):
        panels.append(explore(*arguments, **options))
        return panels[-1]

    yield build
    for panel in panels:
        panel.cancel()
        assert panel.wait(PATIENCE)


def size_of(png):
    with Image.open(io.BytesIO(png)) as image:
        return image.size


def text_of(widget):
    return re.sub(r"<[^>]*>", "", widget.value)


def wait_until(condition):
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


# ------------------------------------------------------------------- in a batch run


def test_in_batch_the_maps_are_there_at_once(explore, linear_network):
    panel = explore(linear_network, channels=[0, 1], tv_weight=0, lp_weight=0)
    assert panel.controls is None
    # Of a linear unit the best image in a box is the sign of its weights.
    signs = linear_network.get_layer("out").get_weights()[0][:, :2] > 0
    for unit in range(2):
        for start in range(2):
            found = panel.maps.image[unit, start].values.ravel()
            np.testing.assert_array_equal(found, signs[:, unit])


def test_in_batch_a_picture_and_a_text_are_left_but_no_widget(explore, linear_network):
    panel = explore(linear_network, channels=[1], num_steps=5)
    bundle, metadata = panel._repr_mimebundle_()
    assert set(bundle) == {"image/png", "text/plain"}
    assert base64.b64decode(bundle["image/png"]) == panel.png
    assert bundle["text/plain"].startswith("HappyMaps of out: shape 1x2x8x8x1, mean ")
    alt = "HappyMaps of out, units 1, from 2 random starts, 5 steps"
    assert metadata == {"image/png": {"alt": alt}}


def test_settings_are_those_given(explore, sobel_network):
    panel = explore(
        sobel_network,
        layer="edges",
        channels=(1,),
        sign="sad",
        num_seeds=1,
        num_steps=3,
    )
    cell = panel.parameter_cell()
    assert 'layer: str = "edges"  #' in cell
    assert "channels: list[int] = [1]  #" in cell
    assert panel.settings.sign == "sad"
    assert panel.maps.sizes["step"] == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layer": "edge"}, "Did you mean 'edges'"),
        ({"channels": []}, "1 to 12 channels"),
        ({"channels": [-1]}, "whole number from 0"),
        ({"channels": [0, 0]}, "each once"),
        ({"sign": "glad"}, "'happy'"),
        ({"tv_weight": -1}, "tv_weight"),
        ({"lp_weight": float("nan")}, "lp_weight"),
        ({"num_seeds": 0}, "num_seeds"),
        ({"num_steps": 2.5}, "num_steps"),
        ({"dataset": np.zeros((2, 9, 9, 1))}, "takes images of shape"),
        ({"source": {"color": "red"}}, "'color'"),
    ],
)
def test_options_out_of_range_are_errors(explore, sobel_network, options, message):
    with pytest.raises(ValueError, match=message):
        explore(sobel_network, **options)


def test_what_fails_in_the_network_is_told_in_words(explore, sobel_network):
    panel = explore(sobel_network, channels=[5])
    bundle, _ = panel._repr_mimebundle_()
    assert bundle["text/plain"].startswith("Layer 'edges' has 2 channels")
    assert size_of(panel.png)[0] > 100
    assert panel.maps is None


# ------------------------------------------------------------------- the real images


def test_best_real_images_are_those_of_the_highest_scores(explore, linear_network):
    from happymaps.explorer.forming import MapMaker
    from happymaps.maps.scoring import layer_objectives, score_images

    images = np.random.default_rng(1).random((300, 8, 8, 1)).astype(np.float32)
    settings = explore(linear_network, num_steps=1, channels=[0, 1]).settings
    notes = []
    maker = MapMaker(linear_network, images, (0, 1))
    made = maker.make(settings, threading.Event(), lambda _: None, notes.append)
    scores = score_images(
        linear_network, layer_objectives(linear_network, "out"), images
    )
    for unit in range(2):
        best = np.argsort(-scores.values[unit])[:2]
        np.testing.assert_array_equal(made.best.positions[unit], best)
        np.testing.assert_array_equal(made.best.images[unit], images[best])
        np.testing.assert_allclose(made.best.scores[unit], scores.values[unit][best])
    assert "Scoring real images, 256 of 300 ..." in notes
    notes.clear()
    maker.make(settings, threading.Event(), lambda _: None, notes.append)
    assert not [note for note in notes if "real" in note], "scored once is enough"


def test_real_images_are_scored_again_after_training(explore, keras):
    from happymaps.explorer.forming import MapMaker

    images = np.stack([np.eye(4)[:, :1] * k for k in (1, 2)])[..., None]
    model = keras.Sequential(
        [keras.Input((4, 1, 1)), keras.layers.Flatten(), keras.layers.Dense(1)]
    )
    settings = explore(model, num_steps=1).settings
    maker = MapMaker(model, images.astype(np.float32), (0, 1))
    found = []
    for weight in (1.0, -1.0):
        model.layers[-1].set_weights([np.full((4, 1), weight), np.zeros(1)])
        made = maker.make(settings, threading.Event(), lambda _: None, lambda _: None)
        found.append(made.best.positions.tolist())
    assert found == [[[1, 0]], [[0, 1]]]


def test_real_images_stand_below_the_maps(explore, linear_network, images):
    alone = explore(linear_network, channels=[0], num_steps=1)
    compared = explore(linear_network, images, channels=[0], num_steps=1)
    width, height = size_of(alone.png)
    assert size_of(compared.png)[0] == width
    assert size_of(compared.png)[1] > height + 2 * 96  # two rows of 12 x 8 pixels
    _, metadata = compared._repr_mimebundle_()
    assert "real images that excite them most" in metadata["image/png"]["alt"]


def test_study_brings_its_images(explore, sobel_network, images):
    import pandas as pd

    from happymaps.datasets import Dataset
    from happymaps.networks.study import Study

    labels = np.zeros(4, np.int64)
    dataset = Dataset("folder:a", images, labels, ("one",), pd.DataFrame())
    study = Study(sobel_network, dataset, dataset, dataset)
    panel = explore(study, num_steps=1, input_range=(0, 255))
    assert "real images" in panel._repr_mimebundle_()[1]["image/png"]["alt"]
    assert 'dataset: str = "folder:a"  #' in panel.parameter_cell()
    assert "highest_pixel: float = 255.0  #" in panel.parameter_cell()


# ------------------------------------------------------------------------ the picture


def test_picture_has_a_frame_for_each_and_shrinks_large_images(explore, keras):
    model = keras.Sequential(
        [
            keras.Input((400, 300, 3)),
            keras.layers.Conv2D(2, 3, strides=8),
            keras.layers.Flatten(),
            keras.layers.Dense(1),
        ]
    )
    panel = explore(model, num_seeds=1, num_steps=1)
    width, height = size_of(panel.png)
    assert width < 400
    assert height < 300


@pytest.mark.parametrize("shape", [(900, 3, 1), (1, 1, 3), (2, 700, 1), (193, 193, 1)])
def test_picture_is_of_a_size_to_be_looked_at(shape):
    from happymaps.explorer.picture import _cell

    tall, wide, colors = _cell(np.full(shape, 0.5), (0, 1)).shape
    assert 96 <= max(tall, wide) - 2 <= 192
    assert min(tall, wide) > 2
    assert colors == 3


def test_picture_writes_names_as_they_are(explore, keras):
    layers = [keras.layers.Flatten(), keras.layers.Dense(1, name="a$b_{$")]
    model = keras.Sequential([keras.Input((4, 4, 1)), *layers])
    panel = explore(model, num_steps=1)
    assert panel.maps is not None


def test_picture_shares_one_gray_scale(explore, linear_network):
    panel = explore(linear_network, channels=[1], tv_weight=0, lp_weight=0, num_seeds=1)
    with Image.open(io.BytesIO(panel.png)) as image:
        pixels = np.asarray(image.convert("L"))
    # The checkerboard: 12 x 12 pixels a field, found by its frame of gray 150.
    gray = pixels == 150
    top, bottom = np.flatnonzero(gray.sum(axis=1) >= 98)
    left, right = np.flatnonzero(gray.sum(axis=0) >= 98)
    fields = pixels[top + 1 : bottom, left + 1 : right].reshape(8, 12, 8, 12)
    board = 1 - np.indices((8, 8)).sum(axis=0) % 2
    np.testing.assert_array_equal(fields[:, 6, :, 6], 255 * board)


# ------------------------------------------------------------------------ with widgets


def test_panel_shows_widgets_and_a_still_picture(live, linear_network):
    panel = live(linear_network, channels=[0], num_steps=5)
    bundle, _ = panel._repr_mimebundle_()
    assert set(bundle) == {"image/png", "text/plain", WIDGET_VIEW}
    assert panel.wait(PATIENCE)
    assert text_of(panel.controls.status).startswith("Done in ")
    assert 'alt="HappyMaps of out, units 0' in panel.controls.picture.value
    assert base64.b64encode(panel.png).decode() in panel.controls.picture.value
    assert panel.controls.cancel.disabled


def test_each_widget_leads_to_other_maps(live, linear_network):
    panel = live(linear_network, channels=[0], num_steps=10)
    assert panel.wait(PATIENCE)
    for name, value in (
        ("tv_weight", 1.0),
        ("lp_weight", 0.0),
        ("sign", "sad"),
        ("num_seeds", 3),
        ("num_steps", 11),
        ("channels", "1"),
    ):
        before = panel.png, panel.maps
        getattr(panel.controls, name).value = value
        assert panel.wait(PATIENCE), name
        assert panel.png != before[0], name
        assert panel.maps is not before[1], name
        shown = getattr(panel.settings, name)
        assert shown == ((1,) if name == "channels" else value)


def test_layer_keeps_the_channels_that_it_has(live, sobel_network):
    panel = live(sobel_network, channels=[1], num_steps=2)
    assert panel.controls.layer.options == ("edges", "head")
    assert "0 to 1" in panel.controls.hint.value
    panel.controls.layer.value = "head"
    assert panel.settings.channels == (1,)
    panel.controls.channels.value = "9"
    panel.controls.layer.value = "edges"
    assert panel.settings.channels == (0, 1)
    assert panel.wait(PATIENCE)
    assert panel.maps.objective.values.tolist() == ["edges[0]", "edges[1]"]


def test_browsing_goes_around(live, linear_network):
    panel = live(linear_network, channels=[0, 1], num_steps=1)
    seen = []
    for _ in range(3):
        panel.controls.next.click()
        seen.append(panel.settings.channels)
    assert seen == [(2, 0), (1, 2), (0, 1)]
    panel.controls.previous.click()
    assert panel.settings.channels == (1, 2)


def test_cancel_stops_within_a_few_steps(live, linear_network, monkeypatch):
    looks = []
    from happymaps.explorer.session import Session

    look = Session._look

    def note(self, snapshot, stop):
        looks.append(int(snapshot.steps.max()))
        return look(self, snapshot, stop)

    monkeypatch.setattr(Session, "_look", note)
    panel = live(linear_network, channels=[0], num_steps=1_000_000)
    wait_until(lambda: looks and looks[-1] >= 10)
    panel.controls.cancel.click()
    at = looks[-1]
    assert panel.wait(PATIENCE)
    assert looks[-1] <= at + 10
    assert text_of(panel.controls.status) == "Canceled."
    assert panel.maps is None
    assert panel.controls.cancel.disabled


def test_new_setting_stops_the_maps_before(live, linear_network):
    panel = live(linear_network, channels=[0], num_steps=1_000_000)
    wait_until(lambda: "Step" in text_of(panel.controls.status))
    assert not panel.controls.cancel.disabled
    panel.controls.num_steps.value = 10
    assert panel.wait(PATIENCE)
    assert panel.maps.sizes["step"] == 11


def test_maps_are_shown_as_they_form(live, linear_network):
    panel = live(linear_network, channels=[0], num_steps=1_000_000)
    pictures = []
    panel.controls.picture.observe(lambda change: pictures.append(change.new), "value")
    wait_until(lambda: len(pictures) >= 3)
    panel.cancel()
    steps = [int(re.search(r"step (\d+) of", text)[1]) for text in pictures[:3]]
    assert steps == sorted(set(steps))
    assert panel.maps is None


def test_errors_are_told_in_words_and_the_panel_goes_on(live, linear_network):
    panel = live(linear_network, channels=[0], num_steps=2)
    panel.controls.channels.value = "one"
    assert "such as 0-3, 7" in text_of(panel.controls.status)
    panel.controls.channels.value = "8"
    assert panel.wait(PATIENCE)
    assert "has 3 channels or units" in text_of(panel.controls.status)
    assert "color1" in panel.controls.status.value
    panel.controls.channels.value = "2"
    assert panel.wait(PATIENCE)
    assert text_of(panel.controls.status).startswith("Done")


def test_what_a_network_throws_is_told_in_words(live, linear_network, monkeypatch):
    def fail(*arguments, **options):
        raise RuntimeError("out of <memory>")

    monkeypatch.setattr("happymaps.explorer.forming.maximize", fail)
    panel = live(linear_network, channels=[0])
    assert panel.wait(PATIENCE)
    assert "RuntimeError: out of &lt;memory&gt;" in panel.controls.status.value


def test_diagnosis_of_a_dead_unit_stands_in_its_place(explore, linear_network):
    from happymaps.explorer.forming import MapMaker
    from happymaps.explorer.picture import _rows

    settings = explore(linear_network, channels=[2], num_seeds=1, num_steps=2).settings
    maker = MapMaker(linear_network, None, (0, 1))
    made = maker.make(settings, threading.Event(), lambda _: None, lambda _: None)
    ((_, _, captions, alarms),) = _rows(made)
    assert (captions, alarms) == (["dead unit"], [True])


def test_buttons_keep_the_settings(live, linear_network, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    panel = live(linear_network, channels=[0, 1], num_steps=1)
    panel.controls.make_cell.click()
    assert panel.controls.cell.value == panel.parameter_cell()
    panel.controls.file_name.value = "mine"
    panel.controls.save.click()
    assert text_of(panel.controls.saved).startswith("Written: mine.yaml.")
    content = yaml.safe_load((tmp_path / "mine.yaml").read_text())
    assert content["parameters"]["layer"] == "out"
    panel.controls.save.click()
    assert "is there already" in text_of(panel.controls.saved)
    panel.controls.file_name.value = f"a{os.sep}b"
    panel.controls.save.click()
    assert "without a folder" in text_of(panel.controls.saved)


def test_no_bar_is_shown_while_maps_form(monkeypatch):
    from happymaps.base import progress

    monkeypatch.setattr(progress, "is_batch", lambda: False)
    with progress.bars_hidden(), progress.progress_bar(3, "a", "step") as hidden:
        assert hidden.disable
    with progress.progress_bar(3, "a", "step") as shown:
        assert not shown.disable
        assert not shown.leave


# --------------------------------------------------------------------- without a kernel


@pytest.fixture
def saved_notebook(live, linear_network):
    """A notebook as JupyterLab saves it after the panel was shown."""
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

    panel = live(linear_network, channels=[0], num_steps=2)
    data, metadata = panel._repr_mimebundle_()
    output = new_output(
        "execute_result", data=data, metadata=metadata, execution_count=1
    )
    cell = new_code_cell("panel", outputs=[output], execution_count=1)
    return new_notebook(cells=[new_markdown_cell("# Title\n\n## Panel"), cell])


def test_nbconvert_shows_the_still_picture(saved_notebook):
    from nbconvert.exporters import HTMLExporter

    page, _ = HTMLExporter(template_name="basic").from_notebook_node(saved_notebook)
    picture = saved_notebook.cells[1].outputs[0].data["image/png"]
    assert f"data:image/png;base64,{picture}" in page.replace("\n", "")
    assert "HappyMaps of out, units 0" in page


def test_report_shows_the_still_picture(saved_notebook):
    from happymaps_pages.html.body import make_renderer

    body = make_renderer()(saved_notebook)
    assert 'alt="HappyMaps of out, units 0, from 2 random starts, 2 steps"' in body.html
    assert "interactive output" not in body.html
    picture = body.files["figures/figure_1_0.png"]
    assert (
        base64.b64encode(picture).decode()
        == (saved_notebook.cells[1].outputs[0].data["image/png"])
    )
