"""The panel: what happens when something in it changes."""

import base64
import contextlib
import threading
from pathlib import Path

import numpy as np
import xarray as xr

from happymaps.backend import keras
from happymaps.base.paths import is_batch
from happymaps.explorer import saving
from happymaps.explorer.controls import Controls
from happymaps.explorer.forming import MapMaker, layer_size
from happymaps.explorer.session import Session
from happymaps.explorer.settings import MapSettings, first_channels, format_channels
from happymaps.explorer.worker import Worker
from happymaps.networks.inspection import convolution_layers, dense_layers
from happymaps.networks.layers import layer_paths

_SECONDS_FOR_LAST = 5.0  # that a cell waits for the finished picture
_SECONDS_FOR_FIRST = 60.0  # for any picture: what a cell shows is what a file keeps
_WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


class Panel:
    """What `explore` returns; a notebook shows it where it ends a cell.

    Args:
        model: The network.
        images: To compare with, or None.
        settings: What is shown first.
        input_range: As in `explore`.
        source: As in `explore`.

    Attributes:
        controls: The widgets; None in a batch run, where maps are made at once.
    """

    def __init__(
        self,
        model: keras.Model,
        images: np.ndarray | None,
        settings: MapSettings,
        *,
        input_range: tuple[float, float],
        source: dict[str, object],
    ) -> None:
        self._model = model
        self._settings = settings
        self._source = source
        maker = MapMaker(model, images, input_range)
        self.controls = (
            None if is_batch() else Controls(_known(model, settings), settings)
        )
        self._session = Session(maker, input_range, self.controls)
        self._worker = Worker(self._session.run)
        if self.controls is None:
            self._session.run(settings, threading.Event())
            return
        self._count_channels(settings.layer)
        self._view = self.controls.lay_out()
        self._connect()
        self._start()

    @property
    def settings(self) -> MapSettings:
        """What the widgets show now.

        Raises:
            ValueError: The channels cannot be read.
        """
        return self._settings if self.controls is None else self.controls.read()

    @property
    def maps(self) -> xr.Dataset | None:
        """What `maximize` gave for the picture; None before the maps are finished."""
        return self._session.maps

    @property
    def png(self) -> bytes:
        """The picture, a PNG file."""
        return self._session.png

    def wait(self, timeout: float | None = None) -> bool:
        """Return whether the maps are done, after at most so many seconds."""
        return self._worker.wait(timeout)

    def cancel(self) -> None:
        """Stop the maps that form; the picture stays as it is."""
        if self._worker.is_busy:
            self._session.change("Canceled.", self._worker.cancel)
            self.controls.cancel.disabled = True

    def parameter_cell(self) -> str:
        """Return the settings as a notebook's parameter cell."""
        return saving.parameter_cell(self.settings, self._source)

    def save_sweep(self, name: str, folder: str | Path | None = None) -> Path:
        """Write a sweep around the settings, and return the path of the file.

        Args:
            name: Of the file, without a folder; `.yaml` is added where it is missing.
            folder: Where to; None for the working folder.

        Raises:
            ValueError: A name that is no plain file name, or is taken.
        """
        text = saving.sweep_text(self.settings, self._source)
        return saving.write_sweep(name, text, None if folder is None else Path(folder))

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        """Return the widgets, and a still picture for where there are none."""
        if not self._worker.wait(_SECONDS_FOR_LAST):
            self._session.wait_for_picture(_SECONDS_FOR_FIRST)
        png, text, alt = self._session.describe()
        bundle = {"image/png": base64.b64encode(png).decode(), "text/plain": text}
        if self.controls is not None:
            view = {"version_major": 2, "version_minor": 0}
            bundle[_WIDGET_VIEW] = {**view, "model_id": self._view.model_id}
        return bundle, {"image/png": {"alt": alt}}

    def _connect(self) -> None:
        controls = self.controls
        controls.layer.observe(lambda _: self._change_layer(), "value")
        for widget in controls.inputs:
            widget.observe(lambda _: self._start(), "value")
        controls.cancel.on_click(lambda _: self.cancel())
        controls.again.on_click(lambda _: self._start())
        controls.previous.on_click(lambda _: self._browse(-1))
        controls.next.on_click(lambda _: self._browse(+1))
        controls.make_cell.on_click(lambda _: self._show_cell())
        controls.save.on_click(lambda _: self._save())

    def _start(self) -> None:
        """Begin with the maps of the settings shown, in place of what runs."""
        try:
            settings = self.settings
        except ValueError as error:
            self._worker.cancel()
            self._session.fail(str(error))
            return
        self.controls.cancel.disabled = False
        self._session.change("Starting ...", lambda: self._worker.request(settings))

    def _change_layer(self) -> None:
        """Keep the channels that the new layer has too."""
        self._count_channels(self.controls.layer.value)
        with contextlib.suppress(ValueError):
            shown = self.settings.channels
            kept = tuple(number for number in shown if number < self._size)
            self._set_channels(kept or first_channels(self._size))

    def _browse(self, direction: int) -> None:
        """Move on by as many channels as are shown, around at the ends."""
        with contextlib.suppress(ValueError):
            shown = self.settings.channels
            count = min(len(shown), self._size)
            first = shown[0] + direction * count
            self._set_channels(tuple((first + i) % self._size for i in range(count)))

    def _set_channels(self, channels: tuple[int, ...]) -> None:
        self.controls.channels.value = format_channels(channels)

    def _count_channels(self, layer: str) -> None:
        self._size = layer_size(self._model, layer)
        self.controls.tell_size(self._size)

    def _show_cell(self) -> None:
        with contextlib.suppress(ValueError):
            self.controls.cell.value = self.parameter_cell()

    def _save(self) -> None:
        try:
            path = self.save_sweep(self.controls.file_name.value)
        except ValueError as error:
            self.controls.say_saved(str(error), kind="error")
        else:
            text = f"Written: {path.name}."
            if not self._source.get("model"):
                text += " It opens the study's network, unless it names another model."
            self.controls.say_saved(text)


def layer_choices(model: keras.Model) -> list[str]:
    """Return the paths of the layers to choose from, in call order."""
    known = {*convolution_layers(model), *dense_layers(model)}
    return [path for path in layer_paths(model) if path in known] or layer_paths(model)


def _known(model: keras.Model, settings: MapSettings) -> list[str]:
    """Return the layers to choose from, that of the settings among them."""
    known = {*layer_choices(model), settings.layer}
    return [path for path in layer_paths(model) if path in known]
