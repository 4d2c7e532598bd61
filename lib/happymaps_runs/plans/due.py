"""Which committed notebooks to run again, and which their key vouches for.

`make notebooks` writes a key into each: of its code, of all source that the code can
reach, of the lock file, and of the outputs that came out. While the key is right, a run
would tell nothing new but for the processor; so most are run in turn, and some always.
"""

import datetime
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from happymaps.base import paths
from happymaps_runs.notebooks.notebooks import file_sha256, read_notebook
from happymaps_runs.store.closure import reached_sha256
from happymaps_runs.store.identity import key_of

# Maps, priors, training, attribution, diagnosis, the drop-in: one notebook of each.
ALWAYS = (
    *("01_make_a_first_map", "02_choose_objectives_and_priors", "train_one_network"),
    *("visualization_first_pass", "attribution_first_pass", "fidelity"),
)
_DAYS = 3


def made_from(notebook: Mapping) -> str:
    """Return the key of a notebook as it is, 20 hex digits.

    Args:
        notebook: Its content. How its lines are divided does not count.
    """
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    code = ["".join(cell["source"]) for cell in cells]
    outputs = [[_joined(each) for each in cell["outputs"]] for cell in cells]
    return key_of(
        {
            "code": code,
            "outputs": hashlib.sha256(json.dumps(outputs).encode()).hexdigest(),
            "imports": reached_sha256("\n".join(code)),
            "lock": file_sha256(paths.repository_root() / "requirements.lock"),
        }
    )


def due_notebooks(
    notebooks: Iterable[Path], *, today: datetime.date | None = None
) -> list[Path]:
    """Return the notebooks to run: changed ones, `ALWAYS`, and a third of the others.

    Args:
        notebooks: Paths of committed notebooks.
        today: Decides on the third; None for the date, UTC.
    """
    today = today or datetime.datetime.now(datetime.UTC).date()
    due, others = [], []
    for path in sorted(notebooks):
        content = read_notebook(path)
        key = content["metadata"].get("happymaps", {}).get("made_from")
        told = path.stem not in ALWAYS and key == made_from(content)
        (others if told else due).append(path)
    return due + others[today.toordinal() % _DAYS :: _DAYS]


def _joined(value: object) -> object:
    """Return an output with each text in one piece, as nbformat reads it."""
    if isinstance(value, Mapping):
        return {name: _joined(each) for name, each in sorted(value.items())}
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return "".join(value)
    return value
