"""What a network still reaches that is trained without the pixels a method marks."""

import xarray as xr

from experiments.experiment2.measures.explained_images import (
    CONTROLS,
    Point,
    explain,
    method_names,
    open_point,
    predicted_logits,
    to_heatmap,
)
from happymaps.base.sweepable import sweepable


@sweepable
def measure_removal(
    *,
    dataset: str = "synthetic_faces",
    image_size: str = "",
    target: str = "facing_left",
    method: str = "gradient",
    removed_share: float = 0.5,
    num_samples: int = 8,
    num_filters: int = 16,
    epochs: int = 20,
    seed: int = 0,
) -> xr.Dataset:
    """Train anew without the most relevant pixels of each image (ROAR).

    The images of a seed's network lose their pixels by the method's maps for the class
    that this network predicts; another network, which can be smaller, learns from the
    rest.

    Args:
        dataset: As in `load_dataset`.
        image_size: `"HEIGHTxWIDTH"`; empty as in `open_network`.
        target: What the faces are labeled for.
        method: Name of a method, or of the controls `edges` and `random`.
        removed_share: Of the pixels, in [0, 1].
        num_samples: Of the methods that draw, see `explain`.
        num_filters: Of the first and second convolution of the network that learns
            from the rest, >= 1; the third and the dense layers have twice as many.
        epochs: Passes over the images, >= 1.
        seed: Of both networks, and of the methods that draw.

    Returns:
        Without dimensions, `accuracy` and `balanced_accuracy` on images held out and
        `training_accuracy`, all of images without the pixels, in [0, 1].

    Raises:
        ValueError: As in `open_network` and `retrain_without`; no such method.
    """
    from happymaps.attribution.evaluation.retraining import retrain_without
    from happymaps.networks.models import build_cnn

    if method not in CONTROLS:
        method_names(method)
    point = open_point(
        dataset, image_size=image_size, target=target, seed=seed, num_images=2
    )
    settings = {"num_samples": num_samples, "seed": seed}
    learned, held_out = (
        _heatmaps(point, part.images, method, settings)
        for part in (point.learned, point.held_out)
    )
    untrained = build_cnn(
        point.learned.images.shape[1:],
        len(point.learned.class_names),
        filters=(num_filters, num_filters, 2 * num_filters),
        dense_units=(2 * num_filters, 2 * num_filters),
        seed=seed,
    )
    found = retrain_without(
        untrained, point.learned, point.held_out, learned_heatmaps=learned,
        held_out_heatmaps=held_out, shares=[removed_share], baseline=point.baseline,
        seed=seed, epochs=epochs, validation_fraction=0,
    )  # fmt: skip
    return found.isel(share=0, drop=True)


def _heatmaps(point: Point, images, method: str, settings: dict):
    objectives = predicted_logits(point.model, images)
    return to_heatmap(explain(point, objectives, images, method, **settings), method)
