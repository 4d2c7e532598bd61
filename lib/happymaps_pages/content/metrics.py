"""What a run wrote down in `metrics.json` and `answer.json`, as text for the page."""

import math
import re
from dataclasses import dataclass
from pathlib import Path

from happymaps_pages.content.runs import read_json
from happymaps_pages.html.text import format_number, format_told, plain_name

_MARK = re.compile(r"fingerprint|hash|sha256|checksum|digest")
_TONES = {"confirmed": "good", "refuted": "bad", "cannot decide": "open"}


@dataclass(frozen=True)
class Metric:
    """A value as text; a series is listed but is no single number."""

    name: str
    label: str
    value: str
    is_number: bool

    @property
    def is_tile(self) -> bool:
        """Whether it may stand in large type: numbers and short texts, no hashes."""
        is_short = len(self.value) <= 40 and "," not in self.value
        is_mark = bool(_MARK.search(self.name.lower()))
        return (self.is_number or is_short) and not is_mark


@dataclass(frozen=True)
class Verdict:
    """A claim and what the run says to it; the tone is good, bad, open or plain."""

    claim: str
    verdict: str

    @property
    def tone(self) -> str:
        """The color of the chip."""
        return _TONES.get(self.verdict.strip().lower(), "plain")


def read_metrics(folder: Path) -> list[Metric]:
    """Return the values of `metrics.json`, one level of nesting resolved."""
    values = read_json(folder / "metrics.json")
    flat = {}
    for name, value in values.items():
        if not _is_verdict(name):
            inner = value if isinstance(value, dict) else {"": value}
            flat |= {f"{name} {key}".strip(): item for key, item in inner.items()}
    shown = {name: _value_text(name, value) for name, value in flat.items()}
    return [
        Metric(name, plain_name(name), text, _is_number(flat[name]))
        for name, text in shown.items()
        if text
    ]


def read_verdicts(folder: Path) -> list[Verdict]:
    """Return the verdicts of `metrics.json`: one text, or a dict of them by claim."""
    values = read_json(folder / "metrics.json")
    found = []
    for name, value in values.items():
        if _is_verdict(name):
            about = plain_name(re.sub(r"_?verdicts?$", "", name)) or "prediction"
            inner = value if isinstance(value, dict) else {about: value}
            found += [Verdict(str(k), str(v)) for k, v in inner.items() if v]
    return found


def read_number(answer: dict) -> Metric | None:
    """Return the number of `answer.json`, None without one that can be shown."""
    number = answer.get("number")
    number = number if isinstance(number, dict) else {}
    label, value = number.get("label"), number.get("value")
    is_text = isinstance(value, str) and value.strip()
    is_finite = _is_number(value) and math.isfinite(value)
    if not (isinstance(label, str) and label.strip() and (is_text or is_finite)):
        return None
    return Metric(label, label, format_told(value, label), not is_text)


def choose_tiles(metrics: tuple[Metric, ...], limit: int = 6) -> tuple[Metric, ...]:
    """Return the metrics for large type: numbers first, those of a dict after."""
    able = [each for each in metrics if each.is_tile]
    rank = {each.name: (not each.is_number, " " in each.name) for each in able}
    return tuple(sorted(able, key=lambda each: rank[each.name])[:limit])


def _is_verdict(name: str) -> bool:
    return bool(re.search(r"(^|_)verdicts?$", name))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _value_text(name: str, value: object) -> str:
    if isinstance(value, list) and all(map(_is_number, value)):
        return ", ".join(format_number(item, name) for item in value)
    if isinstance(value, bool) or _is_number(value):
        return format_number(value, name)
    return value if isinstance(value, str) else ""
