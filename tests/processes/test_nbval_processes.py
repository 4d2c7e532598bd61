"""nbval with the tolerance, run as `make test` runs it."""

import json
import re
import subprocess
import sys

from places import NOTEBOOKS, TESTS

SANITIZER = TESTS / "nbval_sanitize.cfg"


def test_nbval_passes_near_numbers_and_fails_far_ones(tmp_path):
    notebook = json.loads((NOTEBOOKS / "print_numbers_executed.ipynb").read_text())
    *_, table = notebook["cells"]
    text = json.dumps(table)
    assert text.count("0.50") == 2  # in the text and in the HTML of the table
    near, far = (
        json.loads(text.replace("0.50", score)) for score in ("0.505", "0.900")
    )
    far["id"] += "-far"
    far["execution_count"] += 1
    notebook["cells"] = [*notebook["cells"][:-1], near, far]
    (tmp_path / "numbers.ipynb").write_text(json.dumps(notebook))
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "--color=no"]
    command += ["-p", "happymaps_runs.nbval_tolerance", "-p", "no:cacheprovider"]
    command += ["--nbval", "--nbval-current-env", "--nbval-sanitize-with", SANITIZER]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    line = re.compile(r"^(PASSED|FAILED|ERROR) \S*?(\w+\.ipynb::Cell \d)", re.M)
    outcomes = line.findall(result.stdout)
    assert sorted(outcomes) == [
        ("FAILED", "numbers.ipynb::Cell 3"),
        *[("PASSED", f"numbers.ipynb::Cell {index}") for index in (0, 1, 2)],
    ], result.stdout
