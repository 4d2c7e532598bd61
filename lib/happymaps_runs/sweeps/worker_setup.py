"""What a worker of this machine does first; loaded by Dask (`preload`)."""

import signal


def dask_setup(worker) -> None:
    """Leave Ctrl-C at the terminal to the process that started the worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
