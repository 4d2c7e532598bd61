"""Error texts of one form: what was expected, what was received, what to do."""

import contextlib
import difflib
from collections.abc import Iterable, Iterator

_MOST_TOLD = 20


def unknown_name(kind: str, received: str, known: Iterable[str]) -> str:
    """Return a message for a name that is not among the known ones.

    Args:
        kind: What the name stands for, e.g. `"layer"`.
        received: The name that was given.
        known: The names that would have been right, in the order to show them.

    Returns:
        One or two sentences with the nearest known name, if any is near, and the list.
    """
    known = [str(name) for name in known]
    nearest = difflib.get_close_matches(str(received), known, n=1)
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    return f"Unknown {kind} {received!r}.{hint} Expected one of: {', '.join(known)}."


class Faults:
    """Errors that are gathered, to be told together and mended in one go."""

    def __init__(self) -> None:
        self._found: dict[str, None] = {}

    @contextlib.contextmanager
    def gather(self, place: str = "") -> Iterator[None]:
        """Keep a ValueError of the block, and go on.

        Args:
            place: What to say before it.
        """
        try:
            yield
        except ValueError as error:
            self._found[f"{place}{error}"] = None

    def tell(self) -> None:
        """Raise what was gathered.

        Raises:
            ValueError: Anything was: the error itself, or all as a list.
        """
        found = list(self._found)
        if len(found) == 1:
            raise ValueError(found[0])
        if found:
            raise ValueError(list_faults(f"{len(found)} things to correct:", found))


def list_faults(head: str, faults: list[str], *, most: int = _MOST_TOLD) -> str:
    """Return a head and a line for each fault, the first `most` of them."""
    more = len(faults) - most
    lines = [head, *(f"- {fault}" for fault in faults[:most])]
    return "\n".join([*lines, f"- and {more} more"] if more > 0 else lines)
