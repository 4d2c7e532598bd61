"""From bare arrays to labeled attributions."""

import numpy as np
import xarray as xr

from happymaps.attribution.parts.baselines import Baseline
from happymaps.attribution.parts.explained import Explained
from happymaps.maps.labels import INPUT_DIMENSIONS

NAME = "attributions"


def label_attributions(
    explained: Explained,
    values: np.ndarray,
    scores: np.ndarray,
    method: str,
    *,
    baseline: Baseline | None = None,
    **options,
) -> xr.DataArray:
    """Return the attributions of a method with their labels.

    Args:
        explained: The images and objectives.
        values: Shape (images, *input shape), with a last axis of 1 for heat maps.
        scores: Of the images, shape (images,).
        method: Its name.
        baseline: As used; one that is an array becomes a coordinate.
        **options: As used, for the attributes.
    """
    inputs = INPUT_DIMENSIONS[explained.images.ndim - 1]
    names = [objective.name for objective in explained.objectives]
    coordinates = {"objective": ("image", names), "score": ("image", scores)}
    if baseline is not None:
        options["baseline"] = baseline.label
        if baseline.label == "array":
            each = () if baseline.given.ndim == len(inputs) else ("image",)
            coordinates["baseline"] = ((*each, *inputs), baseline.given)
    attributes = {"method": method, "activation": explained.activation, **options}
    return xr.DataArray(
        np.asarray(values, np.float32), coordinates, ("image", *inputs), NAME,
        attributes,
    )  # fmt: skip
