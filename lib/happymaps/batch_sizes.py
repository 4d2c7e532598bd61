"""How many maps go through a network at once: what memory bears, and what is alike.

Code for vectors treats the last few numbers of an array unlike the others, and matrix
products of few rows take another way: the rounding of a map could depend on how many
stand beside it. In whole multiples of a small number it does not.
"""

from collections.abc import Sequence

from happymaps import optimizers, parameterizations, regularizers
from happymaps.ascent_settings import AscentSettings
from happymaps.backend import has_gpu
from happymaps.scoring import BatchedObjectives

_VECTOR = 16  # numbers that the processor takes at once, at most
_SMALL_ORDER = 12  # of a norm whose powers are products
_BYTES = 4
_COPIES = 3  # of the activations: on the way there, on the way back, and at work
_MEMORY = {"cpu": 2**30, "gpu": 2**33}
_MOST = {"cpu": 64, "gpu": 1024}  # no faster beyond
_ALIKE = (optimizers.RmsProp, optimizers.Adam, optimizers.NormalizedGradient)


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
    return batched.batch_multiple if alike else _VECTOR


def batch_size(
    batched: BatchedObjectives, multiple: int, settings: AscentSettings
) -> int:
    """Return how many maps to run at once, a multiple of `multiple`.

    As many as asked for; or what a gigabyte of activations bears, up to 64 (on a GPU,
    eight gigabytes, up to 1,024).
    """
    size = settings.batch_size
    if size is None:
        place = "gpu" if has_gpu() else "cpu"
        each = _BYTES * _COPIES * batched.values_per_image
        size = min(_MOST[place], _MEMORY[place] // each // multiple * multiple)
    return max(1, -(-size // multiple)) * multiple


def _is_made_of_products(regularizer) -> bool:
    """Return whether no power of another kind is taken, value by value."""
    if type(regularizer) is regularizers.LpNorm:
        return regularizer.p % 2 == 0 and regularizer.p <= _SMALL_ORDER
    return type(regularizer) is regularizers.TotalVariation and regularizer.beta == 2
