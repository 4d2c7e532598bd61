"""A program that makes many maps, and tells how much memory its process took."""

import os
import re
import sys
from pathlib import Path

from experiments.benchmarks.measures.frames import read_frame, write_frame


def peak_megabytes() -> float:
    """Return the highest resident memory of this process, in units of 1e6 bytes.

    Raises:
        OSError: The system does not tell.
    """
    status = Path("/proc/self/status")
    if status.exists():
        # Not ru_maxrss: on Linux that starts with what the parent had at its peak.
        return int(re.search(r"VmHWM:\s+(\d+)", status.read_text())[1]) * 1024 / 1e6
    if sys.platform != "darwin":
        raise OSError("Peak memory is measured on Linux and macOS only.")
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main() -> None:
    """Answer one request: maps, steps, layer and size of the image."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    fields, _ = read_frame(sys.stdin.buffer)
    from happymaps.maps.maximization import maximize
    from happymaps.maps.scoring import layer_objectives
    from happymaps.networks.models import build_cnn

    model = build_cnn((*fields["size"], 1), 2, final_activation="linear")
    objectives = layer_objectives(model, fields["layer"])
    before = peak_megabytes()
    seeds = -(-fields["maps"] // len(objectives))
    made = maximize(model, objectives, seeds=seeds, num_steps=fields["steps"])
    count = made.sizes["objective"] * made.sizes["seed"]
    peak = {"before": before, "peak": peak_megabytes(), "maps": count}
    write_frame(answers, peak, {})


if __name__ == "__main__":
    main()
