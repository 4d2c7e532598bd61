"""What HappyMaps tell: which image a filter prefers, and at which weight of flaws."""

import functools
from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from experiments.experiment7.measures.observers import (
    CONTROLS,
    pool_of,
    strangest_window,
    unlikeness,
)
from experiments.experiment7.measures.specimens import (
    LAST_CONVOLUTION,
    OUTPUT,
    Specimen,
    make_specimen,
)
from experiments.experiment7.measures.tool_maps import PRIOR_SEED, fit_faces
from happymaps.base.sweepable import sweepable
from happymaps.base.variable_labels import label_variables
from happymaps.evidence.agreement import auroc

EXPLANATIONS = (
    *("real images", "HappyMaps, study", "HappyMaps, natural"),
    *("real images of another filter", "HappyMaps of another filter"),
)
MATCHERS = ("random convolutions", "network for photographs")
_SHOWN, _STEPS = 9, 100
_TENTH = 0.1  # of the images, at either end
_KERNELS, _SIDE, _POOLED = 64, 5, 3  # random convolutions, their size, and of a mean
_ENLARGED = (96, 96)  # for the network for photographs
WEIGHTS = tuple(10.0**power for power in np.arange(-0.5, 3.6, 0.25))
_STARTS = 4  # of the maps at each weight
_MEANINGS = {
    "right": ("share of pairs of which the one that excites more was named", "1"),
    "maps": ("HappyMap of class 1 over 0 less its SadMap", "1"),
    "rule": ("weight of the rule, N rms(da/dx) at the start", "1"),
}


@sweepable
def measure_choices(
    *, dataset: str = "synthetic_faces", plant: str = "clean", seed: int = 0
) -> xr.Dataset:
    """Ask two fixed matchers which of two images each filter prefers.

    Of each filter of the last convolution nine explanations are given: the real images
    learned from that excite it most, in the mean over places after the ReLU, or
    HappyMaps from nine starts, which climb the mean of a leaky one. Asked is about
    pairs of other people's images, one of the tenth that excite it most and one of the
    tenth that do least. A matcher takes the one that is liker one of the explanations.
    Filters that answer to nothing are left out.

    Source of the task: Borowski et al. 2021, arXiv:2010.12606, with people; a matcher
    stands in for them.

    Args:
        dataset: As in `draw_parts`.
        plant: Which flaw and dose: a name of `PLANTS`.
        seed: Of people, images and weights.

    Returns:
        `right` `(matcher, explanation, filter)`, chance .5; the second filter's for
        controls is the next that answers.

    Raises:
        ValueError: As in `make_specimen`.
    """
    specimen = make_specimen(plant, dataset, seed)
    learned, asked = specimen.learned.images, specimen.truth.images
    known, wanted = (_answers(specimen.network, part) for part in (learned, asked))
    alive = np.flatnonzero((known.std(axis=0) > 0) & (wanted.std(axis=0) > 0))
    maps = {look: _draw(specimen, look, alive) for look in ("study", "natural")}
    best = [np.argsort(-known[:, index], kind="stable")[:_SHOWN] for index in alive]
    count = max(2, round(_TENTH * len(asked)))
    order = np.argsort(wanted, axis=0, kind="stable")
    rng = np.random.default_rng([seed, 12])
    strong = rng.permuted(order[-count:][:, alive], axis=0)
    weak = order[:count][:, alive]
    right = np.full((len(MATCHERS), len(EXPLANATIONS), len(alive)), np.nan)
    for row, see in enumerate((_see_randomly, _see_as_photographs)):
        base = see(learned).mean(axis=0)

        def describe(images, see=see, base=base):
            """Return features of images that lie along any axes."""
            values = see(images.reshape(-1, *images.shape[-3:])) - base
            return values.reshape(*images.shape[:-3], *values.shape[1:])

        real, pairs = describe(learned), describe(asked)
        study, natural = (describe(maps[look]) for look in ("study", "natural"))
        for at in range(len(alive)):
            other = (at + 1) % len(alive)
            given = (
                real[best[at]],
                study[at],
                natural[at],
                real[best[other]],
                study[other],
            )
            for column, shown in enumerate(given):
                like = _likeness(pairs, shown)
                ahead = np.sign(like[strong[:, at]] - like[weak[:, at]])
                right[row, column, at] = np.mean(ahead + 1) / 2  # half for a tie
    found = xr.Dataset(
        {"right": (("matcher", "explanation", "filter"), right)},
        {"matcher": list(MATCHERS), "explanation": list(EXPLANATIONS)},
    )
    return label_variables(found, _MEANINGS)


