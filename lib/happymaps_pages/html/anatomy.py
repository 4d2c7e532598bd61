"""The parts of a notebook that the report shows in a place of their own."""

import re
from dataclasses import dataclass

from nbformat import NotebookNode

from happymaps_runs.notebooks.notebooks import cell_tags
from happymaps_runs.notebooks.parameters import declared_parameters

_TITLE = re.compile(r"^#[ \t]+(.+?)[ \t#]*$", re.MULTILINE)
_PART = re.compile(
    r"^\*\*(Question|Answer|Prediction)[.:]?\*\*[.:]?[ \t]*"
    r"(.+?)(?=\n\s*\n|\n\*\*[A-Z]\w+[.:]?\*\*|\Z)",
    re.MULTILINE | re.DOTALL,
)
_PARAMETER_TAGS = {"parameters", "injected-parameters"}


@dataclass(frozen=True)
class Anatomy:
    """Title, question, answer and prediction as Markdown; empty where absent."""

    title: str = ""
    question: str = ""
    answer: str = ""
    prediction: str = ""


@dataclass(frozen=True)
class Parameter:
    """A value of the run, its help text, and the notebook's default where known."""

    name: str
    value: object
    help: str = ""
    is_default: bool = True
    default: object = None


def read_anatomy(notebook: NotebookNode) -> Anatomy:
    """Return the parts that the first Markdown cell names."""
    source = next((c.source for c in notebook.cells if c.cell_type == "markdown"), "")
    title = _TITLE.search(source)
    parts = {name.lower(): text.strip() for name, text in _PART.findall(source)}
    return Anatomy(title=title.group(1) if title else "", **parts)


def remove_header(notebook: NotebookNode) -> None:
    """Take the title and the named parts out of `notebook`, a copy to be rendered."""
    cell = next((c for c in notebook.cells if c.cell_type == "markdown"), None)
    if cell is None:
        return
    cell.source = _PART.sub("", _TITLE.sub("", cell.source, count=1)).strip()
    if not cell.source:
        notebook.cells.remove(cell)


def read_parameters(notebook: NotebookNode | None, values: dict) -> list[Parameter]:
    """Return the parameters of a run in the notebook's order.

    Args:
        notebook: The executed notebook, whose cell tagged `parameters` tells defaults
            and help texts; None when there is none to read.
        values: The values of the run by name; they win over the defaults.
    """
    try:
        known = declared_parameters(notebook, "") if notebook else {}
    except ValueError:  # without such a cell, or with another form of it
        known = {}
    merged = {name: each.default for name, each in known.items()} | values
    return [
        Parameter(
            name,
            value,
            known[name].help if name in known else "",
            name not in known or known[name].default == value,
            known[name].default if name in known else None,
        )
        for name, value in merged.items()
    ]


def is_parameter_cell(cell: NotebookNode) -> bool:
    """Return whether the chips above the article already show this cell."""
    return not _PARAMETER_TAGS.isdisjoint(cell_tags(cell))
