"""The site of a store: its sweeps, and what one build leaves to the next."""

import json
from urllib.parse import unquote

import numpy as np
import pytest
import xarray as xr
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell
from report_cases import (
    HOSTILE,
    add_collection,
    add_run,
    build,
    notebook,
    open_store,
    page_of,
    picture,
    read_page,
    run_key,
    write_record,
)
from sweep_page_cases import make_sweep

from happymaps.base.sweepable import sweepable
from happymaps_pages import site as site_module
from happymaps_pages.content.sweep_cards import SweepCard
from happymaps_pages.site import build_comparison, build_site
from happymaps_runs.store.functions import coerce_arguments, run_function
from happymaps_runs.store.identity import function_identity, key_of
from happymaps_runs.store.run_store import RunStore

DRAW = f"{__name__}:draw"
DRAWN = notebook(new_code_cell("draw()", outputs=[picture()]))


@sweepable
def draw(*, weight: float = 0.1, seed: int = 0) -> xr.Dataset:
    """Draw two maps, but none from seed 1 at weight 1."""
    if (weight, seed) == (1.0, 1):
        raise ArithmeticError("no")
    maps = np.random.default_rng(seed).normal(size=(2, 6, 8, 1)).astype(np.float32)
    image = (("unit", "y", "x", "color"), maps)
    return xr.Dataset({"score": weight + seed, "image": image})


def key_at(weight, seed):
    arguments = coerce_arguments(DRAW, {"weight": weight, "seed": seed})
    return key_of(function_identity(DRAW, arguments))


