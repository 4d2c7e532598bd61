"""The site of a store: pages of sweeps, of runs with a notebook, of comparisons.

index.html                    sweeps, newest runs, comparisons
sweeps/<name>/index.html      see `happymaps_pages.pages.sweep_page`
<key>/, failed/<key>/         the article of an executed notebook
comparisons/<name>/           see `happymaps_pages.pages.compare_page`
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import xarray as xr

from happymaps_pages.content.article import COVER, Article, read_article, read_failure
from happymaps_pages.content.runs import Collection, Run, read_json, read_run
from happymaps_pages.content.sections import Section
from happymaps_pages.content.sweep_cards import (
    SUMMARY,
    SweepCard,
    make_card,
    sort_cards,
)
from happymaps_pages.content.sweep_data import read_sweep
from happymaps_pages.html.assets import asset_files
from happymaps_pages.html.body import make_renderer
from happymaps_pages.pages.article_page import write_article
from happymaps_pages.pages.compare_page import compare_files
from happymaps_pages.pages.gallery import count_statuses
from happymaps_pages.pages.sweep_page import run_paths, sweep_files
from happymaps_pages.pages.templating import render_page
from happymaps_pages.publish import MANIFEST, add_files, publish_files

_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,99}")
_NUM_NEWEST = 60
_OWN_FOLDERS = {"_assets", "failed", "figures", "sweeps"}


def build_store_site(
    store: Path, sweeps: Sequence[tuple[xr.Dataset, dict[str, object]]]
) -> Path:
    """Build the site of a store, in the store's folder.

    Args:
        store: The folder with `store.json`: `<key>/run.json`, `failed/<key>/run.json`.
        sweeps: Each as `happymaps_runs.store` opens it, with the content of its
            `sweep.json`, whose `name` and `title` win over the data set's.

    Returns:
        The start page, `<store>/index.html`.

    Raises:
        ValueError: A sweep without a name that can be a folder's, or without `status`.
    """
    store = Path(store).resolve()
    section = _read_runs(store)
    pages = {article.run.path for article in section.pages}
    reasons = _read_reasons(store)
    files, cards, parts = asset_files(), [], {}
    for sweep, record in sweeps:
        name = _check_name(record.get("name") or sweep.attrs.get("name"))
        folder = f"sweeps/{name}"
        paths = set(run_paths(read_sweep(sweep))) & pages
        title = record.get("title") or sweep.attrs.get("title", "")
        keys = {path.removeprefix("failed/") for path in paths}
        sweep = sweep.assign_attrs(name=name, title=title)
        made = sweep_files(sweep, folder, link_keys=keys, failures=reasons)
        cards.append(make_card(made[f"{folder}/{SUMMARY}"], folder))
        for path in paths:
            parts.setdefault(path, []).append(cards[-1])
        files |= made
    for article in section.pages:
        path = article.run.path
        page = write_article(section, article, parts.get(path, ()))
        files[f"{path}/index.html"] = page
        files |= {f"{path}/{k}": data for k, data in article.body.files.items()}
    comparisons = _find_comparisons(store)
    above = (store.parent / MANIFEST).is_file()
    files["index.html"] = _write_start(section, sort_cards(cards), comparisons, above)
    publish_files(store, files)
    return store / "index.html"


def build_comparison(
    store: Path, name: str, left: xr.Dataset, right: xr.Dataset, names: tuple[str, str]
) -> Path:
    """Build the page of two sets of maps in the store's folder.

    The store's start page lists it from its next build on.

    Args:
        store: The folder with `store.json`.
        name: Of the page's folder below `comparisons`.
        left: As in `happymaps_pages.pages.compare_page.compare_files`.
        right: The same.
        names: What the two are called.

    Returns:
        The page, `<store>/comparisons/<name>/index.html`.

    Raises:
        ValueError: A name that cannot be a folder's, or maps as in `compare_files`.
    """
    folder = f"comparisons/{_check_name(name)}"
    files = compare_files(left, right, names, folder)
    summary = {"title": " and ".join(names)}
    files[f"{folder}/{SUMMARY}"] = json.dumps(summary, ensure_ascii=False).encode()
    add_files(Path(store).resolve(), asset_files() | files)
    return Path(store).resolve() / folder / "index.html"


def _check_name(name: object) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(
            "Expected a name of letters, digits, '_', '.' and '-' that starts with a "
            f"letter or digit. Received: {name!r}."
        )
    return name


def _read_runs(store: Path) -> Section:
    """Return the runs that hold an executed notebook, the newest first."""
    runs = [
        read_run(store, folder)
        for folder in _run_folders(store)
        if (folder / "notebook.ipynb").is_file()
    ]
    runs.sort(key=_started, reverse=True)
    render = make_renderer()
    articles = tuple(read_article(run, render) for run in runs)
    return Section(Collection("runs", {}, tuple(runs)), articles)


def _run_folders(store: Path) -> list[Path]:
    found = [*store.glob("*/run.json"), *store.glob("failed/*/run.json")]
    return sorted(
        path.parent
        for path in found
        if path.parent.name not in _OWN_FOLDERS and path.parent.name[0] != "."
    )


def _started(run: Run) -> tuple[str, str]:
    return str(run.record.get("started") or ""), run.stem


def _read_reasons(store: Path) -> dict[str, str]:
    """Return why each failed run failed, one line."""
    reasons = {}
    for path in store.glob("failed/*/run.json"):
        record, problem = read_json(path)
        failure = read_failure(record)
        place = f" ({failure.place})" if failure.place else ""
        reasons[path.parent.name] = problem or f"{failure.headline}{place}"
    return reasons


def _find_comparisons(store: Path) -> list[tuple[str, str]]:
    """Return title and address of each comparison, the newest first."""
    pages = sorted(
        store.glob("comparisons/*/index.html"), key=lambda p: (-p.stat().st_mtime, p)
    )
    found = []
    for page in pages:
        summary, _ = read_json(page.parent / SUMMARY)
        title = str(summary.get("title") or page.parent.name)
        found.append((title, quote(page.relative_to(store).as_posix())))
    return found


def _write_start(
    section: Section,
    cards: list[SweepCard],
    comparisons: list[tuple[str, str]],
    has_site_above: bool,
) -> bytes:
    newest: tuple[Article, ...] = section.articles[:_NUM_NEWEST]
    shown = Section(section.collection, newest)
    return render_page(
        "store.html.j2",
        section=section,
        sweeps=cards,
        has_site_above=has_site_above,
        newest=newest,
        comparisons=comparisons,
        num_pages=len(section.articles),
        statuses=count_statuses([shown], cards),
        cover=COVER,
        root="",
    )
