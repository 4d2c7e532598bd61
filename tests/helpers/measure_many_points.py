"""Measure many trivial points: `python tests/helpers/measure_many_points.py 2000`.

Prints seconds for each point, and the memory of the command and of its workers on the
way. No test: what it prints depends on the machine.
"""

import sys
import tempfile
import time
from pathlib import Path

import psutil
from sweep_cases import Case, descendants, finish, seeds


def main(count: int) -> None:
    """Run the sweep twice, the second time with nothing to do."""
    with tempfile.TemporaryDirectory() as folder:
        case = Case(Path(folder), seeds(count))
        started = time.monotonic()
        command = case.start("--workers", "2")
        marks = [count // 10, count // 4, count // 2, count * 9 // 10]
        while command.poll() is None:
            done = sum(1 for _ in case.store.root.glob("[0-9a-f]*/run.json"))
            if marks and done >= marks[0]:
                print(f"after {marks.pop(0)} points: {_memory(command.pid)}")
            time.sleep(0.5)
        print(finish(command)[1])
        print(f"the whole command: {time.monotonic() - started:.1f} s")
        started = time.monotonic()
        case.run("--workers", "2")
        print(f"with nothing to run: {time.monotonic() - started:.1f} s")


def _memory(pid: int) -> str:
    workers = [p for p in descendants(pid) if "spawn_main" in " ".join(p.cmdline())]
    sizes = [p.memory_info().rss // 10**6 for p in (psutil.Process(pid), *workers)]
    return f"command {sizes[0]} MB, workers {', '.join(map(str, sizes[1:]))} MB"


if __name__ == "__main__":
    main(int(sys.argv[1]))
