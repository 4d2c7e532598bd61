"""Whether maps depend on what one network has learned."""

import numpy as np
import xarray as xr

from happymaps.attribution_measures.map_comparison import KINDS, map_similarity
from happymaps.attribution_runs.points import (
    Point,
    explain,
    method_names,
    open_point,
    predicted_logits,
    to_heatmap,
)
from happymaps.sweepable import sweepable

SHUFFLED = "shuffled labels"


@sweepable
def measure_sanity(
    *,
    dataset: str = "synthetic_faces",
    model: str = "",
    image_size: str = "",
    target: str = "facing_left",
    methods: str = "",
    num_images: int = 16,
    num_samples: int = 16,
    label_epochs: int = 0,
    lowest_pixel: float = 0.0,
    highest_pixel: float = 1.0,
    seed: int = 0,
) -> xr.Dataset:
    """Compare maps with those of networks that have unlearned, layer by layer.

    Args:
        dataset: As in `load_dataset`.
        model: Path of a network that was brought along; empty for that of the seed.
        image_size: `"HEIGHTxWIDTH"`; empty as in `open_network`.
        target: What the faces are labeled for.
        methods: Names with commas; empty for all. The control `edges` is added.
        num_images: How many images held out, as many of each class.
        num_samples: Of the methods that draw, see `explain`.
        label_epochs: Epochs of a network that learns shuffled labels; 0 for none, which
            is always so for a network that was brought along.
        lowest_pixel: Black for a network that was brought along.
        highest_pixel: White for it.
        seed: Of the network, the new weights and labels, and the methods that draw.

    Returns:
        `similarity` by `method`, `unlearned` and `kind` (see `map_similarity`), the
        mean over images: `unlearned` is the lowest layer that was initialized anew with
        all above it, the decision layer first, or `"shuffled labels"`. `heatmap` of the
        first image, by `method` and `state` (`"trained"`, then as `unlearned`), beside
        the `image`. Without dimensions, `label_accuracy`, that on the shuffled labels
        that were learned, NaN without. The attribute `decision` names the place where
        all dense layers are new and nothing else is.

    Raises:
        ValueError: As in `open_network`; no such method.
    """
    point = open_point(
        dataset, model=model, image_size=image_size, target=target, seed=seed,
        num_images=num_images, lowest_pixel=lowest_pixel, highest_pixel=highest_pixel,
    )  # fmt: skip
    networks, decision = unlearned_networks(point, seed=seed)
    accuracy = np.nan
    if label_epochs and not model:
        networks[SHUFFLED], accuracy = _learn_nonsense(point, label_epochs, seed)
    images = point.chosen.images
    objectives = predicted_logits(point.model, images)
    names = [*method_names(methods), "edges"]
    settings = {"num_samples": num_samples, "seed": seed}
    maps = {
        state: {
            name: to_heatmap(
                explain(point, objectives, images, name, model=network, **settings),
                name,
            )
            for name in names
        }
        for state, network in {"trained": point.model, **networks}.items()
    }
    values = [
        [
            [_mean(map_similarity(maps["trained"][name], maps[state][name], kind=kind))
             for kind in KINDS]
            for state in networks
        ]
        for name in names
    ]  # fmt: skip
    drawn = [[maps[state][name][0] for state in maps] for name in names]
    coordinates = {
        "method": names,
        "unlearned": list(networks),
        "kind": list(KINDS),
        "state": list(maps),
    }
    return xr.Dataset(
        {
            "similarity": (("method", "unlearned", "kind"), values),
            "heatmap": (("method", "state", "y", "x"), np.array(drawn, np.float32)),
            "image": (("y", "x", "color"), images[0]),
            "label_accuracy": accuracy,
        },
        coordinates,
        {"decision": decision},
    )


def unlearned_networks(point: Point, *, seed: int) -> tuple[dict, str]:
    """Return the cascade of a network, and where its dense layers are all new.

    Of a network without dense layers, the place is the decision layer.
    """
    from happymaps.attribution_measures.randomization import cascading_randomization
    from happymaps.inspection import dense_layers

    networks = cascading_randomization(point.model, seed=seed)
    dense = dense_layers(point.model)
    # Only dense layers above the last other one: what lies below is not the decision.
    decision = next(iter(networks))
    for layer in networks:
        if layer not in dense:
            break
        decision = layer
    return networks, decision


def _learn_nonsense(point: Point, epochs: int, seed: int):
    from happymaps.attribution_measures.randomization import shuffle_labels
    from happymaps.models import build_cnn
    from happymaps.training import evaluate, train

    nonsense = shuffle_labels(point.learned, seed=seed)
    untrained = build_cnn(
        nonsense.images.shape[1:], len(nonsense.class_names), seed=seed
    )
    trained = train(
        untrained, nonsense, seed=seed, epochs=epochs, validation_fraction=0
    ).model
    return trained, evaluate(trained, nonsense)["accuracy"]


def _mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else np.nan
