"""The store on disk: what is in it, what is sound, and how a run gets in.

    store.json               marks the folder as a store
    <key>/run.json           the record of a completed run, beside what it left
    failed/<key>/run.json    that of a failed one
    corrupt/<key>/           what was found damaged
    reports/<name>.json      a report's list of keys
    sweeps/<name>/           a sweep's list of keys, and its page

Success is a `run.json` in a folder named by its key, and nothing else.
"""

import json
import re
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

from happymaps_runs import folders
from happymaps_runs.json_files import write_json
from happymaps_runs.notebooks.notebooks import file_sha256
from happymaps_runs.store.identity import KEY_DIGITS

_MARK = "store.json"
_FORMAT = 1
_CORRUPT = "corrupt"
# What others rely on where a record has it.
_FIELDS = {
    **dict.fromkeys(("parameters", "versions", "machine", "identity"), dict),
    **dict.fromkeys(("artefact_sha256", "error"), dict),
    **dict.fromkeys(("notebook", "title", "started", "function", "key", "call"), str),
    "seconds": (int, float),
}
_KEY = re.compile(rf"[0-9a-f]{{{KEY_DIGITS}}}")


class RunStore:
    """A folder of runs.

    Args:
        root: The folder; a path of its own on every machine that shares it.

    Raises:
        ValueError: The folder holds other things, or a store that cannot be read.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root).absolute()
        if self.exists and _read_object(self.root / _MARK).get("format") != _FORMAT:
            raise ValueError(
                f"{self.root / _MARK} must be that of a store of format {_FORMAT}. "
                "Received: another one, or none that can be read. Choose another "
                "folder, or the HappyMaps that made it."
            )
        strange = self.root.is_dir() and any(self.root.iterdir()) and not self.exists
        if strange or self.root.is_file():
            raise ValueError(
                "A run store must be a new or empty folder, or a store. Received: "
                f"{self.root}, which holds other things. Choose another folder."
            )

    @property
    def exists(self) -> bool:
        """Whether there is a store."""
        return (self.root / _MARK).is_file()

    def create(self) -> None:
        """Make the folder if it is not there, and clear what killed runs left."""
        self.root.mkdir(parents=True, exist_ok=True)
        if not self.exists:
            write_json(self.root / _MARK, {"format": _FORMAT})
        for parent in (self.root, self.root / "failed"):
            folders.remove_leftovers(parent)

    def folder(self, key: str) -> Path:
        """Return where the run of a key lies, or would lie."""
        if not is_key(key):
            raise ValueError(f"A key must be {KEY_DIGITS} hex digits. Received: {key}.")
        return self.root / key

    def failed_folder(self, key: str) -> Path:
        """Return where the failed run of a key lies, or would lie."""
        return self.root / "failed" / self.folder(key).name

    def find(self, key: str) -> dict | None:
        """Return the record of the completed run of a key, None where there is none."""
        return _read_record(self.folder(key))

    def find_failure(self, key: str) -> dict | None:
        """Return the record of the failed run of a key.

        None where there is none, or where it was interrupted: such a run is missing.
        """
        record = _read_record(self.failed_folder(key))
        if record is None or (record.get("error") or {}).get("kind") == "interrupted":
            return None
        return record

    def problems(
        self, key: str, *, failed: bool = False, only: Collection[str] | None = None
    ) -> list[str]:
        """Return what is wrong with the run of a key, empty if sound or absent.

        Every artefact is read, and its sha256 compared.

        Args:
            key: Of the run.
            failed: Whether its failure is meant.
            only: Names of artefacts that there must be, to look at no others.
        """
        folder = self.failed_folder(key) if failed else self.folder(key)
        if not folder.exists():
            return []
        record = _read_record(folder)
        if record is None:
            return ["run.json is missing or damaged"]
        if record.get("key") not in (None, key):
            return [f"run.json is that of the key {record['key']}"]
        expected = record.get("artefact_sha256") or {}
        if only is not None:
            expected = {name: expected.get(name, "") for name in only}
        return [
            f"{name} changed after the run" if found else f"{name} is missing"
            for name, digest in expected.items()
            if (found := _sha256_of(folder / name)) != digest
        ]

    def set_aside(self, key: str) -> Path:
        """Move a damaged run to `corrupt/`, and return where it lies now."""
        target = self.root / "corrupt" / key
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(exist_ok=True)
        self.folder(key).rename(target)
        return target

    def forget(self, key: str, status: str) -> None:
        """Remove the run of a key that has a status, and no other run of that key."""
        for folder in (self.folder(key), self.failed_folder(key)):
            if _status_of(folder) == status:
                shutil.rmtree(folder, ignore_errors=True)

    def records(self, *, without: Collection[str] = ()) -> Iterator[tuple[str, dict]]:
        """Yield key and record of every run, the completed ones first.

        A folder without a readable record has the status "corrupt".

        Args:
            without: Keys that are passed over, and whose records are not read.
        """
        for parent in (self.root, self.root / "failed"):
            for folder in sorted(parent.glob("*")) if parent.is_dir() else ():
                if _KEY.fullmatch(folder.name) and folder.name not in without:
                    yield folder.name, _read_record(folder) or {"status": _CORRUPT}


def is_key(key: object) -> bool:
    """Return whether something can be the key of a run."""
    return isinstance(key, str) and bool(_KEY.fullmatch(key))


def _status_of(folder: Path) -> str:
    return (_read_record(folder) or {"status": _CORRUPT})["status"]


def _read_record(folder: Path) -> dict | None:
    record = _read_object(folder / "run.json")
    if not isinstance(record.get("status"), str):
        return None
    is_sound = all(
        record.get(name) is None or isinstance(record[name], kind)
        for name, kind in _FIELDS.items()
    )
    if not is_sound:
        return None
    sums = (record.get("artefact_sha256") or {}).values()
    return record if all(isinstance(each, str) for each in sums) else None


def _read_object(path: Path) -> dict:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _sha256_of(path: Path) -> str | None:
    return file_sha256(path) if path.is_file() else None