@sweepable
def measure_weights(
    *, dataset: str = "synthetic_faces", plant: str = "clean", seed: int = 0
) -> xr.Dataset:
    """Draw the maps of the difference of the logits at each weight.

    Args:
        dataset: As in `draw_parts`.
        plant: Which flaw and dose: a name of `PLANTS`.
        seed: Of people, images, weights, and where the flaw is.

    Returns:
        `maps` `(tv_weight, y, x)`; `rule`.

    Raises:
        ValueError: As in `make_specimen`.
    """
    import happymaps as hm

    network = make_specimen(plant, dataset, seed).network
    found = hm.sweep(
        network,
        hm.unit(OUTPUT, 1) - hm.unit(OUTPUT, 0),
        tv_weight=list(WEIGHTS),
        sign=["happy", "sad"],
        seeds=_STARTS,
        num_steps=_STEPS,
    )
    means = found.image.mean("seed").squeeze(drop=True)
    maps = means.sel(sign="happy", drop=True) - means.sel(sign="sad", drop=True)
    size = np.prod(network.input_shape[1:])
    result = xr.Dataset(
        {
            "maps": (("tv_weight", "y", "x"),
                     maps.transpose("tv_weight", ...).values.squeeze()),
            "rule": float(size * found.gradient_rms.mean()),
        },
        {"tv_weight": list(WEIGHTS)},
    )  # fmt: skip
    return label_variables(result, _MEANINGS)


def score_weights(networks: Mapping[tuple[str, int], xr.Dataset]) -> pd.DataFrame:
    """Return a row for each network that is no reference, weight and observer.

    Args:
        networks: What `measure_weights` gave, by plant and seed.

    Returns:
        `plant`, `seed`, `tv_weight`, `observer` (`"O1"`, `"O2"`), `score`, `rule`.
    """
    references = np.stack([
        found.maps.values for key, found in networks.items()
        if pool_of(key[1]) == "reference"
    ])  # fmt: skip
    rows = []
    for (plant, seed), found in networks.items():
        if pool_of(seed) == "reference":
            continue
        for at, weight in enumerate(WEIGHTS):
            planes = found.maps.values[at], references[:, at]
            scores = {"O1": unlikeness(*planes), "O2": strangest_window(*planes)[0]}
            rows += [
                {"plant": plant, "seed": seed, "tv_weight": weight, "observer": name,
                 "score": score, "rule": float(found.rule)}
                for name, score in scores.items()
            ]  # fmt: skip
    return pd.DataFrame(rows)


def auroc_by_weight(scores: pd.DataFrame, plant: str, observer: str) -> pd.Series:
    """Return how well a flaw is told from clean and harmless networks, by weight."""
    mine = scores[(scores.observer == observer)]
    is_flawed = mine.plant == plant
    mine = mine[is_flawed | mine.plant.isin(CONTROLS)]
    return mine.groupby("tv_weight").apply(
        lambda part: auroc(part.score.to_numpy(), (part.plant == plant).to_numpy()),
        include_groups=False,
    )


def best_weight(scores: pd.DataFrame, plant: str) -> float:
    """Return the logarithm of the weight that tells a flaw best, by both observers.

    The mean of the weights' logarithms where several do.
    """
    both = sum(auroc_by_weight(scores, plant, name) for name in ("O1", "O2"))
    best = both.index.to_numpy()[both >= both.max() - 1e-9]
    return float(np.log10(best).mean())


def _answers(network, images: np.ndarray) -> np.ndarray:
    """Return what each filter gives in the mean over places, which maps climb."""
    import happymaps as hm

    return hm.deep_features(network, images, LAST_CONVOLUTION, keep=False)


def _draw(specimen: Specimen, look: str, filters: np.ndarray) -> np.ndarray:
    import happymaps as hm

    maps = hm.maximize(
        specimen.network,
        [hm.channel(LAST_CONVOLUTION, int(index)) for index in filters],
        look=look,
        prior=fit_faces(specimen.audit.images.shape[1:]) if look == "natural" else None,
        seeds=_SHOWN,
        num_steps=_STEPS,
    )
    return maps.image.transpose("objective", "seed", ...).values


def _likeness(asked: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Return the largest cosine of what is asked about with what is shown, by image.

    Features with places are compared at every shift.
    """
    from happymaps.backend import tf

    norms = [
        np.sqrt(np.sum(each**2, axis=tuple(range(1, each.ndim)))) + 1e-9
        for each in (asked, shown)
    ]
    if asked.ndim == 2:
        products = asked @ shown.T
    else:
        kernels = np.moveaxis(shown, 0, -1).astype(np.float32)
        products = tf.nn.conv2d(asked.astype(np.float32), kernels, 1, "SAME").numpy()
        products = products.max(axis=(1, 2))
    return (products / norms[0][:, None] / norms[1]).max(axis=1)


def _see_randomly(images: np.ndarray) -> np.ndarray:
    """Return features with places of random convolutions, the same for all networks."""
    from happymaps.backend import tf

    rng = np.random.default_rng(PRIOR_SEED)
    kernels = rng.standard_normal((_SIDE, _SIDE, images.shape[-1], _KERNELS))
    kernels -= kernels.mean(axis=(0, 1))
    values = tf.nn.relu(tf.nn.conv2d(images, np.float32(kernels), 1, "SAME"))
    return tf.nn.avg_pool2d(values, _POOLED, _POOLED, "VALID").numpy()


def _see_as_photographs(images: np.ndarray) -> np.ndarray:
    """Return the features of EfficientNet-Lite0, which has never seen such images."""
    import happymaps as hm
    from happymaps.backend import tf

    colored = np.repeat(images, 3 // images.shape[-1], axis=-1)
    large = tf.image.resize(colored, _ENLARGED).numpy()
    return hm.deep_features(_photographer(), large, "features", keep=False)


@functools.cache
def _photographer():
    import happymaps as hm

    return hm.networks.efficientnet_lite0(_ENLARGED)
