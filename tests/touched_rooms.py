"""Print the test folders of the rooms that the working tree changes, for `make check`.

Compared with the last commit; where nothing differs from it, with the commit before.
"""

import subprocess
from pathlib import Path

TESTS = Path(__file__).parent
FOLDERS = {
    "lib/happymaps_runs": "runs",
    "lib/happymaps_pages": "pages",
    "lib/happymaps_cli": "runs",
    "experiments": "experiments",
}


def changed_files() -> list[str]:
    """Return paths below the repository's root."""

    def ask(*words: str) -> list[str]:
        done = subprocess.run(
            ["git", *words],
            cwd=TESTS.parent,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.splitlines()

    fresh = ask("ls-files", "--others", "--exclude-standard")
    return [*ask("diff", "--name-only", "HEAD"), *fresh] or ask(
        "diff", "--name-only", "HEAD~1"
    )


def folder_of(path: str) -> Path | None:
    """Return the folder of the tests that mirror a file, None where no room does."""
    parts = Path(path).parts
    for start, name in FOLDERS.items():
        if path.startswith(f"{start}/") and path.endswith(".py"):
            return TESTS / name
    if path.startswith("lib/happymaps/") and len(parts) > 3:
        return TESTS / "unit" / parts[2]
    # A file of tests; a helper or a notebook of theirs is everybody's.
    return TESTS.parent / path if parts[-1].startswith("test_") else None


if __name__ == "__main__":
    found = {folder_of(path) for path in changed_files()} - {None}
    quick = {each for each in found if each.exists()}
    folders = {each for each in quick if not set(each.parents) & quick}
    print(*sorted(folders | {TESTS / "rules"}))
