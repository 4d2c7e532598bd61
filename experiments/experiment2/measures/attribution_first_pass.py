"""Where the relevance for a class lies, in one trained network."""

import numpy as np
import xarray as xr

from experiments.experiment2.measures.explained_images import (
    CONTROLS,
    ellipse_overlap,
    explain,
    head_masks,
    method_names,
    open_point,
    to_heatmap,
)
from happymaps.attribution.evaluation.map_comparison import map_similarity
from happymaps.attribution.evaluation.masks import mask_shares
from happymaps.base.sweepable import Source, sweepable
from happymaps.datasets import Dataset
from happymaps.evidence.known_values import known_mean


@sweepable
def measure_regions(
    *,
    source: Source,
    class_index: int = 1,
    methods: str = "",
    num_images: int = 16,
    num_samples: int = 16,
    num_shown: int = 4,
) -> xr.Dataset:
    """Measure on which regions the relevance for a class falls, by several methods.

    Args:
        source: The network, and images that it has not seen.
        class_index: Of the class that is asked about; its images are explained.
        methods: Names with commas; empty for all.
        num_images: How many images held out, >= 1.
        num_samples: Of the methods that draw, see `explain`.
        num_shown: How many heat maps to return.

    Returns:
        By `attribution` (and the controls `edges` and `random`): `heatmap` of the first
        images, `(attribution, shown, y, x)`, beside the `image` and its `score`;
        `edge_similarity`, rank correlation with the edges of the image; `agreement` by
        `one` and `other`, mean absolute rank correlation. Where regions are
        known, `density` by `attribution` and `region` (share of the relevance over
        share of the area), `shuffled_density` with shuffled weights, and `area`.
        Without dimensions, `mean_agreement` over pairs of methods, `feature_density`,
        `shuffled_feature_density` and `background_density`, means over methods, and
        `head_overlap` of the ellipse with exact masks, see `ellipse_overlap`; each NaN
        where it is not known. All are means over images.

    Raises:
        ValueError: As in `open_study`; no such class or method.
    """
    from happymaps.maps.objectives import logit
    from happymaps.maps.scoring import score_images
    from happymaps.networks.models import randomize_weights

    point = open_point(source, num_images=num_images, class_index=class_index)
    model, seed = point.study.model, source.seed
    names, images = method_names(methods), point.chosen.images
    rows = [*names, *CONTROLS]
    shuffled = randomize_weights(model, seed=seed)
    settings = {"num_samples": num_samples, "seed": seed}
    maps, null_maps = (
        {
            name: to_heatmap(
                explain(point, logit(class_index), images, name, model=network,
                        **settings), name,
            )
            for name in rows
        }
        for network in (model, shuffled)
    )  # fmt: skip
    shown = slice(num_shown)
    result = xr.Dataset(
        {
            "heatmap": (("attribution", "shown", "y", "x"),
                        np.array([maps[name][shown] for name in rows], np.float32)),
            "image": (("shown", "y", "x", "color"), images[shown]),
            "score": ("shown", score_images(model, [logit(class_index)],
                                            images[shown]).values[0]),
            "edge_similarity": ("attribution", [_likeness(maps[name], maps["edges"])
                                           for name in rows]),
            "num_images": len(images),
        },
        {"attribution": rows},
        {"class_name": point.chosen.class_names[class_index]},
    )  # fmt: skip
    result = result.merge(_agreement(maps, names))
    return result.merge(_regions(maps, null_maps, names, point.chosen))


def _likeness(first: np.ndarray, second: np.ndarray) -> float:
    return known_mean(map_similarity(first, second))


def _agreement(maps: dict, names: list[str]) -> xr.Dataset:
    values = np.array([[_likeness(maps[a], maps[b]) for b in names] for a in names])
    pairs = values[np.triu_indices(len(names), k=1)]
    labeled = xr.DataArray(values, {"one": names, "other": names}, ("one", "other"))
    return xr.Dataset({"agreement": labeled, "mean_agreement": known_mean(pairs)})


def _regions(maps, null_maps, names: list[str], chosen: Dataset) -> xr.Dataset:
    regions = head_masks(chosen)
    means = dict.fromkeys(
        ("feature_density", "shuffled_feature_density", "background_density",
         "head_overlap"), np.nan,
    )  # fmt: skip
    if not regions:
        return xr.Dataset(means)
    density, null_density = (
        xr.concat(
            [
                mask_shares(kind[name], regions)["density"].mean("image")
                for name in kind
            ],
            xr.IndexVariable("attribution", list(kind)),
        )
        for kind in (maps, null_maps)
    )
    area = mask_shares(maps["random"], regions)["area"].mean("image")
    if "features" in regions:
        of_features = {"region": "features", "attribution": names}
        means["feature_density"] = float(density.sel(of_features).mean())
        means["shuffled_feature_density"] = float(null_density.sel(of_features).mean())
    if "background" in regions:
        of_background = {"region": "background", "attribution": names}
        means["background_density"] = float(density.sel(of_background).mean())
    if "head" in regions:
        means["head_overlap"] = ellipse_overlap(chosen)
    return xr.Dataset(
        {"density": density, "shuffled_density": null_density, "area": area, **means}
    )
