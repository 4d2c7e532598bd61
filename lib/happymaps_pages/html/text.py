"""Values as a reader wants to see them: dates, durations, numbers, names, prose."""

import datetime
import math
import re
from pathlib import PurePosixPath

from markupsafe import Markup
from nbconvert.filters import markdown2html

from happymaps_pages.html.sanitize import clean_fragment

NO_BREAK = "\u00a0"
_SHARE = re.compile(r"(\d) %")
# A line that would open a list, a heading or a quotation.
_BLOCK = re.compile(r"^(\d*)([-.)#>+*])(?=\s)")
_PARAGRAPH = re.compile(r"</?p>")


def inline_markdown(text: str) -> Markup:
    """Return one paragraph of Markdown as HTML that cannot run anything."""
    line = _BLOCK.sub(r"\1\\\2", " ".join(str(text).split()))
    html = clean_fragment(markdown2html(line))
    return Markup(_SHARE.sub(rf"\1{NO_BREAK}%", _PARAGRAPH.sub("", html).strip()))


def format_date(value: object) -> str:
    """Return an ISO date as `21 Nov 2026`, or the value itself when it is none."""
    try:
        moment = datetime.datetime.fromisoformat(str(value))
    except ValueError:
        return str(value or "")
    return f"{moment.day} {moment:%b %Y}".replace(" ", NO_BREAK)


def format_moment(value: object) -> str:
    """Return an ISO date and time as `21 Nov 2026, 05:31 UTC`."""
    try:
        moment = datetime.datetime.fromisoformat(str(value))
    except ValueError:
        return str(value or "")
    zone = " UTC" if moment.utcoffset() == datetime.timedelta() else ""
    time = f"{moment:%H:%M}{zone}".replace(" ", NO_BREAK)
    return f"{format_date(value)}, {time}"


def format_shape(value: object) -> str:
    """Return (height, width) as `60 × 64`, empty when there is none."""
    sides = value if isinstance(value, list | tuple) else [value]
    return f"{NO_BREAK}×{NO_BREAK}".join(str(side) for side in sides if side)


def format_duration(seconds: object) -> str:
    """Return seconds as `0.8 s`, `12 s`, `3 min 5 s` or `1 h 4 min`."""
    if not isinstance(seconds, int | float) or not math.isfinite(seconds):
        return ""
    if seconds < 10:
        return f"{seconds:.1f}{NO_BREAK}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    pairs = [(hours, "h"), (minutes, "min"), (0 if hours else rest, "s")]
    return NO_BREAK.join(f"{count}{NO_BREAK}{unit}" for count, unit in pairs if count)


def format_number(value: float, name: str = "") -> str:
    """Return a number with at most three significant digits; shares as per cent.

    Args:
        value: The number.
        name: What it measures; an accuracy or a share between 0 and 1 is shown as per
            cent.
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if is_share(name) and 0 <= value <= 1:
        return f"{100 * value:.3g}{NO_BREAK}%"
    if float(value).is_integer() and abs(value) < 1e9:
        return f"{int(value):,}".replace(",", "\u202f").replace("-", "−")
    if 1000 <= abs(value) < 1e9:  # not as 1.23e+04
        return format_number(float(f"{value:.3g}"))
    return f"{value:.3g}".replace("-", "−")


def format_told(value: float | str, label: str) -> str:
    """Return a number that a notebook tells; a share as per cent with one decimal."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and is_share(label) and 0 <= value <= 1:
        return f"{100 * value:.1f}{NO_BREAK}%"
    return format_number(value)


def is_share(name: str) -> bool:
    """Return whether values of this name are parts of a whole."""
    return bool(re.search("accuracy|share", name.lower()))


def format_value(value: object) -> str:
    """Return a parameter's value in one line.

    An empty text or list leaves the choice to the library: `default`.
    """
    if isinstance(value, list | tuple):
        return ", ".join(format_value(item) for item in value) or "default"
    if value == "":
        return "default"
    return "none" if value is None else str(value)


def plain_name(name: object) -> str:
    """Return `synthetic_faces` as `synthetic faces`, a path as its last part's stem."""
    text = str(name)
    if "/" in text:
        text = PurePosixPath(text.rstrip("/")).stem
    return re.sub(r"^num_", "number of ", text).replace("_", " ").strip()


def title_from_stem(stem: str) -> str:
    """Return `01_first_look` as `First look`."""
    text = plain_name(re.sub(r"^\d+[_-]", "", stem)) or stem
    return text[:1].upper() + text[1:]


def format_size(num_bytes: int) -> str:
    """Return a file's size as `812 B`, `16 kB` or `1.2 MB`."""
    if num_bytes < 1000:
        return f"{num_bytes}{NO_BREAK}B"
    if num_bytes < 1_000_000:
        return f"{num_bytes / 1000:.0f}{NO_BREAK}kB"
    return f"{num_bytes / 1_000_000:.1f}{NO_BREAK}MB"
