"""Datasets of sweeps, as the pages get them."""

import math

import numpy as np
import xarray as xr

HOSTILE = "</script><script>window.hacked=1</script><img src=x onerror=y()>"
DIMS = ("layer", "tv_weight", "seed")


def make_sweep(layers=2, weights=3, seeds=2, units=2, size=(6, 8), maps=True, **attrs):
    """A sweep whose scores count up and whose maps are smooth noise.

    The last layer failed at the last weight and first seed; the first layer was not
    run at the first weight and last seed.
    """
    shape = (layers, weights, seeds)
    status = np.full(shape, "completed", dtype="<U9")
    status[-1, -1, 0], status[0, 0, -1] = "failed", "missing"
    keys = np.arange(math.prod(shape)).reshape(shape)
    key = np.where(status == "missing", "", np.char.add("run", keys.astype(str)))
    score = np.arange(math.prod(shape) * units, dtype=float).reshape(*shape, units)
    score[status != "completed"] = np.nan
    variables = {
        "status": (DIMS, status),
        "key": (DIMS, key),
        "score": ((*DIMS, "unit"), score),
        "seconds": (DIMS, np.where(status == "completed", 1.5, np.nan)),
        "index": (
            ("layer", "unit"),
            10 * np.arange(layers * units).reshape(layers, -1),
        ),
        "diagnosis": ((*DIMS, "unit"), np.where(score % 2, "ok", "dead unit")),
    }
    if maps:
        noise = np.random.default_rng(0).normal(size=(*shape, units, *size, 1))
        image = np.cumsum(np.cumsum(noise, axis=-3), axis=-2).astype(np.float32)
        image[status != "completed"] = np.nan
        variables["image"] = ((*DIMS, "unit", "y", "x", "color"), image)
    coordinates = {
        "layer": [f"conv_{index + 1}" for index in range(layers)],
        "tv_weight": [float(f"{10.0 ** (index - 3):g}") for index in range(weights)],
        "seed": range(seeds),
    }
    attrs = {"name": "tv", "title": "Which weight?", "notebook": "a.ipynb", **attrs}
    attrs = {"parameters": '{"num_steps": 20}', "created": "2026-11-20", **attrs}
    return xr.Dataset(variables, coordinates, attrs)


def make_many_points(count):
    """A list of points, every third of which failed, with one extreme number."""
    score = np.random.default_rng(0).uniform(size=count)
    score[count // 2 + 1] = 99
    status = np.where(np.arange(count) % 3, "completed", "failed")
    return xr.Dataset(
        {
            "status": ("point", status),
            "key": ("point", [f"run{number}" for number in range(count)]),
            "score": ("point", np.where(status == "failed", np.nan, score)),
        },
        {"seed": ("point", range(count)), "weight": ("point", np.arange(count) / 2)},
        {"name": "long", "title": "Many points"},
    )


def make_points(**variables):
    """A list of four points with two varying parameters."""
    status = ["completed", "completed", "failed", "missing"]
    return xr.Dataset(
        {
            "status": ("point", status),
            "key": ("point", ["a", "b", "c", ""]),
            "loss": ("point", [0.5, 0.25, np.nan, np.nan]),
            **variables,
        },
        {
            "learning_rate": ("point", [0.001, 0.1, 0.01, 1.0]),
            "activation": ("point", ["relu", "tanh", "relu", "tanh"]),
        },
    )
