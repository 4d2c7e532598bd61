"""How much memory many maps at once take."""

from experiments.benchmarks.measures.child_process import ChildProcess

_PROGRAM = "experiments.benchmarks.measures.memory_program"


def measure_peak_memory(
    maps: int = 4096,
    *,
    layer: str = "conv2_3",
    size: tuple[int, int] = (60, 64),
    num_steps: int = 10,
    timeout: float = 600.0,
) -> dict[str, float]:
    """Return the peak memory of a process that makes many maps in one call.

    Args:
        maps: At least so many, whole layers of the study's network from many starts.
        layer: Of the study's network.
        size: Height and width of its input, one channel.
        num_steps: Of each map; memory does not depend on it but for the histories.
        timeout: Seconds for all of it.

    Returns:
        `maps`, `peak_megabytes` of the whole process, and `before_megabytes`, what
        Python, TensorFlow and the network took before the call; 1e6 bytes.
    """
    request = {"maps": maps, "layer": layer, "size": list(size), "steps": num_steps}
    with ChildProcess(_PROGRAM, timeout=timeout) as child:
        found, _ = child.ask(request)
    return {
        "maps": found["maps"],
        "peak_megabytes": found["peak"],
        "before_megabytes": found["before"],
    }
