"""The cells of a notebook as the body of an article: HTML, contents, picture files."""

import copy
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bs4 import BeautifulSoup, Tag
from markupsafe import Markup
from nbconvert.exporters import HTMLExporter
from nbformat import NotebookNode
from traitlets.config import Config

from happymaps_pages.html.anatomy import is_parameter_cell, remove_header
from happymaps_pages.html.figures import (
    choose_cover,
    describe_pictures,
    make_thumbnail,
)
from happymaps_pages.html.long_outputs import shorten_outputs
from happymaps_pages.html.sanitize import (
    clean_fragment,
    hide_attachments,
    show_attachments,
)
from happymaps_pages.html.sounds import take_sounds
from happymaps_pages.html.svg import clean_svg

TEMPLATES = Path(__file__).parent / "templates"
COVER = "figures/cover.webp"
_OBJECT = re.compile(r"\[?<.*( at 0x[0-9a-f]+|Axes.*|Figure.*)>|Text\(.*\)", re.DOTALL)
_NUMBER = re.compile(r"[-+−]?[\d,. ]*\d(?:e[-+]?\d+)?\s?%?(?:\s?±.*)?|nan|NaN|-?inf|–")
_FINGERPRINT = re.compile(
    r"(?:.{1,80}: )?shape \d+(?:x\d+)*, mean \S+, standard deviation \S+, "
    r"total variation \S+"
)
_LEAD_INS = {"reading", "note", "caution", "result", "limits", "surprise"}
_EMPTY = Markup()


@dataclass(frozen=True)
class Heading:
    """A heading of the article, for its list of contents."""

    level: int
    anchor: str
    text: str


