"""How commands end: pages, expected errors in one line, exit codes that tell."""

import functools
import signal
import sys
from collections.abc import Callable, Iterable

import typer

from happymaps_runs.notebooks.records import RunError
from happymaps_runs.store.run_store import RunStore


class Terminated(KeyboardInterrupt):
    """SIGTERM came; handled like Ctrl-C but for the exit code."""


def _terminate(signum: int, frame: object) -> None:
    raise Terminated


def report_errors(command: Callable[..., None]) -> Callable[..., None]:
    """Print expected errors without a traceback, and exit with a telling code."""

    @functools.wraps(command)
    def guarded(**options: object) -> None:
        signal.signal(signal.SIGTERM, _terminate)
        try:
            command(**options)
        except (ValueError, OSError, RunError) as error:
            print(f"happymaps: {error}", file=sys.stderr)
            raise typer.Exit(1) from None
        except KeyboardInterrupt as error:
            print(
                "happymaps: interrupted. What had completed is kept; to go on, give "
                "the same command again.",
                file=sys.stderr,
            )
            terminated = isinstance(error, Terminated)
            raise typer.Exit(143 if terminated else 130) from None

    return guarded


def split_parameters(given: list[str] | None) -> dict[str, str]:
    """Return NAME=VALUE texts as a mapping."""
    given = given or []
    pairs = dict(text.partition("=")[::2] for text in given if "=" in text)
    if len(pairs) < len(given):
        received = " ".join(f"-p {text}" for text in given)
        raise typer.BadParameter(f"-p must be NAME=VALUE, each NAME once: {received}")
    return pairs


def print_table(rows: Iterable[tuple[str, ...]]) -> None:
    """Print rows of texts, the columns aligned."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (text.ljust(width) for text, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())


def print_page(store: RunStore) -> None:
    """Build the pages of a store, and print where they start.

    Folders of runs that an older HappyMaps kept beside the store are named.
    """
    # Rendering needs much that other commands do not wait for.
    from happymaps_pages import build_site

    page = build_site(store)
    for path in sorted(page.parent.glob("*/collection.json")):
        print(
            f"{path.parent} holds runs of an older HappyMaps, which lie in no store "
            "and are not shown. Look at its notebooks, or remove it."
        )
    print(f"The report: {page}")
