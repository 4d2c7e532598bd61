"""What `pytest --nbval notebooks experiments` needs, and no other call of pytest."""

import os
from pathlib import Path

_OPTIONS = {
    "nbval_current_env": True,
    "nbval_sanitize_with": str(Path(__file__).parent / "tests" / "nbval_sanitize.cfg"),
    "nbval_cell_timeout": 600.0,
    "nbval_kernel_startup_timeout": 120.0,
}


def pytest_addoption(parser) -> None:
    """Add the choice of the notebooks that `make test` runs."""
    parser.addoption(
        "--due",
        action="store_true",
        help="of the committed notebooks those whose key is no longer right, some "
        "always, and each day another third of the rest",
    )


def pytest_configure(config) -> None:
    """Set nbval's options, the kernels' environment and the comparison of outputs."""
    if not config.getoption("nbval", default=False):
        return
    from happymaps_runs import nbval_tolerance
    from happymaps_runs.plans.due import due_notebooks
    from happymaps_runs.plans.refresh import ENVIRONMENT, committed_notebooks

    for name, value in _OPTIONS.items():
        setattr(config.option, name, value)
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    config.pluginmanager.register(nbval_tolerance, "nbval_tolerance")
    if config.getoption("due"):
        committed = set(committed_notebooks())
        config.not_due = committed - set(due_notebooks(committed))


def pytest_ignore_collect(collection_path, config) -> bool | None:
    """Leave out what is not due; None leaves the decision to others."""
    return collection_path in getattr(config, "not_due", ()) or None


def pytest_report_header(config) -> str | None:
    """Say how many notebooks are checked by their key alone."""
    if not getattr(config, "not_due", None):
        return None
    return f"notebooks: {len(config.not_due)} are as their key says, and not run"
