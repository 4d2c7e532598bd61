"""`make lab` and the panel of `explore`, in a real JupyterLab in Chromium."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
import pytest
from browser_cases import ARGUMENTS, find_chromium
from nbformat.v4 import new_code_cell, new_notebook
from places import ROOT

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is missing")

TOKEN = "only-for-this-test"
SECONDS = 150  # patience with a busy machine; nothing takes that long
expect = sync_api.Expect()
expect.set_options(timeout=1000 * SECONDS)
SETUP = """
import keras
import numpy as np

from happymaps.explorer import explore

keras.utils.set_random_seed(0)
model = keras.Sequential(
    [
        keras.Input((12, 16, 1)),
        keras.layers.Conv2D(6, 5, activation="relu", name="conv"),
        keras.layers.Flatten(),
        keras.layers.Dense(2, name="out"),
    ]
)
images = np.random.default_rng(0).random((20, 12, 16, 1)).astype("float32")
explore(model, images, channels=[0, 1], num_steps=20)
"""
CELLS = [SETUP, "explore(model, channels=[0], num_steps=1_000_000)", "print(6 * 7)"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def lab_environment(home):
    """Return the environment of a person who has never opened JupyterLab."""
    names = ("PATH", "LANG", "TMPDIR", "LD_LIBRARY_PATH")
    kept = {name: os.environ[name] for name in names if name in os.environ}
    return kept | {"HOME": str(home), "CUDA_VISIBLE_DEVICES": "-1"}


def start_lab(folder, home, log):
    """Run `make lab` on a folder; return its process and its address."""
    port = free_port()
    options = [
        "--no-browser",
        f"--ServerApp.root_dir={folder}",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={TOKEN}",
        "--LabApp.expose_app_in_browser=True",
    ]
    options += ["--allow-root"] if os.geteuid() == 0 else []
    # -o: the environment is there, whatever the dates of its files say.
    command = ["make", "-s", "-o", ".venv/.installed", "lab"]
    lab = subprocess.Popen(
        [
            *command,
            f"BIN={Path(sys.executable).parent}",
            f"LAB_OPTIONS={' '.join(options)}",
        ],
        cwd=ROOT,
        env=lab_environment(home),
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    return lab, f"http://127.0.0.1:{port}"


def wait_until_up(lab, address, log):
    until = time.monotonic() + SECONDS
    while time.monotonic() < until and lab.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/api?token={TOKEN}", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    pytest.fail(f"JupyterLab did not start:\n{Path(log.name).read_text()[-2000:]}")


def stop_lab(lab):
    os.killpg(lab.pid, signal.SIGTERM)
    try:
        lab.wait(15)
    except subprocess.TimeoutExpired:
        os.killpg(lab.pid, signal.SIGKILL)
        lab.wait()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("lab")


@pytest.fixture(scope="module")
def lab(folder, tmp_path_factory):
    if find_chromium() is None:
        pytest.skip("no Chromium found: name one in the variable CHROMIUM")
    if shutil.which("make") is None:
        pytest.skip("no make found")
    home = tmp_path_factory.mktemp("home")
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)"}
    notebook = new_notebook(cells=[new_code_cell(source) for source in CELLS])
    notebook.metadata["kernelspec"] = kernel
    nbformat.write(notebook, folder / "panel.ipynb")
    with (home / "lab.log").open("w") as log:
        process, address = start_lab(folder, home, log)
        try:
            wait_until_up(process, address, log)
            yield address
        finally:
            stop_lab(process)


@pytest.fixture(scope="module")
def page(lab):
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=find_chromium(), args=ARGUMENTS
        )
        page = chromium.new_page(viewport={"width": 1280, "height": 1500})
        page.set_default_timeout(SECONDS * 1000)
        page.heard, page.asked = [], []
        page.on("pageerror", lambda error: page.heard.append(str(error)))
        page.on(
            "console",
            lambda m: page.heard.append(m.text) if m.type == "error" else None,
        )
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(f"{lab}/lab/tree/panel.ipynb?token={TOKEN}")
        page.wait_for_selector(".jp-Notebook .jp-CodeCell")
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
        run_cell(page, 0)
        yield page
        chromium.close()


def run_cell(page, number):
    """Run a cell, without waiting for its end."""
    page.evaluate(
        """number => {
            const app = window.jupyterapp;
            app.shell.currentWidget.content.activeCellIndex = number;
            void app.commands.execute("notebook:run-cell");
        }""",
        number,
    )


def panel_of(page, cell):
    return page.locator(".jp-CodeCell").nth(cell).locator(".widget-vbox").first


def picture_of(panel):
    return panel.locator("img[alt*='Maps of']")


def say(panel, pattern):
    expect(panel).to_contain_text(re.compile(pattern))


def change(panel, before):
    """Wait until the picture is another one, and return it."""
    expect(picture_of(panel)).not_to_have_attribute("src", before)
    return picture_of(panel).get_attribute("src")


def see_that_the_first_cell_shows_the_panel_and_nothing_else(page):
    panel = panel_of(page, 0)
    say(panel, r"Done in .* best score \d")
    alt = picture_of(panel).get_attribute("alt")
    assert alt.startswith("HappyMaps of conv, channels 0, 1, from 2 random starts")
    outputs = page.locator(".jp-CodeCell").first.locator(".jp-OutputArea-child")
    assert outputs.count() == 1, outputs.all_inner_texts()


def see_that_lab_opens_without_dialog_news_or_network(page, lab):
    assert page.locator(".jp-Dialog, .Toastify__toast").count() == 0
    assert page.get_by_text("Python 3 (ipykernel) | Idle").count() == 1
    own = (lab, "data:", "blob:")
    assert [url for url in page.asked if not url.startswith(own)] == []


def see_that_a_slider_moved_by_keyboard_changes_the_picture(page):
    panel = panel_of(page, 0)
    before = picture_of(panel).get_attribute("src")
    slider = panel.locator(".widget-slider", has_text="TV weight")
    handle = slider.locator(".noUi-handle")
    handle.focus()
    for _ in range(9):
        handle.press("ArrowRight")
    expect(slider).to_contain_text("10")
    change(panel, before)
    say(panel, "Done in")


def see_that_the_layer_and_the_channels_follow_each_other(page):
    panel = panel_of(page, 0)
    panel.get_by_label("Layer").select_option("out")
    expect(picture_of(panel)).to_have_attribute("alt", re.compile("out, units 0, 1"))
    say(panel, "of 0 to 1")
    channels = panel.locator(".widget-text input").first
    channels.fill("7")
    channels.press("Enter")
    say(panel, "Layer 'out' has 2 channels or units, counted from 0")


def see_that_other_cells_run_while_maps_form_and_cancel_stops_them(page):
    run_cell(page, 1)
    panel = panel_of(page, 1)
    say(panel, r"Step \d+ of 1000000")
    run_cell(page, 2)
    answer = page.locator(".jp-CodeCell").nth(2)
    expect(answer.locator(".jp-OutputArea")).to_have_text(re.compile("42"))
    change(panel, picture_of(panel).get_attribute("src"))  # it still forms
    panel.get_by_role("button", name="Cancel").click()
    say(panel, "Canceled.")
    stopped = picture_of(panel).get_attribute("src")
    run_cell(page, 2)
    expect(answer.locator(".jp-InputPrompt")).to_have_text(re.compile("4"))
    assert picture_of(panel).get_attribute("src") == stopped


def see_that_the_saved_notebook_holds_still_pictures(page, folder):
    page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    saved = nbformat.read(folder / "panel.ipynb", as_version=4)
    for cell in saved.cells[:2]:
        (output,) = cell.outputs
        assert output.data["text/plain"].startswith("HappyMaps of conv: shape ")
        assert len(output.data["image/png"]) > 1000
        assert output.metadata["image/png"]["alt"].startswith(
            "HappyMaps of conv, channels"
        )
    assert [output.text for output in saved.cells[2].outputs] == ["42\n"]


def test_a_person_explores_a_network_in_a_new_lab(page, lab, folder):
    # One test, so that no two workers start a lab each.
    see_that_the_first_cell_shows_the_panel_and_nothing_else(page)
    see_that_lab_opens_without_dialog_news_or_network(page, lab)
    see_that_a_slider_moved_by_keyboard_changes_the_picture(page)
    see_that_the_layer_and_the_channels_follow_each_other(page)
    see_that_other_cells_run_while_maps_form_and_cancel_stops_them(page)
    see_that_the_saved_notebook_holds_still_pictures(page, folder)
    assert page.heard == []
