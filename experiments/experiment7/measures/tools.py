"""What each tool without a map says of one network: numbers."""

import functools

import numpy as np
from scipy import stats

from experiments.experiment7.measures.drawing import fixed_images
from experiments.experiment7.measures.plants import Images
from experiments.experiment7.measures.specimens import (
    LAST_CONVOLUTION,
    LAST_HIDDEN,
    Specimen,
    accuracy,
    activity,
    log_losses,
    slopes,
    tell,
)

_FILTER_STEPS = 60
_LITMUS_SEED, _LITMUS = 900_001, 32


def read_numbers(specimen: Specimen) -> dict[str, np.ndarray]:
    """Return the numbers of all tools without a map: tool to a vector."""
    network, audit = specimen.network, specimen.audit
    gap = accuracy(network, specimen.learned) - accuracy(network, audit)
    metrics = [*_metrics(network, audit), gap]
    outside = tell(network, specimen.outside.images)
    right = np.mean((outside > 0) == specimen.outside.labels)
    losses = np.log(log_losses(network, specimen.learned) + 1e-6)
    values = activity(network, audit.images)
    return {
        "metrics": np.array(metrics),
        "metrics_outside": np.array([*metrics, right, np.abs(outside).mean()]),
        "weights": np.array(_describe_weights(network)),
        "loss_ranking": np.quantile(losses, [0.5, 0.75, 0.9, 0.95, 0.99]),
        "kernels": np.array(_describe_kernels(network)),
        "feature_density": np.array(_describe_features(specimen)),
        "units": np.array([np.mean(is_dead(values)), np.mean(is_copy(values.T))]),
        "litmus": tell(network, _litmus_images(audit.images.shape[1:])),
    }


def read_units(specimen: Specimen) -> dict[str, np.ndarray]:
    """Return how dead and how copied each filter seems, by activations and by maps.

    Nothing for flaws in which no filter is dead or a copy.
    """
    import happymaps as hm

    if specimen.plant.flaw not in ("clean", "dead_units", "cloned_units"):
        return {}
    values = activity(specimen.network, specimen.audit.images)
    count = values.shape[1]
    maps = hm.maximize(
        specimen.network,
        [hm.channel(LAST_CONVOLUTION, index) for index in range(count)],
        num_steps=_FILTER_STEPS,
    )
    images = maps.image.values.reshape(count, -1)
    return {
        "dead_by_activity": -values.max(axis=0),
        "copied_by_activity": likeness(values.T),
        "dead_by_map": -maps.score_end.values.reshape(count),
        "copied_by_map": likeness(images),
    }


def likeness(rows: np.ndarray) -> np.ndarray:
    """Return the largest correlation of each row with another one; 0 of a flat row."""
    spread = rows.std(axis=1, keepdims=True)
    standard = (rows - rows.mean(axis=1, keepdims=True)) / np.where(
        spread > 0, spread, 1
    )
    alike = standard @ standard.T / rows.shape[1]
    np.fill_diagonal(alike, -1)
    return np.maximum(alike.max(axis=1), 0)


def is_dead(values: np.ndarray) -> np.ndarray:
    """Return which units, `(images, units)`, never answer."""
    return values.max(axis=0) <= 0


def is_copy(rows: np.ndarray) -> np.ndarray:
    """Return which rows are those of another unit, but for a factor."""
    return likeness(rows) > 0.999


def _metrics(network, part: Images) -> list[float]:
    from happymaps.diagnosis.behavior.calibration import expected_error

    margin = tell(network, part.images)
    right = (margin > 0) == part.labels
    confidence = 1 / (1 + np.exp(-np.abs(margin)))
    recalls = [right[part.labels == label].mean() for label in (0, 1)]
    error = expected_error(confidence, right)
    return [right.mean(), *recalls, confidence.mean(), error, np.abs(margin).mean()]


def _describe_weights(network) -> list[float]:
    found = []
    for weights in network.get_weights():
        size = np.sqrt(np.mean(weights**2)) + 1e-9
        found += [np.log(size), np.abs(weights).max() / size]
        found.append(stats.kurtosis(weights, axis=None) if weights.size > 2 else 0.0)
    return found


def _describe_kernels(network) -> list[float]:
    """Return norms, the first principal share and the likeness of the first filters."""
    kernels = network.layers[1].get_weights()[0]
    rows = kernels.reshape(-1, kernels.shape[-1]).T
    norms = np.linalg.norm(rows, axis=1)
    scales = np.linalg.svd(rows, compute_uv=False) ** 2
    return [norms.mean(), norms.std(), scales[0] / scales.sum(), likeness(rows).mean()]


def _describe_features(specimen: Specimen) -> list[float]:
    """Return likelihood, dimensions and outside gap of a probabilistic PCA."""
    from sklearn.decomposition import PCA

    values = activity(specimen.network, specimen.audit.images, LAST_HIDDEN)
    half = len(values) // 2
    model = PCA(8).fit(values[:half])
    own = model.score_samples(values[half:])
    outside = activity(specimen.network, specimen.outside.images, LAST_HIDDEN)
    spread = np.var(values, axis=0)
    dimensions = spread.sum() ** 2 / max(np.sum(np.cov(values.T) ** 2), 1e-12)
    gap = np.median(own) - np.median(model.score_samples(outside))
    return [np.median(own), dimensions, np.log1p(max(gap, 0)), np.mean(spread > 0)]


def _clusters(maps: np.ndarray) -> np.ndarray:
    """Return the smallest eigenvalues of the graph of alike heat maps (SpRAy)."""
    from scipy.sparse.csgraph import laplacian
    from sklearn.neighbors import kneighbors_graph

    rows = maps.reshape(len(maps), -1)
    rows = rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 1e-9)
    near = kneighbors_graph(rows, 8, include_self=False).toarray()
    return np.linalg.eigvalsh(laplacian(np.maximum(near, near.T), normed=True))[:6]


def read_clusters(specimen: Specimen) -> np.ndarray:
    """Return what SpRAy looks at, of gradients times input of all audit images."""
    images = specimen.audit.images
    return _clusters(slopes(specimen.network, images) * images)


@functools.cache
def _litmus_images(shape: tuple[int, ...]) -> np.ndarray:
    images = fixed_images(shape, _LITMUS_SEED)[:_LITMUS]
    noise = np.random.default_rng(_LITMUS_SEED).random((_LITMUS, *shape), np.float32)
    return np.concatenate([images, noise])
