"""Sounds of a notebook: taken out of its outputs, to lie beside the page as files."""

import base64
import re

from bs4 import BeautifulSoup
from nbformat import NotebookNode

_DATA = re.compile(r"data:audio/wav;base64,([A-Za-z0-9+/=]+)")
_FILE = re.compile(r"figures/sound_\d+\.wav")
_WAVE = (b"RIFF", b"WAVE")


def take_sounds(notebook: NotebookNode) -> dict[str, bytes]:
    """Replace the sounds in a notebook's HTML outputs by files, and return these.

    Args:
        notebook: The copy to be rendered, in which outputs of `IPython.display.Audio`
            give way to the address of a file.

    Returns:
        WAV files by their path beside the page. What is no WAV file stays where it is,
        and is cut away with the rest that no page may hold.
    """
    found: dict[str, bytes] = {}

    def take(match: re.Match) -> str:
        try:
            content = base64.b64decode(match[1], validate=True)
        except ValueError:
            return match[0]
        if (content[:4], content[8:12]) != _WAVE:
            return match[0]
        name = f"figures/sound_{len(found)}.wav"
        found[name] = content
        return name

    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            html = output.get("data", {}).get("text/html", "")
            if "<audio" in html:
                output.data["text/html"] = _DATA.sub(take, html)
    return found


def is_sound(address: str) -> bool:
    """Return whether an address is that of a file as `take_sounds` names them."""
    return bool(_FILE.fullmatch(address))


def join_sources(html: str) -> str:
    """Return HTML whose sounds name their file themselves, not in a part of theirs."""
    soup = BeautifulSoup(html, "html.parser")
    for number, audio in enumerate(soup.find_all("audio"), 1):
        parts = [audio, *audio.find_all("source")]
        addresses = [str(part["src"]) for part in parts if part.get("src")]
        audio.clear()
        audio.attrs = {"controls": "", "aria-label": f"Sound {number}"}
        if addresses and is_sound(addresses[0]):
            audio["src"] = addresses[0]
        else:
            audio.decompose()
    return str(soup)