@dataclass(frozen=True)
class Body:
    """An article's cells, with the files of its pictures and sounds, by relative path.

    The file `COVER`, which stands on the card, is there if there is a picture;
    `cover_text` says what it shows.
    """

    html: Markup = _EMPTY
    contents: tuple[Heading, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    cover_text: str = ""


def make_renderer() -> Callable[[NotebookNode], Body]:
    """Return a function that renders notebooks; making it costs more than one page."""
    config = Config({"ExtractOutputPreprocessor": {"enabled": True}})
    exporter = HTMLExporter(
        config=config,
        template_name="notebook_body",
        extra_template_basedirs=[str(TEMPLATES)],
        exclude_anchor_links=True,
    )
    exporter.register_filter("safe_html", clean_fragment)
    exporter.register_filter("hide_attachments", hide_attachments)
    exporter.register_filter("show_attachments", show_attachments)
    exporter.register_filter("is_bare_object", _is_bare_object)
    return lambda notebook: _render(exporter, notebook)


def _render(exporter: HTMLExporter, notebook: NotebookNode) -> Body:
    notebook = copy.deepcopy(notebook)
    sounds = take_sounds(notebook)
    shorten_outputs(notebook)
    remove_header(notebook)
    notebook.cells = [cell for cell in notebook.cells if _is_shown(cell)]
    _clean_drawings(notebook)
    cover = choose_cover(describe_pictures(notebook))
    resources = {"unique_key": "figure", "output_files_dir": "figures"}
    html, resources = exporter.from_notebook_node(notebook, resources)
    soup = BeautifulSoup(html, "html.parser")
    contents = _anchor_headings(soup)
    _mark_sections(soup)
    _mark_lead_ins(soup)
    _mark_tables(soup)
    _fold_fingerprints(soup)
    # nbconvert leaves an empty string where no cell was visited.
    outputs = resources["outputs"] or {}
    files = {Path(name).as_posix(): data for name, data in outputs.items()} | sounds
    if cover is None:
        return Body(Markup(str(soup)), contents, files)
    files[COVER] = make_thumbnail(cover.data)
    return Body(Markup(str(soup)), contents, files, f"Figure: {cover.alt}")


def _clean_drawings(notebook: NotebookNode) -> None:
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            drawing = output.get("data", {}).pop("image/svg+xml", None)
            clean = clean_svg("".join(drawing)) if drawing else None
            if clean:
                output.data["image/svg+xml"] = clean


def _is_shown(cell: NotebookNode) -> bool:
    """Return whether a cell belongs in the article.

    Papermill marks a failing notebook with cells of its own; the page has a banner.
    """
    tags = " ".join(cell.metadata.get("tags") or ())
    return not is_parameter_cell(cell) and "papermill-error" not in tags


def _is_bare_object(text: str) -> bool:
    """Return whether a result is only the name Python gives an object it drew."""
    return bool(_OBJECT.fullmatch(text.strip()))


def _anchor_headings(soup: BeautifulSoup) -> tuple[Heading, ...]:
    """Give each heading an address, in Jupyter's form so that links written there work.

    The page's title is the only `h1`.
    """
    found, taken = [], {}
    for tag in soup.find_all(re.compile(r"^h[1-6]$")):
        tag.name = "h2" if tag.name == "h1" else tag.name
        anchor = re.sub(r"\s+", "-", tag.get_text().strip()) or "section"
        taken[anchor] = taken.get(anchor, 0) + 1
        tag["id"] = anchor if taken[anchor] == 1 else f"{anchor}-{taken[anchor]}"
        found.append(Heading(int(tag.name[1]), tag["id"], tag.get_text().strip()))
    return tuple(heading for heading in found if heading.level <= 3)


def _mark_sections(soup: BeautifulSoup) -> None:
    for section in soup.select("section.prose"):
        heading = section.find("h2")
        name = heading.get_text().strip().lower() if heading else ""
        if name in {"conclusion", "references"}:
            section["class"] = ["prose", name]


def _mark_lead_ins(soup: BeautifulSoup) -> None:
    """Mark paragraphs that open with `**Reading.**` and the like."""
    for strong in soup.select("p > strong:first-child"):
        before = strong.previous_sibling
        name = strong.get_text().strip(" .:").lower()
        if name in _LEAD_INS and not (before and str(before).strip()):
            strong.parent["class"] = ["lead-in", f"lead-in-{name}"]


def _fold_fingerprints(soup: BeautifulSoup) -> None:
    """Fold outputs that only tell tests what a figure shows, below the figure."""
    for cell in soup.select("section.cell"):
        outputs = [
            output
            for output in cell.find_all("pre", class_="output", recursive=False)
            if all(map(_FINGERPRINT.fullmatch, output.get_text().strip().split("\n")))
        ]
        if not outputs:
            continue
        folded = soup.new_tag("details", attrs={"class": "messages fingerprint"})
        title = soup.new_tag("summary")
        title.string = "Fingerprint of the figure"
        text = soup.new_tag("pre", attrs={"class": "output"})
        text.string = "\n".join(each.get_text().strip() for each in outputs)
        folded.extend([title, text])
        figures = cell.find_all("figure", class_="picture", recursive=False)
        (figures or outputs)[-1].insert_after(folded)
        for output in outputs:
            output.decompose()


def _mark_tables(soup: BeautifulSoup) -> None:
    """Let wide tables scroll by themselves, and set numbers flush right."""
    for number, table in enumerate(soup.find_all("table"), start=1):
        _join_header(table)
        frame = soup.new_tag(
            "div",
            attrs={
                "class": "table-scroll",
                "tabindex": "0",
                "role": "region",
                "aria-label": f"Table {number}",
            },
        )
        table.wrap(frame)
        _align_columns(table)


def _join_header(table: Tag) -> None:
    """Put the names of a pandas index beside the names of the columns.

    pandas gives them a row of their own, empty where the other row is not.
    """
    rows = table.select("thead tr")
    cells = [row.find_all("th", recursive=False) for row in rows]
    if len(rows) != 2 or len(cells[0]) != len(cells[1]) or table.select("[colspan]"):
        return
    texts = [[cell.get_text().strip() for cell in row] for row in cells]
    pairs = list(zip(*texts, strict=True))
    if sum(all(pair) for pair in pairs) <= 1:
        for cell, (above, below) in zip(cells[0], pairs, strict=True):
            cell.string = " / ".join(name for name in (below, above) if name)
        rows[1].decompose()


def _align_columns(table: Tag) -> None:
    rows = [row.find_all(["td", "th"], recursive=False) for row in table("tr")]
    body = [row for row in rows if row and row[-1].name == "td"]
    # Counted from the right: row labels on the left may span several columns.
    for column in range(1, max(map(len, rows), default=0) + 1):
        cells = [row[-column] for row in body if len(row) >= column]
        values = [cell.get_text().strip() for cell in cells if cell.name == "td"]
        if not values or not all(_NUMBER.fullmatch(value) for value in values if value):
            continue
        for row in rows:
            if len(row) >= column and (row[-column].name == "td" or row not in body):
                row[-column]["class"] = [*row[-column].get("class", []), "number"]
