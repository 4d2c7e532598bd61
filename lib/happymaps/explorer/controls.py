"""The panel's widgets: made, laid out, read."""

import dataclasses
import html
import struct
from base64 import b64encode

import ipywidgets as widgets

from happymaps.explorer.settings import (
    MapSettings,
    format_channels,
    parse_channels,
    weight_choices,
)
from happymaps.maps.looks import LOOKS

_WIDE = {"width": "310px"}
_STYLE = {"description_width": "70px"}
_MOST_SEEDS, _MOST_STEPS, _STEPS_APART = 6, 400, 10


class Controls:
    """The widgets of the panel; what they do is the panel's affair.

    Args:
        layers: Choices, one of them that of `settings`.
        settings: What they show at first.
    """

    def __init__(self, layers: list[str], settings: MapSettings) -> None:
        self._seed = settings.seed
        options = {"style": _STYLE, "layout": _WIDE}
        self.layer = widgets.Dropdown(
            options=layers, value=settings.layer, description="Layer", **options
        )
        self.channels = widgets.Text(
            value=format_channels(settings.channels), description="Channels",
            continuous_update=False, **options,
        )  # fmt: skip
        self.hint = widgets.HTML(layout={"margin": "0 0 0 78px"})
        self.previous = widgets.Button(description="Previous", icon="arrow-left")
        self.next = widgets.Button(description="Next", icon="arrow-right")
        self.sign = widgets.ToggleButtons(
            options=[("HappyMaps", "happy"), ("SadMaps", "sad")], value=settings.sign,
            tooltips=["What excites the channels most", "What excites them least"],
            style={"button_width": "112px"},
        )  # fmt: skip
        self.look = widgets.Dropdown(
            options=LOOKS, value=settings.look, description="Look", **options
        )
        self.look.tooltip = "study heeds both weights; natural needs images"
        self.tv_weight, self.lp_weight = (
            widgets.SelectionSlider(
                options=weight_choices(value), value=value, description=name, **options
            )
            for name, value in (
                ("TV weight", settings.tv_weight),
                ("Lp weight", settings.lp_weight),
            )
        )
        self.num_seeds = widgets.IntSlider(
            settings.num_seeds, 1, max(_MOST_SEEDS, settings.num_seeds),
            description="Starts", **options,
        )  # fmt: skip
        self.num_steps = widgets.IntSlider(
            settings.num_steps, min(_STEPS_APART, settings.num_steps),
            max(_MOST_STEPS, settings.num_steps), 1, description="Steps", **options,
        )  # fmt: skip
        self.cancel = widgets.Button(description="Cancel", icon="stop", disabled=True)
        self.again = widgets.Button(description="Run again", icon="refresh")
        self.status = widgets.HTML(layout={"margin": "0 8px 0 8px"})
        self.picture = widgets.HTML()
        self.cell = widgets.Textarea(
            rows=11, layout={"width": "98%"},
            placeholder="The settings, to be copied into a notebook",
        )  # fmt: skip
        self.make_cell = widgets.Button(
            description="Parameter cell", icon="code", layout={"width": "160px"}
        )
        self.file_name = widgets.Text(
            value="my_sweep.yaml", description="File name", style=_STYLE
        )
        self.save = widgets.Button(
            description="Write sweep file", icon="save", layout={"width": "160px"}
        )
        self.saved = widgets.HTML()

    @property
    def inputs(self) -> list[widgets.Widget]:
        """The widgets whose values decide which maps are made."""
        return [getattr(self, f.name) for f in _fields()]

    def read(self) -> MapSettings:
        """Return the settings that the widgets show.

        Raises:
            ValueError: The text of the channels cannot be read.
        """
        values = {f.name: getattr(self, f.name).value for f in _fields()}
        values["channels"] = parse_channels(values["channels"])
        return MapSettings(**values, seed=self._seed)

    def say(self, text: str, *, kind: str = "plain") -> None:
        """Show a line below the buttons; `kind` is `"plain"`, `"error"` or `"done"`."""
        self.status.value = _line(text, kind)
        if kind != "plain":
            self.cancel.disabled = True

    def say_saved(self, text: str, *, kind: str = "plain") -> None:
        """Show a line below the button that writes a file."""
        self.saved.value = _line(text, kind)

    def show(self, png: bytes, alt: str) -> None:
        """Show a picture with its text alternative."""
        width, height = struct.unpack(">II", png[16:24])  # first block of a PNG file
        address = f"data:image/png;base64,{b64encode(png).decode()}"
        self.picture.value = (
            f'<img src="{address}" alt="{html.escape(alt)}" width="{width}" '
            f'height="{height}" style="max-width:100%;height:auto">'
        )

    def tell_size(self, size: int) -> None:
        """Say how many channels the layer has."""
        self.hint.value = f"of 0 to {size - 1}, such as 0-3, 7"

    def lay_out(self) -> widgets.Widget:
        """Return the panel as one widget."""
        for button in (self.previous, self.next, self.cancel, self.again):
            button.layout = {"width": "112px"}
        browse = widgets.HBox(
            [self.previous, self.next], layout={"margin": "0 0 4px 76px"}
        )
        sign = widgets.HBox([self.sign], layout=browse.layout)
        run = widgets.HBox([self.cancel, self.again], layout=browse.layout)
        parts = [
            self.layer, self.channels, self.hint, browse, sign, self.look,
            self.tv_weight, self.lp_weight, self.num_seeds, self.num_steps,
            run, self.status,
        ]  # fmt: skip
        left = widgets.VBox(parts, layout={"width": "330px", "flex": "0 0 auto"})
        right = widgets.Box([self.picture], layout={"flex": "1 1 420px"})
        top = widgets.HBox([left, right], layout={"flex_flow": "row wrap"})
        keep = widgets.VBox(
            [
                self.make_cell,
                self.cell,
                widgets.HBox([self.file_name, self.save]),
                self.saved,
            ]
        )
        folded = widgets.Accordion([keep], titles=("Keep these settings",))
        return widgets.VBox([top, folded])


def _fields() -> list[dataclasses.Field]:
    return [f for f in dataclasses.fields(MapSettings) if f.name != "seed"]


def _line(text: str, kind: str) -> str:
    color = "var(--jp-error-color1, #a3180e)" if kind == "error" else "inherit"
    style = f"color:{color};line-height:1.4;white-space:normal"
    return f'<div style="{style}">{html.escape(text)}</div>'
