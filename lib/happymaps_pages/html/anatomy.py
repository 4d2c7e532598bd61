"""The parts of a notebook that the report shows in a place of their own."""

import ast
import io
import re
import tokenize
from dataclasses import dataclass

from nbformat import NotebookNode

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


def cell_tags(cell: NotebookNode) -> set[str]:
    """Return the tags of a cell."""
    return set(cell.metadata.get("tags") or ())


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
    defaults, helps = {}, {}
    for cell in notebook.cells if notebook else []:
        if "parameters" in cell_tags(cell):
            defaults |= _literals(cell.source)
            helps |= _comments(cell.source)
    merged = defaults | values
    return [
        Parameter(
            name,
            value,
            helps.get(name, ""),
            defaults.get(name, value) == value,
            defaults.get(name),
        )
        for name, value in merged.items()
    ]


def _literals(source: str) -> dict[str, object]:
    found = {}
    try:
        statements = ast.parse(source).body
    except SyntaxError:
        return found
    for node in statements:
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        if isinstance(node, ast.AnnAssign):
            target = node.target
        if isinstance(target, ast.Name) and node.value is not None:
            try:
                found[target.id] = ast.literal_eval(node.value)
            except ValueError:
                continue
    return found


def _comments(source: str) -> dict[str, str]:
    """Return the comment at the end of each line that starts with a name."""
    found = {}
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    except (tokenize.TokenError, SyntaxError):
        return found
    for token in tokens:
        name = re.match(r"\w+", token.line)
        if token.type == tokenize.COMMENT and name:
            found[name.group()] = token.string.lstrip("# ")
    return found


def is_parameter_cell(cell: NotebookNode) -> bool:
    """Return whether the chips above the article already show this cell."""
    return bool(cell_tags(cell) & _PARAMETER_TAGS)
