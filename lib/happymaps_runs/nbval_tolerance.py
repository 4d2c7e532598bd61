"""A pytest plugin: nbval compares texts exactly, and the numbers in them nearly.

The repository's conftest.py has `pytest --nbval` compare so. Results differ from
machine to machine in the last digits, and printing a rounded number can turn that into
one unit of its last place. What two numbers may differ by:

- whole numbers (counts, shapes, names such as `conv2d_1`): nothing;
- decimals: 2 % of the reference, plus 0.002 or, where both are printed with two
  decimals or more, one unit of the last place if that is more;
- percentages: as the fraction that they stand for;
- both in scientific notation: 2 % of the reference plus one unit of the last place,
  since who prints `1.3e-05` cares about its digits.

Measured with `portable` on the committed notebooks, which look into kept networks: of
2549 numbers few differ by more than one unit of their last place, and these by 1.7 % or
less. What rounding moves further is not printed, or with fewer digits.

Blanks and rules do not count: a changed number of digits moves the columns of a table.
"""

import re
from decimal import Decimal

RELATIVE_TOLERANCE = 2e-2
ABSOLUTE_TOLERANCE = 2e-3
# Of what is printed as 3e-12 nothing but noise is left.
SCIENTIFIC_NOISE = 1e-9

_NUMBER = re.compile(
    r"(?<![\w.])[-+]?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][-+]?\d+)?%?(?![\w])(?!\.\d)"
)
_RULE = re.compile(r"[-=─━_]{3,}")
_BLANKS = re.compile(r"\s+")
_AROUND_SIGNS = re.compile(r" ?([\[\](){},:;|<>]) ?")


class TolerantText(str):
    """A text that equals another one when `same_output` says so."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and same_output(str(self), str(other))

    def __ne__(self, other: object) -> bool:
        return not self == other


def pytest_configure(config) -> None:
    """Let nbval's sanitizer return texts that compare with tolerance."""
    from nbval.plugin import IPyNbCell

    sanitize = IPyNbCell.sanitize

    def sanitize_to_tolerant(cell: IPyNbCell, value: object) -> object:
        clean = sanitize(cell, value)
        return TolerantText(clean) if isinstance(clean, str) else clean

    IPyNbCell.sanitize = sanitize_to_tolerant


def same_output(reference: str, received: str) -> bool:
    """Return whether two outputs have the same text, and numbers that are near.

    Args:
        reference: What the notebook holds.
        received: What it printed now.
    """
    reference_text, reference_numbers = _split_numbers(reference)
    received_text, received_numbers = _split_numbers(received)
    return reference_text == received_text and all(
        map(same_number, reference_numbers, received_numbers)
    )


def same_number(reference: str, received: str) -> bool:
    """Return whether two numbers, as printed, are near enough."""
    if reference == received:
        return True
    if all(_is_whole(text) for text in (reference, received)):
        return int(reference) == int(received)
    expected, value = _value(reference), _value(received)
    places = [_last_place(text) for text in (reference, received)]
    if all("e" in text.lower() for text in (reference, received)):
        least = max(SCIENTIFIC_NOISE, *places)
    else:
        least = max(ABSOLUTE_TOLERANCE, *(p for p in places if p <= 0.01), 0)
    # The last digits of a binary fraction must not decide.
    allowed = (RELATIVE_TOLERANCE * abs(expected) + least) * (1 + 1e-9)
    return abs(value - expected) <= allowed


def _split_numbers(text: str) -> tuple[str, list[str]]:
    text = text.replace("\N{MINUS SIGN}", "-")
    numbers = _NUMBER.findall(text)
    rest = _RULE.sub("---", _NUMBER.sub("#", text))
    return _AROUND_SIGNS.sub(r"\1", _BLANKS.sub(" ", rest)).strip(), numbers


def _is_whole(text: str) -> bool:
    return text.lstrip("+-").isdecimal()


def _value(text: str) -> float:
    return float(text[:-1]) / 100 if text.endswith("%") else float(text)


def _last_place(text: str) -> float:
    """Return one unit of the last printed decimal; 0 when there are none."""
    exponent = Decimal(text.rstrip("%")).as_tuple().exponent
    if "." not in text or text.rstrip("%").endswith("."):
        return 0.0
    return 10.0 ** (exponent - 2 * text.endswith("%"))
