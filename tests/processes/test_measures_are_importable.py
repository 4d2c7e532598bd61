"""What an experiment measures is found from wherever a notebook or a worker runs."""

import os
import subprocess
import sys

import nbformat
import pytest

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


def run(*words, cwd):
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("options", [[], ["--cwd", "experiment1/ex1-5"]])
def test_from_papermill(notebook, options):
    root = notebook.parents[2]
    words = ["-m", "papermill", notebook, "out.ipynb", "--no-progress-bar", *options]
    done = run(*words, cwd=root)
    assert done.returncode == 0, done.stderr
    (cell,) = nbformat.read(root / "out.ipynb", 4).cells
    assert cell.outputs[0].text == MODULE + "\n"


def test_from_jupyterlab(notebook):
    # JupyterLab starts its kernels in the notebook's folder, as this command does.
    words = ["-m", "jupyter", "execute", "--inplace", notebook.name]
    done = run(*words, cwd=notebook.parent)
    assert done.returncode == 0, done.stderr


def test_from_nbval(notebook):
    words = ["-m", "pytest", "--nbval", "--nbval-current-env", "-q", notebook]
    done = run(*words, "-p", "no:cacheprovider", cwd=notebook.parents[2])
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_from_a_worker_of_dask(notebook):
    program = (
        "import importlib\n"
        "from distributed import Client, LocalCluster\n"
        "if __name__ == '__main__':\n"
        "    with LocalCluster(1, dashboard_address=None) as cluster:\n"
        "        with Client(cluster) as client:\n"
        f"            found = client.submit(importlib.import_module, {MODULE!r})\n"
        "            print(found.result().__name__)\n"
    )
    path = notebook.parent / "worker.py"
    path.write_text(program)
    done = run(path, cwd=notebook.parent)
    assert done.stdout == MODULE + "\n", done.stderr
