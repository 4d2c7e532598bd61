"""Whether the system ended a process because memory had run out."""

import dataclasses
import re
from pathlib import Path

from happymaps_runs.notebooks.process import Outcome

_GROUPS = Path("/sys/fs/cgroup")
_COUNT = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)


def count_kills() -> int | None:
    """Return how many processes the system has ended for their memory.

    Counted are those of this process's control group, else those of the machine; None
    where the system does not tell.
    """
    for path in (*_group_files(), Path("/proc/vmstat")):
        found = _COUNT.search(_read(path))
        if found:
            return int(found.group(1))
    return None


def explain_death(outcome: Outcome, kills_before: int | None) -> Outcome:
    """Return an outcome whose dead kernel is "out of memory" if the system ended it.

    Args:
        outcome: Of the run.
        kills_before: `count_kills()` before it.
    """
    kills = count_kills()
    if outcome.kind != "dead kernel" or None in (kills, kills_before):
        return outcome
    if kills <= kills_before:
        return outcome
    message = "the system ended the kernel, since memory had run out"
    return dataclasses.replace(outcome, kind="out of memory", message=message)


def _group_files() -> list[Path]:
    found = []
    for line in _read(Path("/proc/self/cgroup")).splitlines():
        _, controllers, group = line.split(":", 2)
        if "memory" in controllers.split(","):
            found.append(_GROUPS / "memory" / group.lstrip("/") / "memory.oom_control")
        elif not controllers:  # version 2
            found.append(_GROUPS / group.lstrip("/") / "memory.events")
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
