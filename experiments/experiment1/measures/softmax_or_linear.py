"""How the maps of a network's outputs oppose each other, by its last activation.

Nothing here needs TensorFlow before a network is trained.
"""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from happymaps.base.sweepable import TrainedSource, sweepable
from happymaps.base.variable_labels import label_variables

if TYPE_CHECKING:
    from happymaps.backend import keras
    from happymaps.networks.study import Study

OBJECTIVES = ("output", "logit")
PENALTIES = ("none", "given")
HEADS = ("softmax", "linear", "sigmoid", "squares")
# Name in the result -> what it is, and its unit.
_MEANINGS = {
    "balanced_accuracy": ("balanced accuracy, held-out images", "1"),
    "output_likeness": ("correlation of the maps of two outputs", "1"),
    "logit_likeness": ("correlation of the maps of two logits", "1"),
    "shuffled_output_likeness": ("the same with shuffled weights, outputs", "1"),
    "shuffled_logit_likeness": ("the same with shuffled weights, logits", "1"),
    "sad_likeness": ("correlation of SadMap 1 and HappyMap 0, outputs", "1"),
    "slope_sum": ("sum over the classes of softmax slopes, share of one", "1"),
    "saturation": ("p1 p0 at the start", "1"),
    "saturation_error": ("relative error of p1 p0 grad(z1 - z0)", "1"),
    "margin_share": ("gain in z1 - z0 by climbing output 1, share", "1"),
    "logit_correlation": ("correlation of two logits, held-out images", "1"),
    "weight_drift": ("movement of the classes' mean weights, share", "1"),
    "image": ("map", "pixel range of the network"),
}


@sweepable
def measure_output_maps(
    *,
    source: TrainedSource,
    head: str = "softmax",
    tv_weight: float = 10.0,
    lp_weight: float = 10.0,
    num_steps: int = 100,
) -> xr.Dataset:
    """Measure how the maps of the outputs of one network oppose each other.

    The likeness of two maps is the correlation of what they add to their common start;
    with more than two outputs, the mean over pairs.

    Args:
        source: The images; the network has as many outputs as the target has classes.
        head: `"softmax"`; `"linear"`, trained on the cross-entropy of its softmax;
            `"sigmoid"`, independent outputs; or `"squares"`, linear and trained on
            squared errors.
        tv_weight: Weight of total variation, > 0; maps are made without penalties too.
        lp_weight: Weight of the norm, > 0.
        num_steps: Steps of each optimization.

    Returns:
        By `penalty` (`"none"`, or the weights `"given"`): `output_likeness` of maps
        that climb the outputs, `logit_likeness` of maps that climb what enters the
        activation, both also `shuffled_`, with shuffled weights; of two outputs
        `sad_likeness` of the SadMap of 1 and the HappyMap of 0, and `margin_share`
        (what climbing output 1 gains in z1 - z0, over what climbing z1 - z0 gains),
        else NaN. Without dimensions: `balanced_accuracy`; `slope_sum`, `saturation` and
        `saturation_error` (see `check_softmax_slopes`); `logit_correlation` over the
        images held out, the mean over pairs; `weight_drift` (see there). Besides
        `image`, by `objective` (`"output"`, `"logit"`), `penalty`, `output`, `y`, `x`,
        `color`.

    Raises:
        ValueError: Another head, a weight that is not above 0; or as in `open_study`.
    """
    from experiments.experiment1.measures.softmax_gradients import (
        check_softmax_slopes,
        weight_drift,
    )
    from happymaps.networks.training import evaluate

    if min(tv_weight, lp_weight) <= 0:
        raise ValueError(
            "tv_weight and lp_weight must be > 0. Received: "
            f"{tv_weight} and {lp_weight}. Maps without penalties are made anyway."
        )
    study, seed = _open_head(source, head), source.seed
    model, held_out = study.model, study.held_out
    found = {
        "balanced_accuracy": evaluate(model, held_out)["balanced_accuracy"],
        **compare_maps(
            model,
            tv_weight=tv_weight,
            lp_weight=lp_weight,
            num_steps=num_steps,
            seed=seed,
        ),
        **check_softmax_slopes(model, seed=seed),
        "logit_correlation": _correlate_logits(model, held_out.images),
        "weight_drift": weight_drift(
            _output_weights(_build(study, head, seed)), _output_weights(model)
        ),
    }
    labels = {"penalty": list(PENALTIES), "objective": list(OBJECTIVES)}
    return label_variables(xr.Dataset(found, labels), _MEANINGS)


def _open_head(source: TrainedSource, head: str) -> "Study":
    from happymaps.base.messages import unknown_name
    from happymaps.networks.study import open_study

    if head not in HEADS:
        raise ValueError(unknown_name("head", head, HEADS))
    activation = "linear" if head == "squares" else head
    study = open_study(
        **source.arguments(), split="person", final_activation=activation
    )
    if head == "squares":
        return study._replace(model=_train_on_squares(study, source.seed))
    return study


def _build(study: "Study", head: str, seed: int) -> "keras.Model":
    """Return the network as it was before its training."""
    from happymaps.networks.models import build_cnn

    return build_cnn(
        study.learned.images.shape[1:],
        len(study.learned.class_names),
        final_activation="linear" if head == "squares" else head,
        seed=seed,
    )


