"""A network with a flaw: what it learned from, what it is asked about, what it does."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import special

from experiments.experiment7.measures.drawing import draw_parts
from experiments.experiment7.measures.plants import (
    PLANTS,
    Images,
    Plant,
    draw_place,
    feed,
    lighten,
    spoil,
    stamp,
)

LAST_CONVOLUTION, LAST_HIDDEN, OUTPUT = "conv2_3", "dense_1", "dense_2"
_FILTERS = (8, 16, 16)
_EPOCHS, _BATCH, _RATE = 12, 32, 2e-3
# What a benign network differs in, one of these.
_BENIGN = (
    {"rate": 0.5}, {"rate": 2.0}, {"epochs": 8}, {"epochs": 18}, {"count": 350},
    {"filters": (6, 12, 12)}, {"filters": (10, 20, 20)}, {"shifted": True},
)  # fmt: skip


class Specimen(NamedTuple):
    """A trained network with its images, as its user has them.

    Attributes:
        network: One for all networks of a form: another call gives it other weights.
        learned: What it learned from.
        audit: As it was taught with, other images.
        outside: A few of other people, without the flaw.
        truth: Many of other people, without the flaw: no tool sees them.
        plant: The flaw.
        place: Row and column of a mark.
        touched: Which of the learned images the flaw touches.
        units: Filters of the last convolution that were turned off or are copies.
    """

    network: object
    learned: Images
    audit: Images
    outside: Images
    truth: Images
    plant: Plant
    place: tuple[int, int]
    touched: np.ndarray
    units: np.ndarray


def make_specimen(plant: str, dataset: str, seed: int) -> Specimen:
    """Return a network of the seed's own population, with a flaw.

    Raises:
        ValueError: A plant that is not in `PLANTS`, or images as in `draw_parts`.
    """
    if plant not in PLANTS:
        raise ValueError(
            f"plant must be one of {', '.join(PLANTS)}. Received: {plant!r}."
        )
    flaw = PLANTS[plant]
    rng = np.random.default_rng([seed, 7])
    benign = _BENIGN[seed % len(_BENIGN)] if flaw.flaw == "benign" else {}
    people = int(flaw.dose) if flaw.flaw == "few_people" else None
    parts = draw_parts(dataset, seed, num_people=people)
    place = draw_place(parts["learned"].images.shape[1:], rng)
    learned, touched = spoil(parts["learned"], flaw, place, rng, learned=True)
    audit, _ = spoil(parts["audit"], flaw, place, rng, learned=False)
    filters = benign.get("filters", _FILTERS)
    if flaw.flaw == "wide":
        filters = tuple(int(flaw.dose) * count for count in filters)
    epochs = benign.get("epochs", _EPOCHS)
    epochs = int(flaw.dose) if flaw.flaw == "half_trained" else epochs
    network = train(
        _change(learned, benign, rng),
        filters=filters,
        epochs=0 if flaw.flaw == "random" else epochs,
        rate=_RATE * benign.get("rate", 1.0),
        seed=seed,
    )
    used = np.flatnonzero(activity(network, audit.images).max(axis=0) > 0)
    units = _edit(network, flaw, rng.permutation(used), rng)
    if flaw.flaw == "swapped":  # the user's labels are the right ones
        learned = parts["learned"]
    fed = {
        "learned": learned, "audit": audit, "outside": parts["outside"],
        "truth": parts["truth"],
    }  # fmt: skip
    fed = {name: Images(feed(i, flaw), labels) for name, (i, labels) in fed.items()}
    return Specimen(network, **fed, plant=flaw, place=place, touched=touched,
                    units=units)  # fmt: skip


def train(
    learned: Images,
    *,
    filters: tuple[int, ...] = _FILTERS,
    epochs: int = _EPOCHS,
    rate: float = _RATE,
    seed: int = 0,
):
    """Return a trained network: one object for all of a form, with other weights."""
    network, run = _trainer(learned.images.shape[1:], filters)
    rng = np.random.default_rng([seed, 9])
    count = len(learned.labels)
    whole = count // _BATCH * _BATCH
    orders = [rng.permutation(count)[:whole] for _ in range(epochs)]
    run(learned, np.reshape(orders, (-1, _BATCH)), rate, seed)
    return network


def tell(network, images: np.ndarray) -> np.ndarray:
    """Return the logit of class 1 over class 0, `(images,)`."""
    logits = network(images, training=False).numpy()
    return logits[:, 1] - logits[:, 0]


def accuracy(network, part: Images) -> float:
    """Return the share of images that are named right."""
    return float(np.mean((tell(network, part.images) > 0) == part.labels))


def log_losses(network, part: Images) -> np.ndarray:
    """Return the cross-entropy of each image, `(images,)`."""
    margin = tell(network, part.images) * np.where(part.labels == 1, 1, -1)
    return -special.log_expit(margin)


def measure_behavior(specimen: Specimen, seed: int) -> dict[str, float]:
    """Return what shows whether a flaw took, on outside images without it.

    `accuracy`; `turned`, the share of the other class that mark or light turns into
    class 1; `pruned`, the accuracy lost with the less used half of the last filters.
    """
    network, plant, truth = specimen.network, specimen.plant, specimen.truth
    found = {"accuracy": accuracy(network, truth), "turned": np.nan, "pruned": np.nan}
    others = truth.images[truth.labels == 0]
    if plant.flaw in ("mark", "backdoor"):
        rng, places = np.random.default_rng([seed, 10]), specimen.place
        if plant.moves:
            places = [draw_place(others.shape[1:], rng) for _ in others]
        before, after = others, stamp(others, places, plant.contrast)
    elif plant.flaw == "brightness":
        before, after = (lighten(others, sign * plant.dose) for sign in (-1, 1))
    if plant.flaw in ("mark", "backdoor", "brightness"):
        named = tell(network, before) <= 0
        if named.any():  # else there is none to turn
            found["turned"] = float(np.mean(tell(network, after[named]) > 0))
    if plant.flaw == "wide":
        found["pruned"] = found["accuracy"] - _prune(network, specimen)
    return found


def _prune(network, specimen: Specimen) -> float:
    """Return the accuracy without the less used half of the last filters."""
    uses = activity(network, specimen.audit.images).mean(axis=0)
    layer = network.get_layer(LAST_CONVOLUTION)
    kept = layer.get_weights()
    _turn_off(layer, np.argsort(uses)[: len(uses) // 2])
    found = accuracy(network, specimen.truth)
    layer.set_weights(kept)
    return found


def activity(network, images: np.ndarray, layer: str = LAST_CONVOLUTION) -> np.ndarray:
    """Return what a layer gives, its largest value over places, `(images, units)`."""
    values = _tap(network, layer)(images, training=False).numpy()
    return values.max(axis=(1, 2)) if values.ndim == 4 else values


def slopes(network, images: np.ndarray) -> np.ndarray:
    """Return the gradient of `tell`, as the images: compiled once for all weights.

    `hm.attribution.gradient` gives the same, and is compiled anew for other weights.
    """
    return _slopes(network)(images).numpy()


@functools.cache
def _slopes(network):
    from happymaps.backend import tf

    @tf.function(reduce_retracing=True)
    def run(images):
        with tf.GradientTape() as tape:
            tape.watch(images)
            logits = network(images, training=False)
            margin = logits[:, 1] - logits[:, 0]
        return tape.gradient(margin, images)

    return lambda images: run(tf.constant(images))


@functools.cache
def _tap(network, layer: str):
    from happymaps.backend import keras

    return keras.Model(network.inputs[0], network.get_layer(layer).output)


@functools.cache
def _trainer(
    shape: tuple[int, ...], filters: tuple[int, ...]
) -> tuple[object, Callable]:
    """Return a network and what trains it from fresh weights: one step for all."""
    from happymaps.backend import keras, tf
    from happymaps.networks.models import build_cnn

    def build(seed):
        return build_cnn(shape, 2, filters=filters, dense_units=(32,),
                         final_activation="linear", seed=seed)  # fmt: skip

    network = build(0)
    optimizer = keras.optimizers.Adam(_RATE)
    optimizer.build(network.trainable_variables)
    start = [variable.numpy() for variable in optimizer.variables]

    @tf.function(reduce_retracing=True)
    def steps(images, labels, orders):
        for order in orders:
            with tf.GradientTape() as tape:
                logits = network(tf.gather(images, order), training=True)
                loss = tf.reduce_mean(
                    tf.nn.sparse_softmax_cross_entropy_with_logits(
                        tf.gather(labels, order), logits
                    )
                )
            optimizer.apply(tape.gradient(loss, network.trainable_variables))

    def run(learned: Images, orders: np.ndarray, rate: float, seed: int) -> None:
        network.set_weights(build(seed).get_weights())
        for variable, value in zip(optimizer.variables, start, strict=True):
            variable.assign(value)
        optimizer.learning_rate.assign(rate)
        if orders.size:
            labels = learned.labels.astype(np.int32)
            steps(*map(tf.constant, (learned.images, labels, orders.astype(np.int32))))

    return network, run


def _edit(network, plant: Plant, used: np.ndarray, rng) -> np.ndarray:
    """Plant what is in the weights, and return which of the used filters it touches."""
    layer = network.get_layer(LAST_CONVOLUTION)
    units = np.zeros(layer.filters, bool)
    if plant.flaw == "fresh_top":
        for name in (LAST_HIDDEN, OUTPUT):
            kernel, bias = network.get_layer(name).get_weights()
            limit = np.sqrt(6 / sum(kernel.shape))
            fresh = rng.uniform(-limit, limit, kernel.shape)
            network.get_layer(name).set_weights([fresh, 0 * bias])
    elif plant.flaw == "dead_units":
        units[used[: int(plant.dose)]] = True
        _turn_off(layer, units)
    elif plant.flaw == "cloned_units":
        family = used[: int(plant.dose) + 1]
        copies, model = family[:-1], family[-1:]
        units[family] = True
        kernel, bias = layer.get_weights()
        kernel[..., copies], bias[copies] = kernel[..., model], bias[model]
        layer.set_weights([kernel, bias])
        behind = network.get_layer(LAST_HIDDEN)
        kernel, bias = behind.get_weights()
        shares = kernel.reshape(-1, len(units), kernel.shape[1])
        shares[:, family] = shares[:, model] / len(family)
        behind.set_weights([shares.reshape(kernel.shape), bias])
    return units


def _turn_off(layer, units) -> None:
    kernel, bias = layer.get_weights()
    kernel[..., units], bias[units] = 0, 0
    layer.set_weights([kernel, bias])


def _change(learned: Images, benign: dict, rng: np.random.Generator) -> Images:
    learned = learned.take(slice(benign.get("count")))
    if not benign.get("shifted"):
        return learned
    moves = rng.integers(-1, 2, (len(learned.labels), 2))
    pairs = zip(learned.images, moves, strict=True)
    moved = [np.roll(image, move, axis=(0, 1)) for image, move in pairs]
    return Images(np.stack(moved), learned.labels)
