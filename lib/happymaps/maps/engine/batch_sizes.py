"""How many maps go through a network at once: what memory bears, and what is alike.

Code for vectors treats the last few numbers of an array unlike the others, and matrix
products of few rows take another way: the rounding of a map could depend on how many
stand beside it. In whole multiples of a small number it does not, as far as was seen
on processors with AVX-512; others round otherwise.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from happymaps.backend import has_gpu
from happymaps.maps import optimizers, parameterizations, regularizers
from happymaps.maps.engine.single_thread import num_threads, pays
from happymaps.maps.penalties import is_made_of_products
from happymaps.maps.scoring import BatchedObjectives
from happymaps.maps.settings import AscentSettings
from happymaps.networks.batches import BOTH_WAYS, bear

_VECTOR = 16  # numbers that the processor takes at once, at most
_MOST = {"cpu": 32, "gpu": 1024}  # no faster beyond
_ALIKE = (optimizers.RmsProp, optimizers.Adam, optimizers.NormalizedGradient)


class Plan(NamedTuple):
    """Which maps run together.

    Attributes:
        slices: Of the maps.
        size: How many run together, fillers included.
        threads: How many of the slices run at a time.
    """

    slices: list[slice]
    size: int
    threads: int


def batch_multiple(
    batched: BatchedObjectives, charged: Sequence, settings: AscentSettings
) -> int:
    """Return the number of maps in whose multiples no map depends on the others."""
    alike = (
        isinstance(settings.optimizer, _ALIKE)
        and isinstance(settings.parameterization, parameterizations.Pixels)
        and not settings.transforms
        and all(map(_is_made_of_products, charged))
    )
    # An image of whole vectors leaves no last few numbers; where it is large, a filler
    # would cost seconds.
    is_whole = math.prod(settings.shape) % _VECTOR == 0 and not charged
    is_large = not pays(batched.network.values_per_image)
    return (
        batched.network.batch_multiple if alike or (is_whole and is_large) else _VECTOR
    )


def plan_batches(
    count: int,
    batched: BatchedObjectives,
    charged: Sequence,
    settings: AscentSettings,
) -> Plan:
    """Return how to run so many maps.

    As many at once as asked for; or what half a gigabyte of activations bears, up to 32
    for each thread (on a GPU, eight gigabytes, up to 1,024).
    """
    multiple = batch_multiple(batched, charged, settings)
    # A callback is called from one thread, and what is coupled cannot be cut.
    beside = not has_gpu() and pays(batched.network.values_per_image)
    single = not beside or settings.callback is not None or batched.is_coupled
    threads = 1 if single else num_threads()
    if batched.is_coupled:
        most = count
    elif settings.batch_size is not None:
        most = settings.batch_size
    else:
        place = "gpu" if has_gpu() else "cpu"
        values = batched.network.values_per_image * threads
        most = bear(values, _MOST[place], copies=BOTH_WAYS)
    return _split(count, _up(most, multiple), multiple, threads)


def _split(count: int, most: int, multiple: int, threads: int) -> Plan:
    """Return slices as equal as may be, as many as keep all threads busy."""
    parts = -(-count // most)
    parts = min(_up(parts, threads), -(-count // multiple))
    size = _up(-(-count // parts), multiple)
    slices = [slice(first, first + size) for first in range(0, count, size)]
    return Plan(slices, size, threads)


def _up(number: int, multiple: int) -> int:
    return max(1, -(-number // multiple)) * multiple


def _is_made_of_products(regularizer) -> bool:
    """Return whether no power of another kind is taken, value by value."""
    if type(regularizer) is regularizers.LpNorm:
        return is_made_of_products(regularizer.p)
    return type(regularizer) is regularizers.TotalVariation and regularizer.beta == 2
