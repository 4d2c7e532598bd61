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
_CHANNEL = re.compile(r"\[(\d+)\]$")  # as in conv2d_1[3]


def measure_removal(
    model: keras.Model, units: xr.Dataset, dataset: Dataset, *, seed: int = 0
) -> list[dict]:
    """Return for each layer with dead or double units what taking them out changes.

    Args:
        model: The network; it is not changed.
        units: As `happymaps.diagnose` returns them.
        dataset: Images as the network takes them.
        seed: Of the units that the control takes out.

    Returns:
        `layer`, `num_units` (examined), `dead` and `doubles` (channels), `num_kept`
        (others examined), `accuracy`, `accuracy_after`, `changed` (share of
        predictions), and `control_accuracy` and `control_changed`, None where fewer
        than as many others are left. The accuracies are None for a layer whose weights
        cannot be zeroed by unit.
    """
    before = probabilities(model, dataset).argmax(axis=1)
    found = []
    for name in dict.fromkeys(units["layer"].values.tolist()):
        spare = _spare_units(units.isel(unit=units["layer"].values == name))
        if spare["dead"] or spare["doubles"]:
            measured = _try_without(model, name, spare, dataset, before, seed)
            found.append({"layer": name, **_describe(spare), **measured})
    return found


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


def _try_without(model, name: str, spare: dict, dataset, before, seed: int) -> dict:
    names = ("accuracy", "accuracy_after", "changed")
    names += ("control_accuracy", "control_changed")
    if not _has_columns(find_layer(model, name)):
        return dict.fromkeys(names)
    doubles = _scale_doubles(model, name, spare["doubles"], dataset.images)
    copies = [without_units(model, name, spare["dead"], doubles)]
    size = len(spare["dead"]) + len(doubles)
    if size <= len(spare["kept"]):
        rng = np.random.default_rng(seed)
        chosen = rng.choice(spare["kept"], size, replace=False).tolist()
        copies.append(without_units(model, name, chosen))
    values = [float(np.mean(before == dataset.labels))]
    for copy in copies:
        after = probabilities(copy, dataset).argmax(axis=1)
        values += [
            float(np.mean(after == dataset.labels)),
            float(np.mean(after != before)),
        ]
    return dict(zip(names, [*values, None, None][: len(names)], strict=True))


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
