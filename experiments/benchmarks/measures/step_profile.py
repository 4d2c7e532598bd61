"""Where the time of a step goes, by TensorFlow's profiler: which share is what."""

import collections
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from happymaps.backend import keras, tf
from happymaps.maps.maximization import maximize
from happymaps.maps.regularizers import LpNorm, TotalVariation
from happymaps.maps.scoring import layer_objectives

# What an operation's type says of it; the first that fits.
_KINDS = {
    "convolution, backward": ("BackpropInput",),
    "convolution, forward": ("Conv2D", "DepthwiseConv"),
    "pooling": ("PartitionedCall", "Pool"),  # the only part that XLA compiles
    "matrix products": ("MatMul",),
}
_ASYNCHRONOUS = "ExecutorState::ProcessAsync::Start"
KINDS = (*_KINDS, "the rest")


def kind_of(name: str) -> str:
    """Return what an operation belongs to, by the profiler's `name:type`.

    Args:
        name: E.g. `while/body/Conv2D:_MklNativeConv2D`.
    """
    operation = name.rpartition(":")[2]
    for kind, marks in _KINDS.items():
        if any(mark in operation for mark in marks):
            return kind
    return "the rest"


def profile_step(
    model: keras.Model, layer: str, *, maps: int, num_steps: int = 20
) -> pd.Series:
    """Return the shares of a step's time by kind, and the milliseconds of all.

    The shares are of the time within operations, those of all threads together, in one
    batch of maps; the penalties are those of the benchmark.

    Args:
        model: The network.
        layer: A convolution or dense layer of it.
        maps: Channels or units of the layer that make the batch.
        num_steps: Steps that are looked at.

    Returns:
        By kind of `KINDS` the share, in [0, 1]; and `ms per step and map`, what they
        take together.
    """
    objectives = layer_objectives(model, layer, count=maps)
    options = {"activation": "post", "batch_size": len(objectives),
               "regularizers": (LpNorm(), TotalVariation())}  # fmt: skip
    maximize(model, objectives, num_steps=1, **options)  # what is done only once
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        try:
            maximize(model, objectives, num_steps=num_steps, **options)
        finally:
            tf.profiler.experimental.stop()
        (file,) = Path(folder).rglob("*.xplane.pb")
        times = _operation_times(file.read_bytes())
    return shares(times, steps=(num_steps + 1) * len(objectives))


def shares(times: Sequence[tuple[str, float]], *, steps: int) -> pd.Series:
    """Return shares and the time of a step and map.

    Args:
        times: Name of an operation and its milliseconds, of all steps and maps.
        steps: How many steps, times maps.
    """
    found = collections.Counter(dict.fromkeys(KINDS, 0.0))
    for name, milliseconds in times:
        found[kind_of(name)] += milliseconds
    total = sum(found.values())
    return pd.Series(
        {
            **{kind: found[kind] / total for kind in KINDS},
            "ms per step and map": total / steps,
        }
    )


def _operation_times(trace: bytes) -> list[tuple[str, float]]:
    """Return `name:type` and milliseconds of each operation of TensorFlow's loops.

    The median of an operation's times, times their number: what else the machine does
    now and then does not count.
    """
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    space = xplane_pb2.XSpace()
    space.ParseFromString(trace)
    found = collections.defaultdict(list)
    for plane in space.planes:
        for line in plane.lines:
            for event in line.events:
                name = plane.event_metadata[event.metadata_id].name
                if name == _ASYNCHRONOUS:  # what XLA has compiled, among others
                    stats = {
                        plane.stat_metadata[stat.metadata_id].name: stat.str_value
                        or plane.stat_metadata[stat.ref_value].name
                        for stat in event.stats
                    }
                    name = f"{stats['name']}:{stats['kernel_type']}"
                if ":" in name and "while" in name:
                    found[name].append(event.duration_ps / 1e9)
    return [(name, len(v) * float(np.median(v))) for name, v in found.items()]
