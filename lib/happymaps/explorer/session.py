"""What the panel shows and says, whoever shows it: the state behind the widgets."""

import threading
import time
from collections.abc import Callable
from typing import Protocol

import numpy as np
import xarray as xr

from happymaps.explorer import picture
from happymaps.explorer.forming import MapMaker, Snapshot
from happymaps.explorer.settings import MapSettings
from happymaps.explorer.worker import StopError

_SECONDS_BETWEEN = 0.2  # two pictures, at least
_DRAWING_SHARE = 3  # pauses are at least so many times as long as drawing takes


class Screen(Protocol):
    """What shows texts and pictures to a person."""

    def say(self, text: str, *, kind: str = "plain") -> None:
        """Show a line; `kind` is `"plain"`, `"error"` or `"done"`."""

    def show(self, png: bytes, alt: str) -> None:
        """Show a picture with its text alternative."""


class Session:
    """Makes maps and keeps their picture. Its methods may be called from any thread.

    Args:
        maker: What makes the maps.
        input_range: What is black, and what is white.
        screen: Where all is shown as it forms; None where nobody looks.
    """

    def __init__(
        self, maker: MapMaker, input_range: tuple[float, float], screen: Screen | None
    ) -> None:
        self._maker = maker
        self._input_range = input_range
        self._screen = screen
        self._lock = threading.RLock()
        self._snapshot: Snapshot | None = None
        self._text = "No maps yet."
        self._png = picture.draw_message(self._text)
        self._next_drawing = 0.0
        self._is_drawn = threading.Event()

    @property
    def png(self) -> bytes:
        """The picture, a PNG file."""
        with self._lock:
            return self._png

    @property
    def maps(self) -> xr.Dataset | None:
        """The finished maps in the picture; None before."""
        with self._lock:
            return self._snapshot.maps if self._snapshot else None

    def wait_for_picture(self, timeout: float) -> bool:
        """Return whether maps or an error are in the picture, after so many seconds."""
        return self._is_drawn.wait(timeout)

    def describe(self) -> tuple[bytes, str, str]:
        """Return the picture, its fingerprint and its text alternative."""
        with self._lock:
            if self._snapshot is None:
                return self._png, self._text, self._text
            alt = picture.describe(self._snapshot)
            return self._png, picture.fingerprint(self._snapshot), alt

    def change(self, text: str, act: Callable[[], None]) -> None:
        """Do something that decides what runs, and say so, with nothing in between."""
        with self._lock:
            act()
            if self._screen:
                self._screen.say(text)

    def run(self, settings: MapSettings, stop: threading.Event) -> None:
        """Make maps and show them as they form; what goes wrong is told in words."""
        began = time.monotonic()
        try:
            finished = self._maker.make(
                settings,
                stop,
                lambda snapshot: self._look(snapshot, stop),
                lambda text: self._say(text, stop),
            )
            self._show(finished, stop)
        except StopError:
            return
        except ValueError as error:
            self.fail(str(error), stop)
        except Exception as error:  # the panel outlives what a network may throw
            self.fail(f"{type(error).__name__}: {error}", stop)
        else:
            text = f"Done in {time.monotonic() - began:.1f} s{_best(finished)}."
            self._say(text, stop, kind="done")

    def fail(self, text: str, stop: threading.Event | None = None) -> None:
        """Tell an error, unless what failed is no longer wanted."""
        with self._lock:
            if stop is None or not stop.is_set():
                self._snapshot, self._text = None, text
                self._png = picture.draw_message(text)
                self._is_drawn.set()
                if self._screen:
                    self._screen.say(text, kind="error")

    def _look(self, snapshot: Snapshot, stop: threading.Event) -> None:
        began = time.monotonic()
        if self._screen is None or began < self._next_drawing:
            return
        self._show(snapshot, stop)
        progress = picture.progress(snapshot)
        self._say(f"{progress[0].upper()}{progress[1:]}{_best(snapshot)}", stop)
        now = time.monotonic()
        pause = max(_SECONDS_BETWEEN, _DRAWING_SHARE * (now - began))
        self._next_drawing = now + pause

    def _show(self, snapshot: Snapshot, stop: threading.Event) -> None:
        png = picture.draw(snapshot, self._input_range)
        with self._lock:
            if stop.is_set():
                raise StopError
            self._png, self._snapshot = png, snapshot
            self._is_drawn.set()
            if self._screen:
                self._screen.show(png, picture.describe(snapshot))

    def _say(self, text: str, stop: threading.Event, kind: str = "plain") -> None:
        with self._lock:
            if self._screen and not stop.is_set():
                self._screen.say(text, kind=kind)


def _best(snapshot: Snapshot) -> str:
    finite = snapshot.scores[np.isfinite(snapshot.scores)]
    return f", best score {finite.max():.3g}" if finite.size else ""
