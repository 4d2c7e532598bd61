"""Warnings of behavior that is kept for fidelity and rarely wanted."""

import warnings


class KerasVisTrap(UserWarning):
    """keras-vis does something here that its users do not expect."""


_warned = set()


def warn_once(trap: str, message: str) -> None:
    """Warn of a trap, the first time in this process.

    Args:
        trap: Short name of it.
        message: What keras-vis does, and what to do instead.
    """
    if trap not in _warned:
        _warned.add(trap)
        warnings.warn(message, KerasVisTrap, stacklevel=3)
