"""Outputs too long for a page: their beginning and end, and where the rest is."""

from nbformat import NotebookNode
from nbformat.v4 import new_output

MOST_CHARACTERS = 200_000  # of a cell
MOST_OUTPUTS = 200
_PAGE_CHARACTERS = 1_000_000  # of all cells
_PAGE_OUTPUTS = 1000
_WHERE = "the whole of it is in notebook.ipynb, beside this page"
_TEXTS = ("text/plain", "text/html", "text/markdown", "text/latex")


def shorten_outputs(notebook: NotebookNode) -> None:
    """Shorten the texts of a notebook's outputs in place, so that its page opens."""
    cells = [cell for cell in notebook.cells if cell.get("outputs")]
    wanted = [min(len(cell.outputs), MOST_OUTPUTS) for cell in cells]
    for cell, most in zip(cells, _share_out(_PAGE_OUTPUTS, wanted), strict=True):
        _drop_middle(cell, max(2, most))
    lengths = [[_length(output) for output in cell.outputs] for cell in cells]
    wanted = [min(sum(each), MOST_CHARACTERS) for each in lengths]
    rooms = _share_out(_PAGE_CHARACTERS, wanted)
    for cell, room, each in zip(cells, rooms, lengths, strict=True):
        for output, most in zip(cell.outputs, _share_out(room, each), strict=True):
            _shorten_output(output, most)


def _share_out(room: int, wanted: list[int]) -> list[int]:
    """Return what each may have: what the others leave it, the least first."""
    shares = [0] * len(wanted)
    waiting = sorted(range(len(wanted)), key=wanted.__getitem__)
    for number, index in enumerate(waiting):
        shares[index] = min(wanted[index], room // (len(waiting) - number))
        room -= shares[index]
    return shares


def _drop_middle(cell: NotebookNode, most: int) -> None:
    outputs, left_out = cell.outputs, len(cell.outputs) - most
    if left_out > 0:
        note = f"\n[... {left_out} outputs are left out here: {_WHERE} ...]\n"
        between = new_output("stream", name="stdout", text=note)
        half = most // 2
        cell.outputs = [*outputs[:half], between, *outputs[half - most :]]


def _length(output: NotebookNode) -> int:
    texts = [output.get("text", ""), *output.get("traceback", [])]
    data = output.get("data", {})
    texts += [data[kind] for kind in _TEXTS if kind in data]
    return sum(map(len, texts))


def _shorten_output(output: NotebookNode, most: int) -> None:
    if _length(output) <= most:
        return
    if "text" in output:
        output.text = _shorten(output.text, most)
    if "traceback" in output:
        output.traceback = _shorten("\n".join(output.traceback), most).split("\n")
    data = output.get("data", {})
    for kind in _TEXTS[1:]:
        # A cut through HTML or a formula leaves no sense; the plain text has some.
        if len(data.get(kind, "")) > most // 2:
            del data[kind]
            data["text/plain"] = f"{data.get('text/plain', '')}\n[Cut: {_WHERE}.]"
    if "text/plain" in data:
        data["text/plain"] = _shorten(data["text/plain"], most)


def _shorten(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    half = most // 2
    left_out = f"{(len(text) - 2 * half) / 1e6:.1f} million characters"
    note = f"\n[... {left_out} are left out here: {_WHERE} ...]\n"
    return text[:half] + note + text[-half:]
