"""Two sets of maps, as the page of a comparison gets them."""

import numpy as np
import xarray as xr


def make_maps(labels, images, dim="objective", **variables):
    found = {name: (dim, values) for name, values in variables.items()}
    found["image"] = ((dim, "y", "x", "color"), np.asarray(images, np.float32))
    return xr.Dataset(found, {dim: list(labels)})


def noise(count, size=(12, 16), colors=1, seed=0):
    return np.random.default_rng(seed).normal(size=(count, *size, colors))
