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
from happymaps.base.sweepable import sweepable
from happymaps.evidence.known_values import known_mean

MEASURES = ("deletion", "insertion", "mass", "rank", "pointing", "unlearned",
            "instability", "seconds")  # fmt: skip


@sweepable
def measure_faithfulness(
    *,
    dataset: str = "synthetic_faces",
    model: str = "",
    image_size: str = "",
    target: str = "facing_left",
    methods: str = "",
    num_images: int = 16,
    num_samples: int = 16,
    num_steps: int = 20,
    num_noises: int = 3,
    noise_radius: float = 0.02,
    lowest_pixel: float = 0.0,
    highest_pixel: float = 1.0,
    seed: int = 0,
) -> xr.Dataset:
    """Measure the maps of each method for the predicted class, by all measures.

    Args:
        dataset: As in `load_dataset`.
        model: Path of a network that was brought along; empty for that of the seed.
        image_size: `"HEIGHTxWIDTH"`; empty as in `open_network`.
        target: What the faces are labeled for.
        methods: Names with commas; empty for all.
        num_images: How many images held out, as many of each class.
        num_samples: Of the methods that draw, see `explain`.
        num_steps: Of deletion and insertion.
        num_noises: Draws of noise for the stability, >= 1.
        noise_radius: Of that noise, as a share of the pixel range.
        lowest_pixel: Black for a network that was brought along.
        highest_pixel: White for it.
        seed: Of the network, the new weights, the noise and the methods that draw.

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
        ValueError: As in `open_network`; no such method.
    """
    point = open_point(
        dataset, model=model, image_size=image_size, target=target, seed=seed,
        num_images=num_images, lowest_pixel=lowest_pixel, highest_pixel=highest_pixel,
    )  # fmt: skip
    networks, decision = unlearned_networks(point, whole_cascade=False, seed=seed)
    objectives = predicted_logits(point.model, point.chosen.images)
    settings = {
        "objectives": objectives,
        "copy": networks[decision],
        "num_samples": num_samples,
        "num_steps": num_steps,
        "num_noises": num_noises,
        "noise_radius": noise_radius * (highest_pixel - lowest_pixel),
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
    settings = {"baseline": point.baseline, "num_steps": num_steps, "seed": seed}
    curves = {
        "deletion": deletion_curve(
            point.model, objectives, images, heatmaps, **settings
        ),
        "insertion": insertion_curve(
            point.model, objectives, images, heatmaps, **settings
        ),
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
