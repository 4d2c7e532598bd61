"""What the machine can do at best, measured: arithmetic and memory."""

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from happymaps.backend import tf

_GIGA = 1e9
_REPEATS = 5
_COPIED_BYTES = 2**28


def measure_ceilings(
    sizes: Sequence[int] = (1024, 2048),
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Return the rates of a matrix product and of a copy, the best of several runs.

    Args:
        sizes: Rows and columns of the square float32 matrices to try.
        clock: In seconds.

    Returns:
        `matmul_gflops`: 2 n^3 operations per time, in 1e9 per second, by TensorFlow
        with all its threads; `copy_gigabytes`: bytes read and written by as many
        threads as there are processors, in 1e9 per second.
    """
    return {
        "matmul_gflops": max(_matmul_rate(size, clock) for size in sizes) / _GIGA,
        "copy_gigabytes": _copy_rate(clock) / _GIGA,
    }


def _best(work: Callable[[], object], clock: Callable[[], float]) -> float:
    seconds = []
    for _ in range(_REPEATS):
        started = clock()
        work()
        seconds.append(clock() - started)
    return min(seconds)


def _matmul_rate(size: int, clock) -> float:
    matrix = tf.constant(np.random.default_rng(0).random((size, size), np.float32))
    tf.linalg.matmul(matrix, matrix).numpy()  # the first call sets up
    # One number read back, so that the product is done and little is copied.
    seconds = _best(lambda: tf.linalg.matmul(matrix, matrix)[0, 0].numpy(), clock)
    return 2 * size**3 / seconds


def _copy_rate(clock) -> float:
    workers = os.cpu_count() or 1
    source = np.ones(_COPIED_BYTES // 4, np.float32)
    target = np.empty_like(source)
    parts = list(
        zip(
            np.array_split(target, workers), np.array_split(source, workers),
            strict=True,
        )
    )  # fmt: skip
    with ThreadPoolExecutor(workers) as pool:

        def copy() -> None:
            list(pool.map(lambda part: np.copyto(*part), parts))

        copy()  # the first write to new memory costs the system's own work
        return 2 * source.nbytes / _best(copy, clock)
