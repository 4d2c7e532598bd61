"""A grid of maps, cut into batches: maps that read the same layers run together."""

import functools
import threading
from collections.abc import Sequence

import numpy as np
import xarray as xr

from happymaps.backend import keras, tf
from happymaps.base.progress import meter, progress_bar
from happymaps.maps.engine.batch_sizes import plan_batches
from happymaps.maps.engine.compile_cache import loop_for
from happymaps.maps.engine.gradient_ascent import Batch
from happymaps.maps.engine.parallel_batches import run_beside
from happymaps.maps.engine.starts import Starts
from happymaps.maps.labels import label_maps, label_points
from happymaps.maps.scoring import SIGNS, BatchedObjectives, group_by_layers
from happymaps.maps.settings import AscentSettings
from happymaps.maps.unlikely_weights import rule_weights
from happymaps.networks.batches import WAY_BACK
from happymaps.networks.models import fingerprint
from happymaps.networks.randomness import tell_of_randomness


def run_grid(
    model: keras.Model,
    axes: dict[str, list],
    regularizers: Sequence,
    starts: Starts,
    settings: AscentSettings,
) -> xr.Dataset:
    """Return the labeled maps of every point of the grid that the axes span.

    Args:
        model: The network.
        axes: Values of each dimension: `sign`, `objective`, weights of regularizers as
            `<name>_weight`, and `seed`, in the order of the result's dimensions.
        regularizers: What is charged, with their own weight where no axis has it.
        starts: One for each seed.
        settings: Options of the loop.
    """
    tell_of_randomness(model, starts.images)
    grid = np.indices([len(values) for values in axes.values()])
    points = {name: index.ravel() for name, index in zip(axes, grid, strict=True)}
    count, which = len(points["seed"]), points["seed"]
    signs = np.array([SIGNS[name] for name in axes["sign"]], np.float32)
    weights = [_weights(model, axes, points, r, settings) for r in regularizers]
    batch = Batch(
        starts.parameters[which],
        starts.images[which],
        starts.random[which],
        (),
        signs[points["sign"]],
        np.array(weights, np.float32).reshape(len(weights), count).T,
    )
    on_images = None
    if settings.callback is not None:

        def on_images(members, step, images, scores):
            settings.callback(step, *label_points(axes, members, images, scores))

    identity = fingerprint(model)
    found = _optimize(
        model, identity, axes, points, regularizers, batch, settings, on_images
    )
    found |= {
        f"weight_{r.name}": values
        for r, values in zip(regularizers, weights, strict=True)
        if r.weight is None
    }
    return label_maps(model, identity, found, axes, regularizers, settings)


def _weights(model, axes, points, regularizer, settings) -> np.ndarray:
    """Return a regularizer's weight at each point: of its axis, its own, or by rule."""
    axis = f"{regularizer.name}_weight"
    if axis in axes:
        return np.take(axes[axis], points[axis])
    if regularizer.weight is not None:
        return np.full(len(points["seed"]), regularizer.weight)
    table = rule_weights(
        model, axes["objective"], axes["sign"], regularizer.prior, settings
    )
    return table[points["sign"], points["objective"]]


def _optimize(
    model, identity, axes, points, regularizers, batch, settings, on_images
) -> dict[str, np.ndarray]:
    """Run all maps, group by group and batch by batch, and collect what they gave."""
    found, chosen = {}, points["objective"]
    objectives = axes["objective"]
    total = len(chosen) * (settings.num_steps + 1)
    lock, worked = threading.Lock(), meter()
    with progress_bar(total, f"{len(chosen)} maps", "step") as bar:

        def advance(steps: int, work: float) -> None:
            with lock:
                bar.update(steps)
                worked(steps * work)

        for group in group_by_layers(objectives):
            batched = BatchedObjectives(
                model, [objectives[i] for i in group], settings.activation
            )
            ascent = loop_for(model, identity, batched, regularizers, settings)

            def run(part, size, batched=batched, ascent=ascent, group=group):
                padded = _padded(part, size)
                families = _families(padded, len(part), len(axes["seed"]))
                rows = batched.rows(np.searchsorted(group, chosen[padded]), families)
                maps = _take(batch, padded)._replace(rows=rows)
                work = WAY_BACK * batched.network.work_per_image
                tell = functools.partial(advance, work=work)
                return _run_batch(ascent, maps, part, tell, on_images)

            members = np.flatnonzero(np.isin(chosen, group))
            plan = plan_batches(len(members), batched, regularizers, settings)
            parts = [members[chosen_slice] for chosen_slice in plan.slices]
            for part, results in run_beside(run, parts, plan.size, plan.threads):
                for name, values in results.items():
                    shape = (len(chosen), *values.shape[1:])
                    found.setdefault(name, np.empty(shape, values.dtype))
                    found[name][part] = values
    return found


def _padded(part: np.ndarray, size: int) -> np.ndarray:
    """Return positions with the last one repeated to make `size` of them."""
    return np.concatenate([part, np.repeat(part[-1:], size - len(part))])


def _families(padded: np.ndarray, count: int, num_seeds: int) -> np.ndarray:
    """Return the same number for maps that differ in their seed alone."""
    families = padded // num_seeds  # the seed is the last axis of the grid
    families[count:] = -1 - np.arange(len(padded) - count)  # fillers: on their own
    return families


def _take(batch: Batch, positions: np.ndarray) -> Batch:
    """Return some maps of a batch as tensors, without their objectives."""
    names = [name for name in batch._fields if name != "rows"]
    return batch._replace(
        **{name: tf.constant(getattr(batch, name)[positions]) for name in names}
    )


def _run_batch(ascent, batch: Batch, part: np.ndarray, advance, on_images) -> dict:
    count = len(part)
    show = on_images and (
        lambda step, images, scores: on_images(
            part, step, images[:count], scores[:count]
        )
    )
    results = ascent.run(batch, lambda steps: advance(steps * count), show)
    return {name: values[:count] for name, values in results.items()}
