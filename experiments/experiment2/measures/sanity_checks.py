"""Whether maps depend on what one network has learned."""

import numpy as np
import xarray as xr

from experiments.experiment2.measures.explained_images import (
    Point,
    explain,
    method_names,
    open_point,
    predicted_logits,
    to_heatmap,
)
from happymaps.attribution.evaluation.map_comparison import KINDS, map_similarity
from happymaps.base.sweepable import Source, sweepable
from happymaps.evidence.known_values import known_mean

SHUFFLED = "shuffled labels"


@sweepable
def measure_sanity(
    *,
    source: Source,
    methods: str = "",
    num_images: int = 16,
    num_samples: int = 16,
    whole_cascade: bool = True,
    label_epochs: int = 0,
) -> xr.Dataset:
    """Compare maps with those of networks that have unlearned, layer by layer.

    Args:
        source: The network, and images that it has not seen.
        methods: Names with commas; empty for all. The control `edges` is added.
        num_images: How many images held out, as many of each class.
        num_samples: Of the methods that draw, see `explain`.
        whole_cascade: Whether to stop at every layer; else only where all dense layers
            are new, and where all layers are.
        label_epochs: Epochs of a network that learns shuffled labels; 0 for none, which
            is always so for a network that was brought along.

    Returns:
        `similarity` by `attribution`, `unlearned` and `kind` (see `map_similarity`),
        the mean over images, where the signed rank is that of the attributions with
        their sign: `unlearned` is the lowest layer that was initialized anew with all
        above it, the decision layer first, or `"shuffled labels"`. `heatmap` of the
        first image, by `attribution` and `state` (`"trained"`, then as `unlearned`),
        beside the `image`. Without dimensions, `label_accuracy`, that on the shuffled
        labels that were learned, NaN without. The attribute `decision` names the place
        where all dense layers are new and nothing else is.

    Raises:
        ValueError: As in `open_study`; no such method.
    """
    point, seed = open_point(source, num_images=num_images), source.seed
    model = point.study.model
    networks, decision = unlearned_networks(
        point, whole_cascade=whole_cascade, seed=seed
    )
    accuracy = np.nan
    if label_epochs and not source.model:
        networks[SHUFFLED], accuracy = _learn_nonsense(point, label_epochs, seed)
    images = point.chosen.images
    objectives = predicted_logits(model, images)
    names = [*method_names(methods), "edges"]
    settings = {"num_samples": num_samples, "seed": seed}
    found = {
        state: {
            name: explain(point, objectives, images, name, model=network, **settings)
            for name in names
        }
        for state, network in {"trained": model, **networks}.items()
    }
    values = [
        [
            [_likeness(found["trained"][name], found[state][name], name, kind)
             for kind in KINDS]
            for state in networks
        ]
        for name in names
    ]  # fmt: skip
    drawn = [[to_heatmap(found[s][name][:1], name)[0] for s in found] for name in names]
    coordinates = {
        "attribution": names,
        "unlearned": list(networks),
        "kind": list(KINDS),
        "state": list(found),
    }
    return xr.Dataset(
        {
            "similarity": (("attribution", "unlearned", "kind"), values),
            "heatmap": (
                ("attribution", "state", "y", "x"),
                np.array(drawn, np.float32),
            ),
            "image": (("y", "x", "color"), images[0]),
            "label_accuracy": accuracy,
        },
        coordinates,
        {"decision": decision},
    )


def unlearned_networks(
    point: Point, *, whole_cascade: bool, seed: int
) -> tuple[dict, str]:
    """Return the cascade of a network, and where its dense layers are all new.

    Of a network that does not end in dense layers, the place is its last layer.

    Args:
        point: Says the network.
        whole_cascade: Whether to return all copies, or the two of the place and of the
            first layer.
        seed: Of the new weights.
    """
    from happymaps.attribution.evaluation.randomization import (
        cascading_randomization,
        layers_with_weights,
    )
    from happymaps.networks.inspection import dense_layers

    model = point.study.model
    layers, dense = layers_with_weights(model)[::-1], dense_layers(model)
    count = next((i for i, one in enumerate(layers) if one not in dense), len(layers))
    decision = layers[max(0, count - 1)]
    chosen = layers if whole_cascade else [decision, layers[-1]]
    networks = cascading_randomization(model, layers=chosen, seed=seed)
    return networks, decision


def _learn_nonsense(point: Point, epochs: int, seed: int):
    from happymaps.attribution.evaluation.randomization import shuffle_labels
    from happymaps.networks.models import build_cnn
    from happymaps.networks.training import evaluate, train

    nonsense = shuffle_labels(point.study.learned, seed=seed)
    untrained = build_cnn(
        nonsense.images.shape[1:], len(nonsense.class_names), seed=seed
    )
    trained = train(
        untrained, nonsense, seed=seed, epochs=epochs, validation_fraction=0
    ).model
    return trained, evaluate(trained, nonsense)["accuracy"]


def _likeness(first: np.ndarray, second: np.ndarray, name: str, kind: str) -> float:
    # A heat map of absolute values has no sign to compare.
    to_plane = (lambda a, _: a.sum(axis=-1)) if kind == "signed_rank" else to_heatmap
    values = map_similarity(to_plane(first, name), to_plane(second, name), kind=kind)
    return known_mean(values)
