"""The map that each tool draws of one network, with a place to look at."""

import functools
import time
from collections.abc import Callable, Sequence

import numpy as np

from experiments.experiment7.measures.drawing import fixed_images
from experiments.experiment7.measures.plants import SIDE, stamp
from experiments.experiment7.measures.specimens import OUTPUT, Specimen, slopes, tell

_EXPLAINED = 24  # images, half of each class, for methods of many passes
_STARTS, _STEPS = 4, 100
_COPIES = 4  # of the network with shuffled weights
_PASTED, _STRIDE = 30, 4  # images, and pixels from place to place
_CERTAIN = 10  # best real images of each class
PRIOR_SEED = 900_000  # of images that no network learns from
_TRIGGER_STEPS, _TRIGGER_RATE = 150, 0.1  # of Adam
_TURNED, _CHARGE = 0.95, 1.05  # share to be turned, and how the price of pixels moves


def draw_maps(
    specimen: Specimen, seed: int, tools: Sequence[str] = ()
) -> tuple[dict, dict]:
    """Return the map of each tool, or of some, `(y, x)`, and the CPU seconds taken."""
    found, seconds = {}, {}
    for name in tools or MAPS:
        began = time.process_time()
        found[name] = np.float32(_MAPS[name](specimen, seed))
        seconds[name] = time.process_time() - began
    return found, seconds


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
            prior=fit_faces(shape) if look == "natural" else None,
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


def _trigger(specimen: Specimen, seed: int) -> np.ndarray:
    return find_trigger(specimen, 1)


def find_trigger(specimen: Specimen, label: int) -> np.ndarray:
    """Return the smallest mask that turns the other class into one, `(y, x)` in [0, 1].

    One mask and one pattern for all images, `x (1 - mask) + pattern mask`; the price of
    a pixel rises while 95 % are turned, and falls while they are not. Of 150 steps the
    smallest mask that turned so many; the last one if none did.

    Source: Wang et al. 2019, doi:10.1109/SP.2019.00031 (Neural Cleanse).
    """
    images, network = specimen.audit.images, specimen.network
    others = images[(tell(network, images) > 0) != label][:_PASTED]
    if not len(others):
        return np.zeros(images.shape[1:3], np.float32)
    # Always as many: other numbers would be compiled anew.
    others = others[np.arange(_PASTED) % len(others)]
    return _inverter(network)(others, 2.0 * label - 1).numpy()


@functools.cache
def _inverter(network):
    from happymaps.backend import tf

    @tf.function
    def run(images, sign):
        shape = images.shape[1:]
        values = tf.concat([tf.fill((1, *shape[:2], 1), -2.0),
                            tf.zeros((1, *shape))], axis=-1)  # fmt: skip
        mean, square, price = 0 * values, 0 * values, 0.01
        found, smallest = tf.zeros((*shape[:2],)), float("inf")
        for step in tf.range(1.0, _TRIGGER_STEPS + 1):
            with tf.GradientTape() as tape:
                tape.watch(values)
                both = tf.sigmoid(values)
                mask, pattern = both[..., :1], both[..., 1:]
                logits = network(images + mask * (pattern - images), training=False)
                margin = sign * (logits[:, 1] - logits[:, 0])
                loss = tf.reduce_mean(tf.nn.softplus(-margin))
                loss += price * tf.reduce_sum(mask)
            slope = tape.gradient(loss, values)
            mean = 0.9 * mean + 0.1 * slope
            square = 0.999 * square + 0.001 * slope**2
            scale = tf.sqrt(square / (1 - 0.999**step)) + 1e-8
            values -= _TRIGGER_RATE * mean / (1 - 0.9**step) / scale
            turned = tf.reduce_mean(tf.cast(margin > 0, tf.float32)) >= _TURNED
            price *= tf.where(turned, _CHARGE, 1 / _CHARGE)
            size = tf.reduce_sum(mask)
            if (turned and size < smallest) or smallest == float("inf"):
                found = mask[0, ..., 0]
                smallest = size if turned else smallest
        return found

    return lambda images, sign: run(tf.constant(images), tf.constant(sign, tf.float32))


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
    "grad_cam_first": _attributed("grad_cam", None, layer="conv2d_1"),
    "grad_cam_second": _attributed("grad_cam", None, layer="conv2_2"),
    "occlusion": _attributed("occlusion", patch=4, stride=3),
    "rise": _attributed("rise", num_masks=100),
    "region_permutation": _attributed("region_permutation", regions=8, num_repeats=1),
    "exemplars": _exemplars,
    "pasting": _pasting,
    "trigger": _trigger,
    "edges": _edges,
}
MAPS = tuple(_MAPS)


@functools.cache
def fit_faces(shape: tuple[int, ...]):
    """Return the prior of images of a shape that no network has learned from."""
    import happymaps as hm

    return hm.fit_prior(fixed_images(shape, PRIOR_SEED), 60)
