"""Settings to keep: as a notebook's parameter cell, or as a sweep around them."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import yaml

from happymaps.explorer.settings import MapSettings

SWEEP_NOTEBOOK = "experiments/experiment1/maps_of_a_layer.ipynb"
SWEEP_FUNCTION = "happymaps.maps.layer_maps:layer_maps"
# What a run has to know of network and images; the panel itself is handed both.
SOURCES = {
    "dataset": (str, "synthetic_faces, cmu_faces, or folder:PATH"),
    "target": (str, "what the faces are labeled for"),
    "model": (str, "path of a .keras file; empty: the study's network"),
    "image_size": (str, "HEIGHTxWIDTH; empty: what the network takes"),
    "network_seed": (int, "of the study's network"),
    "lowest_pixel": (float, "black for the network"),
    "highest_pixel": (float, "white for the network"),
}
_HELP = {
    "layer": "a layer's name",
    "channels": "its channels or units to look at",
    "sign": "happy: what they want; sad: what they shun",
    "look": "study, smooth or natural",
    "tv_weight": "strength of total variation",
    "lp_weight": "strength of the Lp norm",
    "num_seeds": "random starts of each map",
    "num_steps": "steps of the optimization",
    "seed": "the first random start",
}
_TENFOLD = (0.1, 1.0, 10.0)
_TV_WEIGHTS_WITHOUT = (0.0, 0.01, 0.1, 1.0)  # beside none at all
_NAME = re.compile(r"[\w][\w .()-]*", re.ASCII)
_SUFFIXES = (".yaml", ".yml")


def check_source(source: Mapping[str, object]) -> dict[str, object]:
    """Return where network and images come from.

    Raises:
        ValueError: An unknown name, or a value of another type.
    """
    for name, value in source.items():
        if name not in SOURCES:
            raise ValueError(
                f"source may hold {', '.join(SOURCES)}. Received: {name!r}."
            )
        expected = SOURCES[name][0]
        if type(value) is not expected:
            raise ValueError(
                f"source[{name!r}] must be {expected.__name__}. Received: {value!r}."
            )
    return {name: source[name] for name in SOURCES if name in source}


def parameter_cell(settings: MapSettings, source: Mapping[str, object]) -> str:
    """Return a parameter cell: typed literals, one a line, with their help beside.

    Args:
        settings: Of the maps.
        source: Where network and images come from, as far as it is known.
    """
    values = {name: (value, SOURCES[name][1]) for name, value in source.items()}
    values |= {name: (getattr(settings, name), text) for name, text in _HELP.items()}
    lines = [
        f"{name}: {_type(value)} = {_literal(value)}  # {text}"
        for name, (value, text) in values.items()
    ]
    return "\n".join(lines) + "\n"


def sweep_text(settings: MapSettings, source: Mapping[str, object]) -> str:
    """Return a sweep file (YAML): the chosen weight and its neighbors, all starts.

    The notebook spreads its units evenly over the layer, so that only the number of
    channels is kept.

    Args:
        settings: What the sweep is around.
        source: Where network and images come from. What is left out takes the
            notebook's own default.
    """
    chosen, sign = settings.tv_weight, settings.sign.capitalize()
    weights = [float(f"{chosen * factor:.6g}") for factor in _TENFOLD]
    content = {
        "notebook": SWEEP_NOTEBOOK,
        "function": SWEEP_FUNCTION,
        "title": f"{sign}Maps of {settings.layer} around tv_weight {chosen:g}",
        "parameters": {
            **source,
            "layer": settings.layer,
            "lp_weight": float(settings.lp_weight),
            "sign": settings.sign,
            "look": settings.look,
            "num_units": len(settings.channels),
            "num_steps": int(settings.num_steps),
        },
        "grid": {
            "tv_weight": weights if chosen else list(_TV_WEIGHTS_WITHOUT),
            "seed": settings.seeds,
        },
    }
    if settings.look != "study":  # no other heeds the weight
        content["title"] = f"{sign}Maps of {settings.layer}, look {settings.look}"
        del content["grid"]["tv_weight"]
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def write_sweep(name: str, text: str, folder: Path | None = None) -> Path:
    """Write a sweep file and return its path.

    Args:
        name: Of the file, without a folder; `.yaml` is added where it is missing.
        text: Of `sweep_text`.
        folder: Where to; None for the working folder.

    Raises:
        ValueError: A name with a folder or with other signs than letters, digits,
            blanks and `_.()-`; or a file of this name that is there already.
    """
    name = name.strip()
    if not _NAME.fullmatch(name):
        raise ValueError(
            "Expected the name of a file, without a folder, of letters, digits, blanks "
            f"and _.()-. Received: {name!r}."
        )
    name = name if name.endswith(_SUFFIXES) else f"{name}.yaml"
    path = (Path.cwd() if folder is None else folder) / name
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ValueError(
            f"{name} is there already, and nothing was written. Give another name."
        ) from None
    except OSError as error:
        raise ValueError(f"{name} cannot be written: {error.strerror}.") from error
    return path


def _type(value: object) -> str:
    return "list[int]" if isinstance(value, tuple) else type(value).__name__


def _literal(value: object) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return repr(list(value) if isinstance(value, tuple) else value)
