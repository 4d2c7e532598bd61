"""The site of a store, and the start page above it, without a browser."""

import json
from urllib.parse import unquote

import pytest
import xarray as xr
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell
from report_cases import (
    HOSTILE,
    add_collection,
    add_run,
    notebook,
    picture,
    read_page,
)
from sweep_page_cases import make_points, make_sweep

from happymaps_pages import build_site
from happymaps_pages.content.sweep_cards import SweepCard, find_sweep_cards
from happymaps_pages.html.assets import asset_files
from happymaps_pages.pages.compare_page import compare_files
from happymaps_pages.publish import add_files
from happymaps_pages.store_site import build_comparison, build_store_site

DRAWN = notebook(new_code_cell("draw()", outputs=[picture()]))
RECORD = {"name": "tv", "title": "Which weight?"}


def make_store(store, *sweeps):
    """A store whose runs 0 and 1 and failed run 10 kept their notebooks."""
    store.mkdir(parents=True)
    (store / "store.json").write_text("{}")
    started = "2026-11-20T10:00:0{}+00:00"
    add_run(store, "run0", DRAWN, started=started.format(0), parameters={"seed": 0})
    add_run(store, "run1", notebook(), started=started.format(1))
    error = {"kind": "cell error", "name": "ValueError", "message": "no", "cell": 3}
    add_run(store, "failed/run10", status="failed", error=error)
    (store / "run2").mkdir()
    (store / "run2/run.json").write_text('{"status": "completed"}')
    (store / "failed/run11").mkdir()
    record = {"status": "failed", "error": {"kind": "worker died", "message": "often"}}
    (store / "failed/run11/run.json").write_text(json.dumps(record))
    for _, content in sweeps:
        folder = store / "sweeps" / content["name"]
        folder.mkdir(parents=True)
        (folder / "sweep.json").write_text(json.dumps(content))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A start page above a store of two sweeps; tests only read it."""
    root = tmp_path_factory.mktemp("reports")
    sweeps = [(make_sweep(), RECORD), (make_points(), {"name": "points"})]
    make_store(root / "store", *sweeps)
    build_store_site(root / "store", sweeps)
    add_collection(root, "faces", "one")
    add_run(root, "faces/one", DRAWN)
    build_site(root)
    build_store_site(root / "store", sweeps)
    return root


def test_every_link_of_a_store_resolves(site):
    for page in site.rglob("*.html"):
        soup = BeautifulSoup(page.read_text(), "html.parser")
        for tag in soup.select("[href], [src]"):
            address = unquote(tag.get("href") or tag.get("src")).partition("#")[0]
            assert (page.parent / address).exists(), f"{page}: {address}"


def test_a_store_lists_its_sweeps_and_the_newest_runs(site):
    page = read_page(site, "store")
    sweeps = [card.h3.get_text() for card in page.select("#sweeps .card")]
    assert sweeps == ["Which weight?", "points"]
    assert "10 of 12 done, 1 failed, 1 not run" in page.select_one("#sweeps").get_text()
    runs = [a["href"] for a in page.select("#collection-runs h3 a")]
    assert runs == [
        "run1/index.html",
        "run0/index.html",
        "failed/run10/index.html",
    ]
    assert "seed 0" in page.select_one("#collection-runs").get_text()


def test_a_store_leads_back_to_a_site_above_it(site, tmp_path):
    assert read_page(site, "store").select_one(".trail a")["href"] == "../index.html"
    make_store(tmp_path / "store")
    build_store_site(tmp_path / "store", [])
    assert read_page(tmp_path, "store").select_one(".trail") is None


def test_a_run_and_its_sweep_link_to_each_other(site):
    link = read_page(site, "store/run0").select_one(".part-of a")
    assert link["href"] == "../sweeps/tv/index.html"
    failed = read_page(site, "store/failed/run10").select_one(".part-of a")
    assert failed["href"] == "../../sweeps/tv/index.html"
    sweep = read_page(site, "store/sweeps/tv")
    links = {a["href"] for a in sweep.select(".all-runs a")}
    assert links == {
        "../../run0/index.html",
        "../../failed/run10/index.html",
    }
    assert read_page(site, "store/run1").select_one(".part-of") is None


def test_a_sweep_says_why_a_run_failed(site):
    text = read_page(site, "store/sweeps/tv").select_one(".failed-list").get_text()
    assert "ValueError: no (cell 4)" in text


def test_the_start_page_shows_sweeps_and_no_run_of_a_store(site):
    page = read_page(site)
    assert [section["id"] for section in page.select("section.collection")] == [
        "sweeps",
        "collection-faces",
    ]
    links = [a["href"] for a in page.select("#sweeps h3 a")]
    assert links == ["store/sweeps/tv/index.html", "store/sweeps/points/index.html"]
    image = page.select_one("#sweeps img")
    assert image["src"] == "store/sweeps/tv/cover.webp"
    assert image["alt"] == "Some maps of the sweep: Which weight?"
    shown = {button["data-show"] for button in page.select("[data-show]")}
    assert shown == {"", "done", "failed"}


def test_building_again_changes_nothing_and_a_sweep_that_is_gone_goes(tmp_path):
    store = tmp_path / "store"
    sweeps = [(make_sweep(), RECORD)]
    make_store(store, *sweeps)
    build_store_site(store, sweeps)
    before = {p: p.stat().st_mtime_ns for p in store.rglob("*") if p.is_file()}
    build_store_site(store, sweeps)
    assert before == {p: p.stat().st_mtime_ns for p in store.rglob("*") if p.is_file()}
    build_store_site(store, [])
    left = [path.name for path in (store / "sweeps/tv").iterdir()]
    assert left == ["sweep.json"]
    assert find_sweep_cards(tmp_path) == []


def test_comparisons_stay_when_the_site_is_built_again(tmp_path):
    build_site(tmp_path)
    maps = make_sweep().isel(layer=0, tv_weight=1, seed=0)[["image", "score"]]
    add_files(tmp_path, compare_files(maps, maps, ("one", "two"), "compare/x"))
    build_site(tmp_path)
    page = read_page(tmp_path, "compare/x")
    for tag in page.select("[href], [src]"):
        address = (tag.get("href") or tag.get("src")).partition("#")[0]
        assert (tmp_path / "compare/x" / address).exists()
    assert {"_assets/maps.js", "_assets/compare.js"} <= asset_files().keys()


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "a b"])
def test_a_name_that_is_no_folder_is_refused(tmp_path, name):
    sweep = make_sweep(name=name)
    with pytest.raises(ValueError, match=r"Expected a name.*Received"):
        build_store_site(tmp_path, [(sweep, {})])


def test_a_comparison_of_a_store_is_listed_from_the_next_build_on(tmp_path):
    store = tmp_path / "store"
    make_store(store)
    maps = make_sweep().isel(layer=0, tv_weight=1, seed=[0])[["image", "score"]]
    names = ("one", "<two>")
    page = build_comparison(store, "one-two", maps, maps, names)
    assert page == store.resolve() / "comparisons/one-two/index.html"
    build_store_site(store, [])
    (link,) = read_page(store).select("#comparisons a")
    assert (link.get_text(), link["href"]) == (
        "one and <two>",
        "comparisons/one-two/index.html",
    )
    build_store_site(store, [])
    assert page.is_file()
    with pytest.raises(ValueError, match="Expected a name"):
        build_comparison(store, "../out", maps, maps, names)


def test_a_point_is_told_by_its_notebook_where_there_is_one(tmp_path):
    """A function's run and the notebook that tells of it have different keys."""
    store = tmp_path / "store"
    make_store(store)
    add_run(store, "told", DRAWN)
    sweep = make_sweep()
    page = xr.full_like(sweep["key"], "").astype(object)
    page[0, 1, 0] = page[0, 0, 1] = "told"
    page[0, 1, 1] = "gone"
    build_store_site(store, [(sweep.assign(page=page.astype(str)), RECORD)])
    told = json.loads(read_page(store, "sweeps/tv").find(id="sweep-data").string)
    assert told["addresses"] == {
        "run0": "../../run0/index.html",
        "run2": "../../told/index.html",
        "run10": "../../failed/run10/index.html",
    }
    assert read_page(store, "told").select_one(".part-of")


