"""What each tool says of one network: numbers, and maps with a place."""

import functools
import time
from collections.abc import Callable

import numpy as np
from scipy import stats

from experiments.experiment7.measures.drawing import draw_parts
from experiments.experiment7.measures.plants import SIDE, Images, stamp
from experiments.experiment7.measures.specimens import (
    LAST_CONVOLUTION,
    LAST_HIDDEN,
    OUTPUT,
    Specimen,
    accuracy,
    activity,
    log_losses,
    slopes,
    tell,
)

_EXPLAINED = 24  # images, half of each class, for methods of many passes
_STARTS, _STEPS = 4, 100
_FILTER_STEPS = 60
_COPIES = 4  # of the network with shuffled weights
_PASTED, _STRIDE = 30, 4  # images, and pixels from place to place
_CERTAIN = 10  # best real images of each class
_PRIOR_SEED = 900_000  # of images that no network learns from
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


def draw_maps(specimen: Specimen, seed: int) -> tuple[dict, dict]:
    """Return the map of each tool, `(y, x)`, and the CPU seconds that it took."""
    found, seconds = {}, {}
    for name, tool in _MAPS.items():
        began = time.process_time()
        found[name] = np.float32(tool(specimen, seed))
        seconds[name] = time.process_time() - began
    return found, seconds


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


def _left():
    """Return the objective of the difference of both logits."""
    import happymaps as hm

    return hm.unit(OUTPUT, 1) - hm.unit(OUTPUT, 0)


def _attributed(name: str, count: int | None = _EXPLAINED, **options) -> Callable:
    def draw(specimen: Specimen, seed: int) -> np.ndarray:
        import happymaps as hm

        images = specimen.audit.images[:count]
        method = getattr(hm.attribution, name)
        values = method(specimen.network, _left(), images, **options).values
        return np.abs(values).mean(axis=(0, -1))

    return draw


def _happy(look: str) -> Callable:
    def draw(specimen: Specimen, seed: int) -> np.ndarray:
        import happymaps as hm

        shape = specimen.audit.images.shape[1:]
        maps = hm.maximize(
            specimen.network,
            _left(),
            look=look,
            prior=_prior(shape) if look == "natural" else None,
            sign=("happy", "sad"),
            seeds=_STARTS,
            num_steps=_STEPS,
        ).image.mean("seed")
        return (maps.sel(sign="happy") - maps.sel(sign="sad")).values.squeeze()

    return draw


def draw_own_copies(specimen: Specimen, seed: int) -> np.ndarray:
    """Return what `gradient` shows with shuffled weights, `(copies, y, x)`.

    NaN for flaws that no map has a place for: nothing is claimed of them.
    """
    network, kept = specimen.network, specimen.network.get_weights()
    if specimen.plant.flaw not in ("clean", "benign", "mark", "backdoor"):
        shape = specimen.audit.images.shape[1:3]
        return np.full((_COPIES, *shape), np.nan, np.float32)
    rng, found = np.random.default_rng([seed, 11]), []
    for _ in range(_COPIES):
        network.set_weights([rng.permutation(w.ravel()).reshape(w.shape) for w in kept])
        found.append(np.abs(slopes(network, specimen.audit.images)).mean(axis=(0, -1)))
    network.set_weights(kept)
    return np.float32(found)


def _exemplars(specimen: Specimen, seed: int) -> np.ndarray:
    """Return the mean of the most certain images of a class less the other's."""
    order = np.argsort(tell(specimen.network, specimen.audit.images))
    images = specimen.audit.images
    certain = images[order[-_CERTAIN:]].mean(axis=0) - images[order[:_CERTAIN]].mean(0)
    return certain.mean(axis=-1)


def _pasting(specimen: Specimen, seed: int) -> np.ndarray:
    """Return the share of others that a patch, bright or dark, turns at each place."""
    images, network = specimen.audit.images, specimen.network
    others = images[tell(network, images) <= 0][:_PASTED]
    height, width = images.shape[1:3]
    found = np.zeros((height, width))
    if not len(others):
        return found
    places = [
        (row, column)
        for row in range(0, height - SIDE + 1, _STRIDE)
        for column in range(0, width - SIDE + 1, _STRIDE)
    ]
    turned = np.zeros(len(places))
    for by in (1.0, -1.0):
        marked = [stamp(others, place, by) for place in places]
        named = tell(network, np.concatenate(marked)) > 0
        turned = np.maximum(turned, named.reshape(len(places), -1).mean(axis=1))
    for (row, column), share in zip(places, turned, strict=True):
        found[row : row + SIDE, column : column + SIDE] = share
    return found


def _edges(specimen: Specimen, seed: int) -> np.ndarray:
    """Return the mean slope of the images: a map that ignores the network (N4)."""
    slopes = np.gradient(specimen.audit.images.mean(axis=-1), axis=(1, 2))
    return np.hypot(*slopes).mean(axis=0)


_MAPS = {
    "happy_study": _happy("study"),
    "happy_natural": _happy("natural"),
    "gradient": _attributed("gradient", None),
    "smooth_grad_squared": _attributed("smooth_grad_squared", num_samples=8),
    "integrated_gradients": _attributed("integrated_gradients", num_steps=12),
    "grad_cam": _attributed("grad_cam", None),
    "occlusion": _attributed("occlusion", patch=4, stride=3),
    "rise": _attributed("rise", num_masks=100),
    "region_permutation": _attributed("region_permutation", regions=8, num_repeats=1),
    "exemplars": _exemplars,
    "pasting": _pasting,
    "edges": _edges,
}
MAPS = tuple(_MAPS)


@functools.cache
def _prior(shape: tuple[int, ...]):
    import happymaps as hm

    return hm.fit_prior(_fixed_images(shape, _PRIOR_SEED), 60)


@functools.cache
def _litmus_images(shape: tuple[int, ...]) -> np.ndarray:
    images = _fixed_images(shape, _LITMUS_SEED)[:_LITMUS]
    noise = np.random.default_rng(_LITMUS_SEED).random((_LITMUS, *shape), np.float32)
    return np.concatenate([images, noise])


@functools.cache
def _fixed_images(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Return images that every network of a kind is shown: faces, or digits."""
    dataset = "mnist_5k" if shape[:2] == (28, 28) else "synthetic_faces"
    return draw_parts(dataset, seed)["learned"].images
