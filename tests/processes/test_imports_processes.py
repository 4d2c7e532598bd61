"""What a new process loads for a command: no TensorFlow, which takes seconds."""

import subprocess
import sys

from places import ROOT

ROOMS = [
    ROOT / "lib/happymaps" / name for name in ("base", "evidence", "plots", "datasets")
]
ROOMS += [ROOT / "lib" / f"happymaps_{name}" for name in ("runs", "pages", "cli")]
# What experiments measure is named, and its parameters read, before it is run.
ROOMS += [ROOT / "experiments"]


def test_commands_start_without_tensorflow():
    modules = [
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        for room in ROOMS
        for path in room.rglob("*.py")
        for root in (ROOT if room.name == "experiments" else ROOT / "lib",)
        if "benchmarks/measures" not in path.as_posix()
    ]
    modules.append("happymaps.maps.layer_maps")
    code = f"import sys, {', '.join(modules)}\nprint(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert set(modules) <= loaded
    assert not loaded & {"tensorflow", "keras", "happymaps.backend"}