def test_what_a_sweep_left_behind_is_read_with_care(tmp_path):
    folder = tmp_path / "store/sweeps/odd"
    folder.mkdir(parents=True)
    (tmp_path / "store/store.json").write_text("{}")
    (folder / "index.html").write_text("")
    (folder / "sweep.json").write_text(json.dumps({"title": HOSTILE}))
    (folder / "summary.json").write_text('{"counts": {"failed": "x", "other": 3}}')
    (card,) = find_sweep_cards(tmp_path)
    assert (card.title, card.counts, card.status) == (HOSTILE, {}, "done")
    build_site(tmp_path)
    assert read_page(tmp_path).select_one("#sweeps h3").get_text() == HOSTILE


@pytest.mark.parametrize(
    ("counts", "status", "progress"),
    [
        ({"completed": 3, "failed": 0, "missing": 0}, "done", "3 of 3 done"),
        (
            {"completed": 1, "failed": 0, "missing": 2},
            "missing",
            "1 of 3 done, 2 not run",
        ),
        ({"failed": 1, "missing": 2}, "failed", "0 of 3 done, 1 failed, 2 not run"),
    ],
)
def test_a_card_tells_how_far_a_sweep_is(counts, status, progress):
    card = SweepCard("a", "b", counts)
    assert (card.status, card.progress) == (status, progress)
