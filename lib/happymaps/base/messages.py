"""Error texts of one form: what was expected, what was received, what to do."""

import difflib
from collections.abc import Iterable


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
