"""What the network loses when all dead and double units of a layer go at once.

A dead unit goes by zeroing its weights and its bias. A double goes by giving it the
weights of the unit that it doubles, times one factor: the rest of the network could
then take both from that one unit. Each layer is tried in a copy of the network; the
control takes as many other units of the layer out, by zeroing.
"""

import re
from collections.abc import Sequence

import numpy as np
import xarray as xr

from happymaps.backend import keras
from happymaps.datasets import Dataset
from happymaps.layers import cut, find_layer
from happymaps.training import probabilities

_NUM_IMAGES = 200
_LEAST = 1e-12
_MEASURED = ("accuracy_after", "changed", "control_accuracy", "control_changed")
_CHANNEL = re.compile(r"\[(\d+)\]$")  # as in conv2d_1[3]


def measure_removal(
    model: keras.Model, units: xr.Dataset, dataset: Dataset, *, seed: int = 0
) -> dict:
    """Return what taking out dead and double units changes, by layer and altogether.

    Args:
        model: The network; it is not changed.
        units: As `happymaps.diagnose` returns them.
        dataset: Images as the network takes them.
        seed: Of the units that the control takes out.

    Returns:
        `accuracy` of the whole network; `together`: `num_units`, `accuracy_after` and
        `changed` (share of predictions) without the spare units of all layers, or None
        where there are none; and `layers`, those that have some: `layer`, `num_units`
        (examined), `dead` and `doubles` (channels), `num_kept` (others examined),
        `accuracy_after`, `changed`, and `control_accuracy` and `control_changed` where
        as many others are left. They are None for a layer whose weights cannot be
        changed by unit.
    """
    before = probabilities(model, dataset).argmax(axis=1)
    together, layers = model, []
    for name in dict.fromkeys(units["layer"].values.tolist()):
        spare = _spare_units(units.isel(unit=units["layer"].values == name))
        if not (spare["dead"] or spare["doubles"]):
            continue
        row = {"layer": name, **_describe(spare), **dict.fromkeys(_MEASURED)}
        if _has_columns(find_layer(model, name)):
            doubles = _scale_doubles(model, name, spare["doubles"], dataset.images)
            without = without_units(model, name, spare["dead"], doubles)
            together = without_units(together, name, spare["dead"], doubles)
            row |= _compare(without, dataset, before)
            row |= _try_others(model, name, spare, dataset, before, seed)
        layers.append(row)
    measured = [row for row in layers if row["changed"] is not None]
    return {
        "accuracy": float(np.mean(before == dataset.labels)),
        "together": {
            "num_units": sum(len(r["dead"]) + len(r["doubles"]) for r in measured),
            **_compare(together, dataset, before),
        }
        if measured
        else None,
        "layers": layers,
    }


def without_units(
    model: keras.Model,
    layer: str,
    dead: Sequence[int],
    doubles: dict[int, tuple[int, float]] | None = None,
) -> keras.Model:
    """Return a copy of a network with units of a layer taken out.

    Args:
        model: The network; it is not changed.
        layer: A convolution or dense layer.
        dead: Channels whose weights and bias become zero.
        doubles: Channel to (the channel that it doubles, factor).
    """
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    target = find_layer(copy, layer)
    changed = []
    for weight in target.get_weights():
        weight = weight.copy()
        weight[..., list(dead)] = 0
        for channel, (original, factor) in (doubles or {}).items():
            weight[..., channel] = factor * weight[..., original]
        changed.append(weight)
    target.set_weights(changed)
    return copy


def _spare_units(units: xr.Dataset) -> dict:
    channels = units["channel"].values.astype(int).tolist()
    kinds = units["kind"].values.tolist()
    dead = [c for c, kind in zip(channels, kinds, strict=True) if kind == "dead"]
    others = map(_CHANNEL.search, map(str, units["duplicate_of"].values))
    doubles = {
        c: int(other[1])
        for c, kind, other in zip(channels, kinds, others, strict=True)
        if kind == "duplicate" and other
    }
    # What a double is folded into has to stay.
    doubles = {c: o for c, o in doubles.items() if o not in doubles and o not in dead}
    kept = [c for c in channels if c not in dead and c not in doubles]
    return {"channels": channels, "dead": dead, "doubles": doubles, "kept": kept}


def _describe(spare: dict) -> dict:
    return {
        "num_units": len(spare["channels"]),
        "dead": spare["dead"],
        "doubles": list(spare["doubles"]),
        "num_kept": len(spare["kept"]),
    }


def _compare(network, dataset: Dataset, before: np.ndarray) -> dict:
    after = probabilities(network, dataset).argmax(axis=1)
    return {
        "accuracy_after": float(np.mean(after == dataset.labels)),
        "changed": float(np.mean(after != before)),
    }


def _try_others(model, name: str, spare: dict, dataset, before, seed: int) -> dict:
    size = len(spare["dead"]) + len(spare["doubles"])
    if size > len(spare["kept"]):
        return {}
    rng = np.random.default_rng(seed)
    chosen = rng.choice(spare["kept"], size, replace=False).tolist()
    found = _compare(without_units(model, name, chosen), dataset, before)
    return {
        "control_accuracy": found["accuracy_after"],
        "control_changed": found["changed"],
    }


def _has_columns(layer) -> bool:
    """Return whether each weight's last axis counts the units, as in Dense, Conv2D."""
    kinds = (keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Dense)
    return isinstance(layer, kinds) and not isinstance(
        layer, (keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D)
    )


def _scale_doubles(model, name: str, doubles: dict[int, int], images) -> dict:
    """Return for each double its original and the factor that fits it best."""
    if not doubles:
        return {}
    values = cut(model, [name], pre_activation=False)(images[:_NUM_IMAGES]).numpy()
    flat = values.reshape(-1, values.shape[-1]).astype(np.float64)
    return {
        c: (o, float(flat[:, c] @ flat[:, o] / max(flat[:, o] @ flat[:, o], _LEAST)))
        for c, o in doubles.items()
    }
