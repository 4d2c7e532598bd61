"""How commands end: pages, expected errors in one line, exit codes that tell."""

import contextlib
import errno
import functools
import os
import re
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TextIO

import typer

from happymaps.base import paths
from happymaps_runs.folders import temporary_folder
from happymaps_runs.notebooks.process import DISK_FULL
from happymaps_runs.notebooks.records import RunError
from happymaps_runs.store.run_store import RunStore

NEXT_TIME = "What had completed is kept; to go on, give the same command again."


_REFUSED = {errno.EACCES, errno.EPERM}
_DISK = DISK_FULL | _REFUSED | {errno.EROFS}
# Shown, not sent to the terminal: controls but tab and line ends, marks that turn the
# direction, and half characters, which stand for bytes of a name that is not UTF-8.
_CONTROLS = {
    number: ascii(chr(number))[1:-1]
    for first, last in ((0, 8), (11, 12), (14, 31), (127, 159), (0x202A, 0x202E),
                        (0x2066, 0x2069), (0xD800, 0xDFFF))
    for number in range(first, last + 1)
}  # fmt: skip


_MOVES = re.compile(r"\n*(?:\x1b\[A)+")


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP came; handled like Ctrl-C but for the exit code."""


def _terminate(signum: int, frame: object) -> None:
    raise Terminated(signum)


def report_errors(
    command: Callable[..., None] | None = None, *, interrupted: str = ""
) -> Callable:
    """Print errors in a line, without a traceback, and exit with a telling code.

    Control characters in what is printed are shown, not sent to the terminal.

    Args:
        command: To be guarded.
        interrupted: What to say of its results when it is interrupted.
    """
    if command is None:
        return functools.partial(report_errors, interrupted=interrupted)

    @functools.wraps(command)
    def guarded(**options: object) -> None:
        _listen()
        with _shown_controls():
            try:
                with _own_temporary_folder():
                    command(**options)
            except OSError as error:
                _tell(_with_remedy(error, "out" in options))
                raise typer.Exit(1) from None
            except (ValueError, RunError) as error:
                _tell(str(error))
                raise typer.Exit(1) from None
            except KeyboardInterrupt as error:
                _tell(f"interrupted. {interrupted}".rstrip())
                number = error.args[0] if isinstance(error, Terminated) else 2
                raise typer.Exit(128 + number) from None
            except Exception as error:
                if isinstance(error, typer.Exit | typer.Abort | typer.BadParameter):
                    raise
                _tell(_unforeseen(error))
                raise typer.Exit(1) from None

    return guarded


@contextlib.contextmanager
def _own_temporary_folder() -> Iterator[None]:
    """Let all temporary files lie in a folder that the next command can clear.

    Keras and others leave theirs where a process is killed, under names that anybody's
    could have.
    """
    kept = tempfile.tempdir, os.environ.get("TMPDIR")
    with contextlib.ExitStack() as stack:
        # Many commands need none, and some no disk that can be written to.
        with contextlib.suppress(OSError):
            folder = str(stack.enter_context(temporary_folder()))
            tempfile.tempdir = os.environ["TMPDIR"] = folder
        try:
            yield
        finally:
            tempfile.tempdir = kept[0]
            os.environ.pop("TMPDIR", None)
            if kept[1] is not None:
                os.environ["TMPDIR"] = kept[1]


def _with_remedy(error: OSError, takes_out: bool) -> str:
    """Return what is wrong with a disk, and what helps; other errors as they are."""
    text = str(error)
    if "No usable temporary directory" in text:
        return f"{text}. Set TMPDIR to a folder that can be written to."
    if error.errno not in _DISK or error.filename is None:
        return text
    path, reason = os.fsdecode(error.filename), error.strerror.lower()
    is_full, is_refused = error.errno in DISK_FULL, error.errno in _REFUSED
    elsewhere = "name another folder with --out" if takes_out else "use another folder"
    if Path(path).is_relative_to(paths.data_root()):
        elsewhere = "set HAPPYMAPS_DATA to a folder that has the data"
    first = "Change its permissions" if is_refused else "Make it writable"
    first = "Free some space" if is_full else first
    what = "opened" if is_refused else "written to"
    return f"{path!r} cannot be {what}: {reason}. {first}, or {elsewhere}."


def _listen() -> None:
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        # `nohup` ignores it on purpose.
        if number and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _terminate)


def _tell(message: str) -> None:
    print(f"happymaps: {message}".replace("\r", "\\r"), file=sys.stderr)


def _unforeseen(error: Exception) -> str:
    if os.environ.get("HAPPYMAPS_TRACEBACK"):
        return "".join(traceback.format_exception(error))
    last = traceback.extract_tb(error.__traceback__)[-1]
    text = (str(error).splitlines() or [""])[0][:300]
    return (
        f"{type(error).__name__}: {text} ({Path(last.filename).name}, line "
        f"{last.lineno}). This was not foreseen: check what was given, or report it "
        "with what HAPPYMAPS_TRACEBACK=1 shows."
    )


class _ShownControls:
    """A stream of text that shows control characters instead of sending them.

    Names come from folders and files of others, and a terminal obeys what it is sent.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        # Bars below each other move up and down, in texts of their own.
        is_move = _MOVES.fullmatch(text)
        self._stream.write(text if is_move else text.translate(_CONTROLS))
        return len(text)

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


@contextlib.contextmanager
def _shown_controls() -> Iterator[None]:
    with (
        contextlib.redirect_stdout(_ShownControls(sys.stdout)),
        contextlib.redirect_stderr(_ShownControls(sys.stderr)),
    ):
        yield


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
