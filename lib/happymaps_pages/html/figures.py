"""Pictures of a notebook: sizes, descriptions, and the one that stands on the card."""

import base64
import io
import re
from dataclasses import dataclass

from nbformat import NotebookNode
from PIL import Image, ImageChops

from happymaps_runs.notebooks.notebooks import cell_tags

THUMBNAIL_PIXELS = 400
_WIDEST, _TALLEST = 2.2, 0.8  # width by height of what a card shows whole
_RASTER = ("image/png", "image/jpeg")
_HEADING = re.compile(r"^#{1,6}[ \t]+(.+?)[ \t#]*$", re.MULTILINE)
_MARKUP = re.compile(r"[*`$]|\[([^\]]*)\]\([^)]*\)")


@dataclass(frozen=True)
class Picture:
    """A raster output: its bytes, area in pixels, whether it was chosen, its text."""

    data: bytes
    area: int
    is_cover: bool
    alt: str = ""


def describe_pictures(notebook: NotebookNode) -> list[Picture]:
    """Write size and description of every picture into its output's metadata.

    The description is the output's or the cell's own `alt`; without one, the heading
    above, numbered from the second picture under it on.

    Args:
        notebook: The copy to be rendered; its output metadata is replaced.

    Returns:
        The raster pictures in reading order.
    """
    pictures, heading, count = [], "", 0
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            headings = _HEADING.findall(cell.source)
            if headings:
                heading, count = _plain(headings[-1]), 0
        for output in cell.get("outputs", []):
            if not any(kind.startswith("image/") for kind in output.get("data", {})):
                continue
            count += 1
            fallback = (heading or "Result") + (f", figure {count}" * (count > 1))
            pictures += _describe(cell, output, fallback)
    return pictures


def choose_cover(pictures: list[Picture]) -> Picture | None:
    """Return the most telling picture: the one marked `cover`, else the largest."""
    if not pictures:
        return None
    return max(pictures, key=lambda each: (each.is_cover, each.area))


def make_thumbnail(data: bytes) -> bytes:
    """Return a picture without its white margin, at most 400 pixels, as WebP.

    Of a very wide or tall sheet only the left or upper part, which stays legible.
    """
    with Image.open(io.BytesIO(data)) as source:
        flat = Image.new("RGBA", source.size, "white")
        flat.alpha_composite(source.convert("RGBA"))
    image = flat.convert("RGB")
    border = Image.new("RGB", image.size, image.getpixel((0, 0)))
    image = image.crop(ImageChops.difference(image, border).getbbox())
    image = _crop_sheet(image)
    image.thumbnail((THUMBNAIL_PIXELS, THUMBNAIL_PIXELS), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    image.save(stream, "WEBP", quality=86, method=4)
    return stream.getvalue()


def _crop_sheet(image: Image.Image) -> Image.Image:
    width, height = image.size
    if width / height > _WIDEST:
        width = round(height * 16 / 9)
    elif width / height < _TALLEST:
        height = round(width * 3 / 4)
    return image.crop((0, 0, width, height))


def _describe(cell: NotebookNode, output: NotebookNode, fallback: str) -> list[Picture]:
    given = output.get("metadata", {})
    own = {**given, **next((given[k] for k in output.data if k in given), {})}
    alt = own.get("alt") or cell.metadata.get("alt") or fallback
    tags = {*cell_tags(cell), *(own.get("tags") or ())}
    # Names given by the notebook would decide where a file is written.
    output.metadata = NotebookNode(alt=str(alt))
    kind = next((kind for kind in _RASTER if kind in output.data), None)
    if kind is None:
        return []
    data = base64.b64decode(output.data[kind])
    with Image.open(io.BytesIO(data)) as image:
        width, height = image.size
    shown = own.get("width") if isinstance(own.get("width"), int) else width
    output.metadata.update(width=shown, height=round(height * shown / width))
    is_cover = "cover" in tags or bool(own.get("cover"))
    return [Picture(data, width * height, is_cover, str(alt))]


def _plain(markdown: str) -> str:
    return _MARKUP.sub(lambda match: match.group(1) or "", markdown).strip()
