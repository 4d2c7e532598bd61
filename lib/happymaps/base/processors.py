"""How many processors there are for this process, and what they compute with."""

import os
import platform


def num_cpus() -> int:
    """Return how many processors this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # not on every system
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def instruction_set() -> str:
    """Return the vector instructions that this process computes with.

    The highest group that NumPy uses here, then oneDNN's limit where one is set, such
    as `x86_64-X86_V3-AVX2`. Both know the processor, and both can be held back by the
    environment: `NPY_DISABLE_CPU_FEATURES`, `ONEDNN_MAX_CPU_ISA`.
    """
    # What np.show_runtime() prints; there is no public function that returns it.
    from numpy._core._multiarray_umath import (
        __cpu_baseline__,
        __cpu_dispatch__,
        __cpu_features__,
    )

    used = [name for name in __cpu_dispatch__ if __cpu_features__.get(name)]
    highest = (used or __cpu_baseline__ or ["baseline"])[-1]
    limit = os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper()
    return "-".join(filter(None, [platform.machine(), highest, limit]))
