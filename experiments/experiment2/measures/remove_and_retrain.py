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
from happymaps.base.sweepable import TrainedSource, sweepable


@sweepable
def measure_removal(
    *,
    source: TrainedSource,
    method: str = "gradient",
    removed_share: float = 0.5,
    num_samples: int = 8,
    num_filters: int = 16,
    epochs: int = 20,
) -> xr.Dataset:
    """Train anew without the most relevant pixels of each image (ROAR).

    The images of a seed's network lose their pixels by the method's maps for the class
    that this network predicts; another network, which can be smaller, learns from the
    rest.

    Args:
        source: The images, and the seed of both networks.
        method: Name of a method, or of the controls `edges` and `random`.
        removed_share: Of the pixels, in [0, 1].
        num_samples: Of the methods that draw, see `explain`.
        num_filters: Of the first and second convolution of the network that learns
            from the rest, >= 1; the third and the dense layers have twice as many.
        epochs: Passes over the images, >= 1.

    Returns:
        Without dimensions, `accuracy` and `balanced_accuracy` on images held out and
        `training_accuracy`, all of images without the pixels, in [0, 1].

    Raises:
        ValueError: As in `open_study` and `retrain_without`; no such method.
    """
    from happymaps.attribution.evaluation.retraining import retrain_without
    from happymaps.networks.models import build_cnn

    if method not in CONTROLS:
        method_names(method)
    point, seed = open_point(source, num_images=2), source.seed
    parts = (point.study.learned, point.study.held_out)
    settings = {"num_samples": num_samples, "seed": seed}
    learned, held_out = (
        _heatmaps(point, part.images, method, settings) for part in parts
    )
    untrained = build_cnn(
        parts[0].images.shape[1:],
        len(parts[0].class_names),
        filters=(num_filters, num_filters, 2 * num_filters),
        dense_units=(2 * num_filters, 2 * num_filters),
        seed=seed,
    )
    found = retrain_without(
        untrained, *parts, learned_heatmaps=learned,
        held_out_heatmaps=held_out, shares=[removed_share], baseline=point.baseline,
        seed=seed, epochs=epochs, validation_fraction=0,
    )  # fmt: skip
    return found.isel(share=0, drop=True)


def _heatmaps(point: Point, images, method: str, settings: dict):
    objectives = predicted_logits(point.study.model, images)
    return to_heatmap(explain(point, objectives, images, method, **settings), method)
