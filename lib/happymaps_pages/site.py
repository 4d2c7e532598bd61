"""The whole site: every run a page, every collection a section of the start page.

`build_site(root) -> root/index.html`. Only reads what the runs left behind; never
imports Keras or TensorFlow.
"""

from pathlib import Path

from happymaps_pages.content.article import read_article
from happymaps_pages.content.runs import find_collections
from happymaps_pages.content.sections import Section
from happymaps_pages.content.sweep_cards import find_sweep_cards
from happymaps_pages.html.assets import asset_files
from happymaps_pages.html.body import make_renderer
from happymaps_pages.pages.article_page import write_article
from happymaps_pages.pages.gallery import write_gallery
from happymaps_pages.publish import publish_files


def build_site(root: Path) -> Path:
    """Build the site of all runs below a folder, in that folder.

    Runs of a store (a folder with `store.json`) have pages of the store's own, see
    `happymaps_pages.store_site`; its sweeps are listed and linked.

    Pages of runs that are gone are removed; everything else in the folder stays as it
    is. A run that cannot be read is listed with the reason.

    Args:
        root: The folder the runner writes to, created when it is absent.

    Returns:
        The start page.
    """
    root = Path(root).resolve()
    root.mkdir(parents=True, exist_ok=True)
    sections = _read_sections(root)
    files = asset_files()
    for section in sections:
        for article in section.pages:
            path = article.run.path
            files[f"{path}/index.html"] = write_article(section, article)
            files |= {f"{path}/{k}": data for k, data in article.body.files.items()}
    files["index.html"] = write_gallery(sections, find_sweep_cards(root))
    publish_files(root, files)
    return root / "index.html"


def _read_sections(root: Path) -> list[Section]:
    render = make_renderer()
    return [
        Section(each, tuple(read_article(run, render) for run in each.runs))
        for each in find_collections(root)
    ]