def add_sweep(root, name="tv", title="Which weight?", told=(), run=True):
    """Add a sweep of 2 x 2 points: one failed, and the last one is not run.

    `told` maps a point to the notebook's run that tells of it.
    """
    store, points = open_store(root), []
    for weight, seed in ((0.1, 0), (0.1, 1), (1.0, 1), (1.0, 2)):
        if run and seed < 2:
            run_function(store, DRAW, {"weight": weight, "seed": seed})
        key = key_at(weight, seed)
        page = run_key(dict(told)[weight, seed]) if (weight, seed) in told else key
        given = {"weight": weight, "seed": seed}
        points.append({"key": key, "page": page, "parameters": given})
    content = {"name": name, "title": title, "notebook": "", "function": DRAW}
    content |= {"parameters": {}, "axes": {}, "points": points, "created": "2026-11-20"}
    folder = store.root / "sweeps" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sweep.json").write_text(json.dumps(content))
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A report, two sweeps and single runs; tests only read it."""
    root = tmp_path_factory.mktemp("reports")
    told = {(0.1, 0): "told", (1.0, 1): "failed/told_too"}
    add_sweep(root, told=told)
    add_sweep(root, "again", "The same again")
    add_run(root, "told", DRAWN, call="sweep")
    error = {"kind": "cell error", "name": "ValueError", "message": "no", "cell": 3}
    add_run(root, "failed/told_too", status="failed", error=error, call="sweep")
    add_run(root, "replaced", call="report")
    add_run(root, "failed/stopped", status="failed", error={"kind": "interrupted"})
    started = "2026-11-20T10:00:0{}+00:00"
    add_run(root, "older", started=started.format(0), parameters={"seed": 5})
    add_run(root, "newer", DRAWN, started=started.format(1))
    add_collection(root, "faces", "one")
    add_run(root, "faces/one", DRAWN, call="report")
    build(root)
    return root


def hrefs(page, selector):
    return [link["href"] for link in page.select(selector)]


def test_every_link_of_a_store_resolves(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) == 8
    for page in pages:
        soup = BeautifulSoup(page.read_text(), "html.parser")
        for tag in soup.select("[href], [src]"):
            address = unquote(tag.get("href") or tag.get("src")).partition("#")[0]
            assert (page.parent / address).exists(), f"{page}: {address}"


def test_one_start_page_shows_reports_sweeps_and_single_runs(site):
    page = read_page(site)
    assert [section["id"] for section in page.select("section.collection")] == [
        "sweeps",
        "collection-faces",
        "collection-single-runs",
    ]
    links = hrefs(page, "#sweeps h3 a")
    assert links == ["store/sweeps/again/index.html", "store/sweeps/tv/index.html"]
    assert "2 of 4 done, 1 failed, 1 not run" in page.select_one("#sweeps").get_text()
    image = page.select("#sweeps img")[1]
    assert image["src"] == "store/sweeps/tv/cover.webp"
    assert image["alt"] == "Some maps of the sweep: Which weight?"
    assert hrefs(page, "#collection-faces h3 a") == [
        f"{page_of('faces/one')}/index.html"
    ]
    # Neither a sweep's runs nor one that a report has replaced.
    assert hrefs(page, "#collection-single-runs h3 a") == [
        f"{page_of(name)}/index.html" for name in ("newer", "older")
    ]
    assert "seed 5" in page.select_one("#collection-single-runs").get_text()
    assert not (site / "store/index.html").exists()


def test_a_point_is_told_by_its_notebook_and_they_link_to_each_other(site):
    link = read_page(site, "told").select_one(".part-of a")
    assert link["href"] == "../../store/sweeps/tv/index.html"
    failed = read_page(site, "failed/told_too")
    link = failed.select_one(".part-of a")
    assert link["href"] == "../../../store/sweeps/tv/index.html"
    assert failed.select_one(".trail").get_text() == "Which weight?"
    folder = site / "store/sweeps/tv"
    sweep = BeautifulSoup((folder / "index.html").read_text(), "html.parser")
    assert hrefs(sweep, ".all-runs a") == [f"../../{run_key('told')}/index.html"]
    assert read_page(site, "newer").select_one(".part-of") is None


def test_a_sweep_says_why_a_run_failed(site):
    page = (site / "store/sweeps/tv/index.html").read_text()
    listed = BeautifulSoup(page, "html.parser").select_one(".failed-list").get_text()
    assert "ArithmeticError: no" in listed


def stamps(root):
    return {p: p.stat().st_mtime_ns for p in root.rglob("*") if p.is_file()}


def refuse(*arguments, **options):
    raise AssertionError("nothing had changed")


def test_a_second_build_makes_nothing_anew(tmp_path, monkeypatch):
    add_sweep(tmp_path)
    add_run(tmp_path, "one", DRAWN)
    build(tmp_path)
    before = stamps(tmp_path)
    monkeypatch.setattr("happymaps_pages.html.kept_bodies.make_renderer", refuse)
    monkeypatch.setattr(site_module, "assemble", refuse)
    monkeypatch.setattr(site_module, "write_article", refuse)
    build(tmp_path)
    assert stamps(tmp_path) == before


def test_a_build_makes_anew_what_has_changed(tmp_path, monkeypatch):
    folder, other = add_sweep(tmp_path), add_sweep(tmp_path, "other", run=False)
    run = add_run(tmp_path, "one", DRAWN)
    build(tmp_path)
    before = (folder / "index.html").read_text()
    run_function(open_store(tmp_path), DRAW, {"weight": 1.0, "seed": 2})
    # The other one has another title from now on.
    add_sweep(tmp_path, "other", "Renamed", run=False)
    new = new_markdown_cell("Something *new*.")
    add_run(tmp_path, "two", notebook(new))
    write = (run / "notebook.ipynb").write_text
    write((run / "notebook.ipynb").read_text().replace("What does it", "Who does it"))
    write_record(run, {"status": "completed", "notebook": "one.ipynb"})
    build(tmp_path)
    assert (folder / "index.html").read_text() != before
    assert "3 of 4 done, 1 failed" in read_page(tmp_path).select_one("#sweeps").text
    assert "Renamed" in (other / "index.html").read_text()
    assert "Who does it see?" in read_page(tmp_path, "one").get_text()
    assert "Something new." in read_page(tmp_path, "two").get_text()


def test_other_code_of_the_pages_makes_all_of_them_anew(tmp_path, monkeypatch):
    folder = add_sweep(tmp_path)
    build(tmp_path)
    before = (folder / "summary.json").read_text()
    monkeypatch.setattr(site_module, "_maker", lambda: "other code")
    build(tmp_path)
    assert (folder / "summary.json").read_text() != before


@pytest.mark.parametrize(
    "damage", [{"files": ["../../../letter.txt"]}, {"contents": [1]}]
)
def test_a_kept_body_is_read_with_care(tmp_path, damage):
    add_run(tmp_path, "one", DRAWN)
    build(tmp_path)
    before = (tmp_path / page_of("one") / "index.html").read_text()
    (tmp_path / "letter.txt").write_text("dear")
    (path,) = (tmp_path / "_assets/bodies").iterdir()
    path.write_text(json.dumps(json.loads(path.read_text()) | damage))
    build(tmp_path)
    assert (tmp_path / page_of("one") / "index.html").read_text() == before
    assert "letter" not in (tmp_path / "_assets/manifest.json").read_text()


def test_a_sweep_that_is_gone_goes(tmp_path):
    folder, other = add_sweep(tmp_path), add_sweep(tmp_path, "other")
    build(tmp_path)
    (folder / "sweep.json").unlink()
    build(tmp_path)
    assert not folder.exists()
    assert (other / "index.html").is_file()
    assert len(read_page(tmp_path).select("#sweeps .card")) == 1


def test_a_sweep_that_cannot_be_shown_takes_nothing_down(tmp_path):
    folder = add_sweep(tmp_path)
    content = json.loads((folder / "sweep.json").read_text())
    content |= {"points": [], "title": HOSTILE}
    (folder / "sweep.json").write_text(json.dumps(content))
    add_run(tmp_path, "one")
    build(tmp_path)
    card = read_page(tmp_path).select_one("#sweeps .card-unreadable")
    assert card.h3.get_text() == HOSTILE
    assert card.select_one(".card-failure").get_text()
    assert not (folder / "index.html").exists()


def test_a_store_of_another_name_has_the_start_page_in_it(tmp_path):
    store = RunStore(tmp_path / "results")
    assert build_site(store) == tmp_path / "results/index.html"
    assert [path.name for path in tmp_path.iterdir()] == ["results"]


def test_a_start_page_takes_no_strange_files_place(tmp_path):
    (tmp_path / "index.html").write_text("mine")
    assert build_site(open_store(tmp_path)) == tmp_path / "store/index.html"
    assert (tmp_path / "index.html").read_text() == "mine"


def test_the_pages_that_an_older_version_left_in_the_store_go(tmp_path):
    store = open_store(tmp_path)
    (store.root / "_assets").mkdir()
    (store.root / "index.html").write_text("old")
    (store.root / "_assets/manifest.json").write_text('["index.html"]')
    build(tmp_path)
    assert [path.name for path in store.root.iterdir()] == ["store.json"]
    assert (tmp_path / "index.html").is_file()


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "a b"])
def test_a_name_that_is_no_folder_is_refused(tmp_path, name):
    maps = make_sweep().isel(layer=0, tv_weight=1, seed=[0])[["image", "score"]]
    with pytest.raises(ValueError, match=r"Expected a name.*Received"):
        build_comparison(open_store(tmp_path), name, maps, maps, ("one", "two"))


def test_a_comparison_is_listed_from_the_next_build_on_and_stays(tmp_path):
    store = open_store(tmp_path)
    maps = make_sweep().isel(layer=0, tv_weight=1, seed=[0])[["image", "score"]]
    page = build_comparison(store, "one-two", maps, maps, ("one", "<two>"))
    assert page == store.root / "comparisons/one-two/index.html"
    for tag in BeautifulSoup(page.read_text(), "html.parser").select("[src]"):
        assert (page.parent / tag["src"]).exists()
    for _ in range(2):
        build(tmp_path)
        (link,) = read_page(tmp_path).select("#comparisons a")
        assert link.get_text() == "one and <two>"
        assert link["href"] == "store/comparisons/one-two/index.html"
        assert page.is_file()


def test_a_comparison_of_an_older_version_is_left_out(tmp_path):
    folder = open_store(tmp_path).root / "comparisons" / "old"
    folder.mkdir(parents=True)
    (folder / "index.html").write_text('<script src="../../_assets/maps.js"></script>')
    build(tmp_path)
    assert read_page(tmp_path).select("#comparisons") == []


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


def spoil_result(store, folder):
    path = folder / "result.nc"
    path.write_bytes(path.read_bytes()[:300])


def spoil_record(store, folder, **changes):
    path = folder / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def spoil_list(content):
    def spoil(store, folder):
        (store.root / "sweeps" / "a" / "sweep.json").write_text(content)

    return spoil


def link_nowhere(name):
    def spoil(store, folder):
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to("/nowhere/at/all")

    return spoil


DAMAGES = {
    "result": spoil_result,
    "result gone": lambda store, folder: (folder / "result.nc").unlink(),
    "sums": lambda s, f: spoil_record(s, f, artefact_sha256=[1]),
    "a sum": lambda s, f: spoil_record(s, f, artefact_sha256={"result.nc": 5}),
    "status": lambda s, f: spoil_record(s, f, status=["completed"]),
    "error": lambda s, f: spoil_record(s, f, error="none"),
    "function": lambda s, f: spoil_record(s, f, function=7),
    "parameters": lambda s, f: spoil_record(s, f, parameters=[1], versions=3),
    "record": lambda s, f: (f / "run.json").write_text("[" * 100_000),
    "dead links": link_nowhere("run.json"),
    "dead result": link_nowhere("result.nc"),
    "dead page": link_nowhere("index.html"),
    "dead pictures": link_nowhere("figures"),
    "list": spoil_list("{"),
    "list of numbers": spoil_list('{"name": "a", "points": [1, 2]}'),
    "list of paths": spoil_list('{"name": "a", "points": [{"key": "../../b"}]}'),
    "list without axes": spoil_list(
        '{"name": "a", "points": [{"key": "00000000000000000000"}]}'
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_takes_no_other_page_down(tmp_path, capsys, damage):
    add_run(tmp_path, "c/mine")
    add_sweep(tmp_path, "a", "First?")
    add_sweep(tmp_path, "b", "Second?")
    store = open_store(tmp_path)
    # A result of the first sweep alone.
    run_function(store, DRAW, {"weight": 5.0, "seed": 5})
    path = store.root / "sweeps" / "a" / "sweep.json"
    content = json.loads(path.read_text())
    content["points"][0] |= {"key": key_at(5.0, 5), "page": key_at(5.0, 5)}
    path.write_text(json.dumps(content))
    DAMAGES[damage](store, store.folder(key_at(5.0, 5)))
    page = build_site(store)
    assert "Second?" in page.read_text()
    assert (store.root / "sweeps" / "b" / "index.html").is_file()
    said = capsys.readouterr().err
    if damage.startswith(("result", "dead result", "list")):
        assert "sweeps/a" in said or "First?" in said or "a has no page" in said
