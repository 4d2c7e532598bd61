"""Outputs too long for a page: their beginning and end, and where the rest is."""

from nbformat import NotebookNode
from nbformat.v4 import new_output

MOST_CHARACTERS = 200_000  # of a cell
MOST_OUTPUTS = 200
_WHERE = "the whole of it is in notebook.ipynb, beside this page"
_TEXTS = ("text/plain", "text/html", "text/markdown", "text/latex")


def shorten_outputs(notebook: NotebookNode) -> None:
    """Shorten the texts of a notebook's outputs in place, so that its page opens."""
    for cell in notebook.cells:
        outputs = cell.get("outputs", [])
        if len(outputs) > MOST_OUTPUTS:
            half, left_out = MOST_OUTPUTS // 2, len(outputs) - MOST_OUTPUTS
            note = f"\n[... {left_out} outputs are left out here: {_WHERE} ...]\n"
            between = new_output("stream", name="stdout", text=note)
            cell.outputs = outputs = [*outputs[:half], between, *outputs[-half:]]
        # Each may have what the others leave it, the shortest first.
        room, waiting = MOST_CHARACTERS, sorted(outputs, key=_length)
        for number, output in enumerate(waiting):
            share = room // (len(waiting) - number)
            _shorten_output(output, share)
            room -= min(share, _length(output))


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
