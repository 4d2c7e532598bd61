"""What the network loses when all dead and double units of a layer go at once.

A dead unit goes by setting its output to 0. A double goes by giving it the output of
the unit that it doubles, times one factor: the rest of the network could then take both
from that one unit. The control sets the outputs of as many other units of the layer
to 0.
"""

import re
from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr

from happymaps.backend import keras, tf
from happymaps.datasets import Dataset
from happymaps.diagnosis.units.ablation import predict_changed
from happymaps.networks.layers import cut

_NUM_IMAGES = 200
_LEAST = 1e-12
_CHANNEL = re.compile(r"\[(\d+)\]$")  # as in conv2d_1[3]


def measure_removal(
    model: keras.Model, units: xr.Dataset, dataset: Dataset, *, seed: int = 0
) -> dict:
    """Return what taking out dead and double units changes, by layer and altogether.

    Args:
        model: The network; it is not changed.
        units: As `happymaps.diagnose_units` returns them.
        dataset: Images as the network takes them.
        seed: Of the units that the control takes out.

    Returns:
        `accuracy` of the whole network; `together`: `num_units`, `accuracy_after` and
        `changed` (share of predictions) without the spare units of all layers, or None
        where there are none; and `layers`, those that have some: `layer`, `num_units`
        (examined), `dead` and `doubles` (channels), `num_kept` (others examined),
        `accuracy_after`, `changed`, and `control_accuracy` and `control_changed`, None
        where fewer others are left.
    """
    changes, rows = [], {}
    for name in dict.fromkeys(units["layer"].values.tolist()):
        spare = _spare_units(units.isel(unit=units["layer"].values == name))
        if spare["dead"] or spare["doubles"]:
            doubles = _scale_doubles(model, name, spare["doubles"], dataset.images)
            rows[name] = spare
            changes.append({name: without_units(spare["dead"], doubles)})
    together = {name: one[name] for name, one in zip(rows, changes, strict=True)}
    others = [_choose_others(spare, seed) for spare in rows.values()]
    controls = [
        {name: without_units(chosen)}
        for name, chosen in zip(rows, others, strict=True)
        if chosen
    ]
    before, all_after, *found = predict_changed(
        model, dataset, [together, *changes, *controls]
    )
    after, found = found[: len(changes)], iter(found[len(changes) :])
    layers = [
        {
            "layer": name,
            **_describe(spare),
            **_compare(predicted, dataset, before),
            **_describe_others(next(found) if chosen else None, dataset, before),
        }
        for (name, spare), predicted, chosen in zip(
            rows.items(), after, others, strict=True
        )
    ]
    return {
        "accuracy": float(np.mean(before == dataset.labels)),
        "together": {
            "num_units": sum(len(r["dead"]) + len(r["doubles"]) for r in layers),
            **_compare(all_after, dataset, before),
        }
        if layers
        else None,
        "layers": layers,
    }


def without_units(
    dead: Sequence[int], doubles: dict[int, tuple[int, float]] | None = None
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Return a function that takes units out of a layer's output.

    Args:
        dead: Channels that become zero.
        doubles: Channel to (the channel that it doubles, factor).
    """

    def change(values: tf.Tensor) -> tf.Tensor:
        mixing = np.eye(values.shape[-1], dtype=np.float32)
        mixing[:, list(dead)] = 0
        for channel, (original, factor) in (doubles or {}).items():
            mixing[:, channel] = 0
            mixing[original, channel] = factor
        return tf.linalg.matmul(values, tf.cast(mixing, values.dtype))

    return change


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


def _compare(after: np.ndarray, dataset: Dataset, before: np.ndarray) -> dict:
    return {
        "accuracy_after": float(np.mean(after == dataset.labels)),
        "changed": float(np.mean(after != before)),
    }


def _choose_others(spare: dict, seed: int) -> list[int]:
    """Return as many other units, none where there are not so many."""
    size = len(spare["dead"]) + len(spare["doubles"])
    if size > len(spare["kept"]):
        return []
    rng = np.random.default_rng(seed)
    return rng.choice(spare["kept"], size, replace=False).tolist()


def _describe_others(after: np.ndarray | None, dataset: Dataset, before) -> dict:
    if after is None:
        return {"control_accuracy": None, "control_changed": None}
    found = _compare(after, dataset, before)
    return {
        "control_accuracy": found["accuracy_after"],
        "control_changed": found["changed"],
    }


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
