"""The whole site of a store: reports, sweeps and single runs, on one start page.

index.html                    the start page
store/<key>/index.html        the article of an executed notebook; failed/<key>/ too
store/sweeps/<name>/          see `happymaps_pages.pages.sweep_page`
store/comparisons/<name>/     see `happymaps_pages.pages.compare_page`

What has not changed since the last build is not made anew. Never imports Keras or
TensorFlow.
"""

import functools
import hashlib
import json
import re
import textwrap
from pathlib import Path, PurePosixPath
from urllib.parse import quote

import xarray as xr

from happymaps_pages.content.article import Article, read_article, read_failure
from happymaps_pages.content.runs import Collection, Library, read_json, tell
from happymaps_pages.content.sections import Section
from happymaps_pages.content.sweep_cards import (
    SUMMARY,
    SweepCard,
    make_card,
    sort_cards,
)
from happymaps_pages.html.assets import asset_files
from happymaps_pages.html.kept_bodies import KeptBodies
from happymaps_pages.pages.article_page import write_article
from happymaps_pages.pages.compare_page import compare_files
from happymaps_pages.pages.gallery import write_gallery
from happymaps_pages.pages.sweep_page import sweep_files
from happymaps_pages.publish import MANIFEST, add_files, publish_files, remove_site
from happymaps_runs.store.opening import assemble
from happymaps_runs.store.run_store import RunStore

_STORE = "store"
_PAGES = "_assets/pages.json"  # what each article's page was made from
_MOST_LETTERS = 500  # of a failure, which thousands of points can have
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,99}")


def build_site(store: RunStore) -> Path:
    """Build the site of a store.

    The start page of a store in a folder `store` lies beside that, else in the store.
    Pages of runs that are gone are removed; everything else in the folder stays as it
    is. A run that cannot be read is listed with the reason.

    Args:
        store: The store; made if it is not there.

    Returns:
        The start page.
    """
    store.create()
    root = site_root(store)
    if root != store.root:
        remove_site(store.root)  # of an older HappyMaps
    library, bodies = Library(store, root), KeptBodies(root, _maker())
    read: dict[str, Article] = {}

    def make_section(collection: Collection) -> Section:
        runs = {run.path: run for run in collection.runs}
        for path, run in runs.items():
            read[path] = read.get(path) or read_article(run, bodies)
        return Section(collection, tuple(read[path] for path in runs))

    shown = [make_section(each) for each in library.reports()]
    single = make_section(library.single_runs())
    shown += [single] if single.articles else []
    sweeps = [make_section(each) for each in library.sweeps()]
    files, kept, cards = asset_files(), [], []
    for section in sweeps:
        folder = f"{library.prefix}sweeps/{_check_name(section.collection.name)}"
        made, card = _sweep_page(library, root, section, folder)
        files |= made
        kept += [] if made else [folder]
        cards.append(card)
    parts = _find_parts(sweeps, cards)
    made, unchanged = _article_pages(root, [*shown, *sweeps], parts)
    files |= made
    kept += unchanged
    comparisons = _find_comparisons(root, library.prefix)
    files["index.html"] = write_gallery(shown, sort_cards(cards), comparisons)
    publish_files(root, files | bodies.files, kept=[*kept, *bodies.kept])
    return root / "index.html"


def site_root(store: RunStore) -> Path:
    """Return the folder of the site that shows a store."""
    above = store.root.parent
    is_ours = (above / MANIFEST).is_file() or not (above / "index.html").exists()
    return above if store.root.name == _STORE and is_ours else store.root


def build_comparison(
    store: RunStore,
    name: str,
    left: xr.Dataset,
    right: xr.Dataset,
    names: tuple[str, str],
) -> Path:
    """Build the page of two sets of maps in the store's folder.

    The start page lists it from its next build on.

    Args:
        store: The store; made if it is not there.
        name: Of the page's folder below `comparisons`.
        left: As in `happymaps_pages.pages.compare_page.compare_files`.
        right: The same.
        names: What the two are called.

    Returns:
        The page, `<store>/comparisons/<name>/index.html`.

    Raises:
        ValueError: A name that cannot be a folder's, or maps as in `compare_files`.
    """
    store.create()
    root = site_root(store)
    folder = f"{Library(store, root).prefix}comparisons/{_check_name(name)}"
    files = compare_files(left, right, names, folder)
    summary = {"title": " and ".join(names)}
    files[f"{folder}/{SUMMARY}"] = json.dumps(summary, ensure_ascii=False).encode()
    add_files(root, asset_files() | files)
    return root / folder / "index.html"


def _check_name(name: object) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(
            "Expected a name of letters, digits, '_', '.' and '-' that starts with a "
            f"letter or digit. Received: {name!r}."
        )
    return name


