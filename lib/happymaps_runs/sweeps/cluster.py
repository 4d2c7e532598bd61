"""Workers: those of this machine, or those of a scheduler that runs already."""

import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import dask
import distributed
from distributed.security import Security

from happymaps.base.processors import num_cpus
from happymaps_runs.folders import temporary_folder
from happymaps_runs.notebooks.environment import allowed_environment

LOOPBACK = "127.0.0.1"
# How often a point may lose its worker before it is blamed for it.
_LOST_WORKERS = 2
_CONNECT_SECONDS = 30


@contextlib.contextmanager
def local_client(
    workers: int, *, memory: str | None = None
) -> Iterator[distributed.Client]:
    """Start workers on this machine, and end them.

    Each has one thread; TensorFlow's threads are shared out among them. They are
    reached through loopback alone, by who has the key that is made for this call and
    lies in no file, since other users of the machine reach loopback too. They see an
    environment without secrets.

    Args:
        workers: How many.
        memory: What each may take, such as "4GB"; None shares the machine's memory out.
            One that takes more is started anew, and its point given to another.
    """
    threads = str(max(1, num_cpus() // workers))
    environment = {
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_NUM_INTRAOP_THREADS": os.environ.get("TF_NUM_INTRAOP_THREADS") or threads,
        "HAPPYMAPS_QUIET": "1",
    }
    settings = {
        "distributed.scheduler.allowed-failures": _LOST_WORKERS,
        "distributed.scheduler.http.routes": [],
        "distributed.worker.http.routes": [],
        # It would look at each worker a hundred times a second, and keep what it saw.
        "distributed.worker.profile.enabled": False,
        "distributed.nanny.pre-spawn-environ.OMP_NUM_THREADS": threads,
    }
    with (
        _only_allowed_variables(),
        _quiet(),
        temporary_folder() as scratch,
        dask.config.set(settings),
        distributed.LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            host=LOOPBACK,
            protocol="tls",
            security=Security.temporary(),
            # Any free port, where nothing is served: there is no going without one.
            dashboard_address=f"{LOOPBACK}:0",
            memory_limit=memory or "auto",
            scheduler_kwargs={"dashboard": False},
            local_directory=str(scratch),
            env=environment | {"TMPDIR": str(scratch)},
            preload=["happymaps_runs.sweeps.worker_setup"],
            silence_logs=logging.CRITICAL,
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


@contextlib.contextmanager
def remote_client(
    address: str, *, security: Security | None = None
) -> Iterator[distributed.Client]:
    """Connect to a scheduler.

    Args:
        address: Such as "tcp://127.0.0.1:8786", or "tls://..." with `security`.
        security: Certificates for an encrypted connection.

    Raises:
        ValueError: No such address.
        OSError: Nobody answers there, or it has no workers.
    """
    if not address.startswith(("tcp://", "tls://")):
        raise ValueError(
            "--scheduler must be tcp://HOST:PORT, or tls://HOST:PORT with certificates."
            f" Received: {address!r}."
        )
    if address.startswith("tls://") != (security is not None):
        raise ValueError(
            "A scheduler at tls://... needs --tls-ca-file, --tls-cert, --tls-key, and "
            f"one at tcp://... takes none. Received: {address!r}, "
            f"{'with' if security else 'without'} certificates."
        )
    with _quiet():
        try:
            client = distributed.Client(
                address,
                timeout=_CONNECT_SECONDS,
                security=security,
                set_as_default=False,
            )
        except (OSError, TimeoutError) as error:
            raise OSError(
                f"No scheduler answers at {address} within {_CONNECT_SECONDS} s. Start "
                "one with `dask scheduler --host 127.0.0.1`, or correct the address."
            ) from error
        with client:
            _wait_for_worker(client, address)
            yield client


def _wait_for_worker(client: distributed.Client, address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=_CONNECT_SECONDS)
    except TimeoutError as error:
        raise OSError(
            f"The scheduler at {address} has no workers. Start some with `dask worker "
            f"{address} --nworkers 2 --nthreads 1`."
        ) from error


def tls_security(
    authority: Path | None, certificate: Path | None, key: Path | None
) -> Security | None:
    """Return the certificates for an encrypted connection, None without any.

    Raises:
        ValueError: One of the three files is missing.
    """
    files = (authority, certificate, key)
    if not any(files):
        return None
    for name, path in zip(("ca-file", "cert", "key"), files, strict=True):
        if path is None or not path.is_file():
            raise ValueError(
                "An encrypted connection needs --tls-ca-file, --tls-cert, --tls-key. "
                f"Received for --tls-{name}: {path}. Name an existing PEM file."
            )
    return Security(
        tls_ca_file=str(authority),
        tls_client_cert=str(certificate),
        tls_client_key=str(key),
        require_encryption=True,
    )


@contextlib.contextmanager
def _only_allowed_variables() -> Iterator[None]:
    # What workers inherit, tracebacks may show.
    kept = dict(os.environ)
    os.environ.clear()
    os.environ.update(allowed_environment(kept))
    # Of a worker that was killed, multiprocessing would warn at the very end.
    os.environ["PYTHONWARNINGS"] = "ignore:resource_tracker"
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Leave it to the sweep to say that a worker or the scheduler was lost."""
    names = ("distributed", "distributed.client", "tornado", "asyncio")
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
