"""What `pytest --nbval notebooks experiments` needs, and no other call of pytest."""

import os
from pathlib import Path

_OPTIONS = {
    "nbval_current_env": True,
    "nbval_sanitize_with": str(Path(__file__).parent / "tests" / "nbval_sanitize.cfg"),
    "nbval_cell_timeout": 300.0,
    "nbval_kernel_startup_timeout": 120.0,
}


def pytest_configure(config) -> None:
    """Set nbval's options, the kernels' environment and the comparison of outputs."""
    if not config.getoption("nbval", default=False):
        return
    from happymaps_runs import nbval_tolerance
    from happymaps_runs.plans.refresh import ENVIRONMENT

    for name, value in _OPTIONS.items():
        setattr(config.option, name, value)
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    config.pluginmanager.register(nbval_tolerance, "nbval_tolerance")