def _train_on_squares(study: "Study", seed: int) -> "keras.Model":
    from happymaps.backend import keras

    learned = study.learned
    order = np.random.default_rng(seed).permutation(len(learned))
    targets = np.eye(len(learned.class_names), dtype=np.float32)[learned.labels]
    model = _build(study, "squares", seed)
    model.compile(keras.optimizers.Adam(1e-3), loss="mean_squared_error")
    model.fit(
        learned.images[order], targets[order], batch_size=32, epochs=20,
        shuffle=False, verbose=0,
    )  # fmt: skip
    return model


def _output_weights(model: "keras.Model") -> np.ndarray:
    from happymaps.networks.inspection import output_layer
    from happymaps.networks.layers import find_layer

    return find_layer(model, output_layer(model)).kernel.numpy()


def compare_maps(
    model: "keras.Model",
    *,
    tv_weight: float = 10.0,
    lp_weight: float = 10.0,
    num_steps: int = 100,
    seed: int = 0,
) -> dict[str, tuple]:
    """Return the maps of a network's outputs, and how alike those of two outputs are.

    Args:
        model: The network; it is not changed.
        tv_weight: Weight of total variation where penalties are charged, > 0.
        lp_weight: Weight of the norm where penalties are charged, > 0.
        num_steps: Steps of each optimization.
        seed: Of the start, and of the shuffling of weights.

    Returns:
        The variables of `measure_output_maps` that have the dimension `penalty`, each
        as a pair of dimensions and values.
    """
    from happymaps.maps.engine.starts import start_images
    from happymaps.networks.models import randomize_weights

    options = {
        "tv_weight": [0.0, tv_weight],
        "lp_weight": [0.0, lp_weight],
        "num_steps": num_steps,
        "seeds": [seed],
    }
    start = start_images([seed], model.input_shape[1:])
    maps = _make_maps(model, options)
    null = _make_maps(randomize_weights(model, seed=seed), options)
    found = {
        f"{prefix}{kind}_likeness": ("penalty", _likeness(climbed - start))
        for prefix, pair in {"": maps, "shuffled_": null}.items()
        for kind, climbed in zip(OBJECTIVES, pair, strict=True)
    }
    is_pair = model.output_shape[-1] == 2
    nothing = ("penalty", [np.nan] * len(PENALTIES))
    pictured = ("objective", "penalty", "output", "y", "x", "color")
    return {
        **found,
        "image": (pictured, np.array([*maps])),
        "sad_likeness": nothing,
        "margin_share": nothing,
        **(_compare_pair(model, start, maps[0], options) if is_pair else {}),
    }


def _compare_pair(model, start, climbed, options: dict) -> dict:
    """Return what is asked of two outputs alone, without and with penalties."""
    from happymaps.maps.objectives import logit, unit
    from happymaps.maps.scoring import score_images
    from happymaps.networks.inspection import output_layer

    margin = logit(1) - logit(0)
    first = unit(output_layer(model), 1)
    sad = _climb(model, [first], options, activation="post", sign="sad")
    best = _climb(model, [margin], options)
    scored = np.concatenate([start, climbed[:, 1], best[:, 0]])
    before, *scores = score_images(model, [margin], scored).values[0]
    reached, possible = np.split(np.array(scores) - before, 2)
    both = np.stack([sad[:, 0], climbed[:, 0]], axis=1)
    return {
        "sad_likeness": ("penalty", _likeness(both - start)),
        "margin_share": ("penalty", reached / possible),
    }


def _make_maps(model, options: dict) -> list[np.ndarray]:
    """Return the maps of all outputs and of all logits, as `_climb` does."""
    from happymaps.maps.scoring import layer_objectives
    from happymaps.networks.inspection import activation_name, output_layer

    last = output_layer(model)
    outputs = layer_objectives(model, last)
    logits = _climb(model, outputs, options)
    if activation_name(model, last) == "linear":
        return [logits, logits]
    return [_climb(model, outputs, options, activation="post"), logits]


def _climb(model, objectives, options: dict, **choice: str) -> np.ndarray:
    """Return maps of shape (penalties, objectives, height, width, channels)."""
    from happymaps.maps.maximization import sweep

    maps = sweep(model, objectives, **options, **choice).image.squeeze("seed")
    both = xr.DataArray(
        range(len(PENALTIES)), dims="penalty"
    )  # neither weight, or both
    maps = maps.isel(tv_weight=both, lp_weight=both)
    return maps.transpose("penalty", "objective", ...).values


def _likeness(changes: np.ndarray) -> list[float]:
    """Return the mean likeness of the maps, without and with penalties."""
    from happymaps.evidence.similarity import mean_similarity

    return mean_similarity(changes, "raw").tolist()


def _correlate_logits(model: "keras.Model", images: np.ndarray) -> float:
    from happymaps.networks.inspection import output_layer
    from happymaps.networks.layers import cut

    logits = cut(model, [output_layer(model)], pre_activation=True)(images).numpy()
    table = np.corrcoef(logits.T)
    return float(table[np.triu_indices(len(table), k=1)].mean())
