"""How well the maps of each method do by each measure, in one network."""

import time

import numpy as np
import xarray as xr

from experiments.experiment2.measures.explained_images import (
    CONTROLS,
    Point,
    explain,
    head_masks,
    method_names,
    open_point,
    predicted_logits,
    to_heatmap,
)
from experiments.experiment2.measures.sanity_checks import unlearned_networks
from happymaps.attribution.evaluation.map_comparison import map_similarity
from happymaps.attribution.evaluation.masks import (
    mask_area,
    pointing_game,
    relevance_mass,
    relevance_rank,
)
from happymaps.attribution.evaluation.stability import max_sensitivity
from happymaps.base.sweepable import Source, sweepable
from happymaps.evidence.known_values import known_mean

MEASURES = ("deletion", "insertion", "mass", "rank", "pointing", "unlearned",
            "instability", "seconds")  # fmt: skip


@sweepable
def measure_faithfulness(
    *,
    source: Source,
    methods: str = "",
    num_images: int = 16,
    num_samples: int = 16,
    num_steps: int = 20,
    num_noises: int = 3,
    noise_radius: float = 0.02,
) -> xr.Dataset:
    """Measure the maps of each method for the predicted class, by all measures.

    Args:
        source: The network, and images that it has not seen.
        methods: Names with commas; empty for all.
        num_images: How many images held out, as many of each class.
        num_samples: Of the methods that draw, see `explain`.
        num_steps: Of deletion and insertion.
        num_noises: Draws of noise for the stability, >= 1.
        noise_radius: Of that noise, as a share of the pixel range.

    Returns:
        `value` by `attribution` (a method, or the controls `edges` and `random`) and
        `measure`, means over images: area of `deletion` (small is good) and `insertion`
        (large is good) of the probability; `mass`, `rank` and `pointing` for the head
        (large is good; NaN where it is not known); `unlearned`, absolute rank
        correlation with the map after all dense layers are new (small is good);
        `instability` (small is good);
        and `seconds` of processor time per image. `curve` by `attribution`,
        `direction` and `share` of the pixels. Without dimensions, `head_area`, the
        chance level of the three for the head, and `mean_probability` of the predicted
        class.

    Raises:
        ValueError: As in `open_study`; no such method.
    """
    point, seed = open_point(source, num_images=num_images), source.seed
    model = point.study.model
    networks, decision = unlearned_networks(point, whole_cascade=False, seed=seed)
    objectives = predicted_logits(model, point.chosen.images)
    settings = {
        "objectives": objectives,
        "copy": networks[decision],
        "num_samples": num_samples,
        "num_steps": num_steps,
        "num_noises": num_noises,
        "noise_radius": noise_radius * (source.highest_pixel - source.lowest_pixel),
        "seed": seed,
    }
    names = [*method_names(methods), *CONTROLS]
    found = [_measure(point, name, **settings) for name in names]
    directions = ("deletion", "insertion")
    curves = [[curves[which].mean("image") for which in directions]
              for _, curves in found]  # fmt: skip
    head = head_masks(point.chosen).get("head")
    return xr.Dataset(
        {
            "value": (("attribution", "measure"),
                      [[values[one] for one in MEASURES] for values, _ in found]),
            "curve": (("attribution", "direction", "share"), np.array(curves)),
            "head_area": np.nan if head is None else mask_area(head).mean(),
            "mean_probability": float(curves[0][0][0]),
        },
        {"attribution": names, "measure": list(MEASURES), "direction": list(directions),
         "share": curves[0][0]["share"].values},
    )  # fmt: skip


def _measure(point: Point, name: str, *, objectives, copy, num_samples, num_steps,
             num_noises, noise_radius, seed) -> tuple[dict, dict]:  # fmt: skip
    from happymaps.attribution.evaluation.perturbation import (
        curve_area,
        deletion_curve,
        insertion_curve,
    )

    images = point.chosen.images
    options = {"num_samples": num_samples, "seed": seed}

    def attribute(images: np.ndarray, model=None) -> np.ndarray:
        return explain(point, objectives, images, name, model=model, **options)

    attribute(images)  # compiles
    started = time.process_time()
    heatmaps = to_heatmap(attribute(images), name)
    seconds = (time.process_time() - started) / len(images)
    explained = (point.study.model, objectives, images, heatmaps)
    settings = {"baseline": point.baseline, "num_steps": num_steps, "seed": seed}
    curves = {
        "deletion": deletion_curve(*explained, **settings),
        "insertion": insertion_curve(*explained, **settings),
    }
    unlearned = to_heatmap(attribute(images, copy), name)
    changes = max_sensitivity(
        attribute, images, radius=noise_radius, num_samples=num_noises, seed=seed
    )
    values = {
        **{which: curve_area(curve) for which, curve in curves.items()},
        **_on_head(heatmaps, head_masks(point.chosen).get("head"), seed),
        "unlearned": map_similarity(heatmaps, unlearned),
        "instability": changes["largest"].values,
        "seconds": np.array([seconds]),
    }
    return {key: known_mean(found) for key, found in values.items()}, curves


def _on_head(heatmaps: np.ndarray, head: np.ndarray | None, seed: int) -> dict:
    if head is None:
        return dict.fromkeys(("mass", "rank", "pointing"), np.array([np.nan]))
    return {
        "mass": relevance_mass(heatmaps, head),
        "rank": relevance_rank(heatmaps, head, seed=seed),
        "pointing": pointing_game(heatmaps, head),
    }
