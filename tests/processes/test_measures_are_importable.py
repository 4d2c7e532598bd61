"""What an experiment measures is found from wherever a notebook or a worker runs."""

import importlib
import subprocess
import sys

import nbformat
import papermill
import pytest

from happymaps_runs.sweeps.cluster import local_client

IMPORT = (
    "from experiments.experiment1.measures.regularization_paths import relative_gain\n"
    "print(relative_gain.__module__)"
)
MODULE = "experiments.experiment1.measures.regularization_paths"


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    """Return a notebook in a folder whose name is no Python name, as `ex1-5` is."""
    folder = tmp_path_factory.mktemp("checkout") / "experiment1" / "ex1-5"
    folder.mkdir(parents=True)
    output = nbformat.v4.new_output("stream", name="stdout", text=MODULE + "\n")
    cell = nbformat.v4.new_code_cell(IMPORT, outputs=[output], execution_count=1)
    book = nbformat.v4.new_notebook(cells=[cell])
    book.metadata.kernelspec = {
        "name": "python3", "display_name": "Python 3", "language": "python",
    }  # fmt: skip
    nbformat.write(book, folder / "rule.ipynb")
    return folder / "rule.ipynb"


@pytest.fixture(autouse=True)
def elsewhere(notebook, monkeypatch):
    """Stand in the notebook's folder, with no path that leads to the experiments."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.chdir(notebook.parent)


# JupyterLab starts its kernels in the notebook's folder; papermill, where it stands.
@pytest.mark.parametrize("cwd", [None, ".."])
def test_from_a_kernel(notebook, cwd):
    done = papermill.execute_notebook(notebook, None, cwd=cwd, progress_bar=False)
    (cell,) = done.cells
    assert cell.outputs[0].text == MODULE + "\n"


def test_from_nbval(notebook):
    words = ["-m", "pytest", "--nbval", "--nbval-current-env", "-q", str(notebook)]
    done = subprocess.run(
        [sys.executable, *words, "-p", "no:cacheprovider"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_from_a_worker_of_a_sweep():
    with local_client(1) as client:
        found = client.submit(importlib.import_module, MODULE)
        assert found.result().__name__ == MODULE
