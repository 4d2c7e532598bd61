"""Numbers and lists as they stand in a sentence, and the form of a finding."""

import math
from collections.abc import Mapping, Sequence


def percent(share: float) -> str:
    """Return a share as per cent: `93 %`, one decimal where two digits would be lost.

    Only a whole is `100 %`, and only nothing is `0 %`.
    """
    value = 100 * share
    if value and abs(value) < 0.05:
        return "less than 0.1 %"
    text = f"{value:.0f}" if 9.95 <= value <= 99 else f"{value:.1f}"
    if text == "100.0" and share < 1:
        text = "99.9"
    return f"{text.removesuffix('.0')} %".replace("-", "−")


def points(difference: float) -> str:
    """Return a difference of shares in percentage points, with its sign."""
    text = f"{100 * difference:+.1f}".replace("-", "−")
    return "0 points" if text[1:] == "0.0" else f"{text} points"


def percent_range(low: float, high: float) -> str:
    """Return two shares as `91 to 95 %`."""
    return f"{percent(low).removesuffix(' %')} to {percent(high)}"


def number(value: float, digits: int = 3) -> str:
    """Return a number with a few significant digits."""
    if not math.isfinite(value):
        return "no number"
    return f"{value:.{digits}g}".replace("-", "−")


def quote(name: str) -> str:
    """Return a name in quotation marks."""
    return f"‘{name}’"


def probability(value: float) -> str:
    """Return a probability, `less than 0.001` where it is that small."""
    return "less than 0.001" if value < 0.001 else number(value, 1)


def count(quantity: int, singular: str, plural: str | None = None) -> str:
    """Return `1 unit`, `12 units`, `no units`."""
    text = "no" if quantity == 0 else f"{quantity:,}".replace(",", "\u202f")
    return f"{text} {singular if quantity == 1 else plural or singular + 's'}"


def listing(parts: Sequence[str], *, most: int = 6) -> str:
    """Return `a`, `a and b`, or `a, b and c`; after `most` parts, how many follow."""
    parts = list(parts)
    if len(parts) > most:
        parts = [*parts[: most - 1], f"{len(parts) - most + 1} more"]
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def finding(
    kind: str,
    weight: str,
    sentence: str,
    advice: str,
    numbers: Mapping[str, float | Sequence[float]],
    *,
    command: str = "",
    picture: str = "",
    images: Mapping | Sequence[int] = (),
) -> dict:
    """Return a finding as `list_findings` returns it; see there for each."""
    return {
        "kind": kind,
        "weight": weight,
        "sentence": sentence,
        "advice": advice,
        "command": command,
        "numbers": dict(numbers),
        "picture": picture,
        "images": images if isinstance(images, Mapping) else list(images),
    }