@functools.cache
def _maker() -> str:
    """Return what the code of the pages is known by."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            digest.update(f"{path.name}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _sweep_page(
    library: Library, root: Path, section: Section, folder: str
) -> tuple[dict[str, bytes], SweepCard]:
    """Return a sweep's page, nothing where it is as it would be, and its card."""
    record, store = section.collection.record, library.store
    links = {article.run.folder.name for article in section.pages}
    reasons = _read_reasons(store, record)
    made_from = _fingerprint(store, record, [sorted(links), reasons])
    summary = root / folder / SUMMARY
    is_there = (summary.parent / "index.html").is_file()
    if is_there and read_json(summary).get("made_from") == made_from:
        return {}, make_card(summary.read_bytes(), folder)
    try:
        assembled = assemble(store, record)
        for key, reason in json.loads(assembled.attrs["damaged"]).items():
            tell(f"{section.title}: {store.folder(key)} is left out: {reason}.")
        files = sweep_files(
            assembled,
            folder,
            link_keys=links,
            failures=reasons,
            made_from=made_from,
        )
    # One sweep must not take the whole site down, whatever is wrong with its results.
    except Exception as error:
        problem = str(error) if isinstance(error, ValueError) else repr(error)
        tell(f"{section.title} has no page: {problem}")
        return {}, SweepCard(section.title, folder, {}, problem=problem)
    return files, make_card(files[f"{folder}/{SUMMARY}"], folder)


def _fingerprint(store: RunStore, record: dict, shown: list) -> str:
    """Return what a sweep's page depends on, as a sha256."""
    runs = [store.find(point["key"]) or {} for point in record["points"]]
    results = [run.get("artefact_sha256") for run in runs]
    lasting = {name: value for name, value in record.items() if name != "created"}
    return _digest([_maker(), lasting, results, shown])


def _digest(content: list) -> str:
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _read_reasons(store: RunStore, record: dict) -> dict[str, str]:
    """Return why each failed run of a sweep failed, one line."""
    reasons = {}
    for point in record["points"]:
        for key in {point["key"], point.get("page") or point["key"]}:
            if found := store.find_failure(key):
                failure = read_failure(found)
                place = f" ({failure.place})" if failure.place else ""
                headline = textwrap.shorten(failure.headline, _MOST_LETTERS)
                reasons[key] = f"{headline}{place}"
    return reasons


def _find_parts(
    sweeps: list[Section], cards: list[SweepCard]
) -> dict[str, list[SweepCard]]:
    """Return the sweeps that each article is part of, by its path."""
    parts: dict[str, list[SweepCard]] = {}
    for section, card in zip(sweeps, cards, strict=True):
        for article in section.pages:
            parts.setdefault(article.run.path, []).append(card)
    return parts


def _article_pages(
    root: Path, sections: list[Section], parts: dict[str, list[SweepCard]]
) -> tuple[dict[str, bytes], list[str]]:
    """Return the page of each article, in the first section that has it.

    Beside them the folders of those that are as they would be.
    """
    earlier, made_from = read_json(root / _PAGES), {}
    files: dict[str, bytes] = {}
    kept: list[str] = []
    for section in sections:
        shared = _digest([_maker(), *section.described])
        for article in section.pages:
            path, part_of = article.run.path, parts.get(article.run.path, [])
            if path in made_from:
                continue
            shown = [article.run.record, [(c.title, c.folder) for c in part_of]]
            made_from[path] = _digest([shared, article.run.problem, *shown])
            is_there = (root / path / "index.html").is_file()
            if is_there and earlier.get(path) == made_from[path]:
                kept.append(path)
                continue
            page = write_article(section, article, part_of)
            files[f"{path}/index.html"] = page
            files |= {f"{path}/{k}": data for k, data in article.body.files.items()}
    return files | {_PAGES: json.dumps(made_from).encode()}, kept


def _find_comparisons(root: Path, prefix: str) -> list[tuple[str, str]]:
    """Return title and address of each comparison, the newest first.

    One that an older HappyMaps has made does not find its style, and is left out.
    """
    assets = "../" * len(PurePosixPath(f"{prefix}comparisons/name").parts) + "_assets/"
    pages = sorted(
        root.glob(f"{prefix}comparisons/*/index.html"),
        key=lambda page: (-page.stat().st_mtime, page),
    )
    found = []
    for page in pages:
        if assets not in page.read_text(encoding="utf-8"):
            continue
        title = str(read_json(page.parent / SUMMARY).get("title") or page.parent.name)
        found.append((title, quote(page.relative_to(root).as_posix())))
    return found
