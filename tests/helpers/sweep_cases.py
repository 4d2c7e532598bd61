"""Sweeps for tests: their files, the command, and clusters of separate processes."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import psutil
import yaml
from typer.testing import CliRunner

from happymaps_cli.main import app
from happymaps_runs.store.run_store import RunStore
from happymaps_runs.sweeps.sweep_file import load_sweep

TESTS = Path(__file__).parent
MODULE = "sweep_functions"
FUNCTION = f"{MODULE}:act"
_PARAMETERS = """\
seed: int = 0  # number of the point
weight: float = 0.0  # summand
deed: str = ""  # what to do
folder: str = ""  # where to leave traces"""
_LONGEST = 240


def environment(**extra: str) -> dict[str, str]:
    """Return the environment of commands and workers, which find `sweep_functions`."""
    paths = [str(TESTS), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))} | extra


def write_notebook(path: Path, *, code: str = "", prose: str = "Act.") -> None:
    """Write a notebook that does a deed, then runs `code`."""
    new = nbformat.v4
    deed = f"perform(seed, deed, folder)\n{code}".strip()
    cells = [
        new.new_markdown_cell(f"# Act\n{prose}", id="title"),
        new.new_code_cell("from sweep_functions import perform", id="setup"),
        new.new_code_cell(_PARAMETERS, id="given", metadata={"tags": ["parameters"]}),
        new.new_code_cell(deed, id="deed"),
    ]
    nbformat.write(new.new_notebook(cells=cells), path)


class Case:
    """A sweep with its folders.

    Args:
        root: Empty folder.
        points: Parameters of each; `seed` and `deed`, say.
        function: Whether a function runs, or else the notebook.
        name: Of the sweep file.
        store: Folder of the run store.
    """

    def __init__(
        self,
        root: Path,
        points: list[dict],
        *,
        function: bool = True,
        name: str = "case",
        store: Path | None = None,
    ) -> None:
        self.traces = root / "traces"
        self.traces.mkdir()
        self.store = RunStore(store or root / "store")
        self.notebook = root / "act.ipynb"
        write_notebook(self.notebook)
        self.file = root / f"{name}.yaml"
        self._content = {"notebook": self.notebook.name, "points": points}
        if function:
            self._content["function"] = FUNCTION
        self.point_at(self.traces)

    def point_at(self, traces: Path) -> None:
        """Write the sweep file with another folder for traces."""
        self._content["parameters"] = {"folder": str(traces)}
        self.file.write_text(yaml.safe_dump(self._content))

    def start(self, *options: str, **extra: str) -> subprocess.Popen:
        """Start `happymaps sweep` in a process group of its own, as a shell does."""
        return start_command(*self._words, *options, **extra)

    def run(self, *options: str) -> tuple[int, str]:
        """Return exit code and output of `happymaps sweep`, run in this process.

        Its workers are processes of their own.
        """
        words = [*self._words, *options]
        result = CliRunner().invoke(app, words, env=environment())
        return result.exit_code, result.output

    @property
    def _words(self) -> tuple[str, ...]:
        out = ("--module", MODULE, "--out", str(self.store.root))
        return ("sweep", str(self.file), *out)

    @property
    def sweep(self):
        return load_sweep(self.file, modules=[MODULE])

    def keys(self) -> dict[int, str]:
        """Return the key of each seed."""
        return {point.parameters["seed"]: point.key for point in self.sweep.points}

    def statuses(self) -> dict[int, str]:
        """Return what the store says of each seed: "completed", a failure's kind."""
        found = {}
        for seed, key in self.keys().items():
            failure = self.store.find_failure(key)
            if self.store.find(key):
                assert self.store.problems(key) == []
                assert not failure
                found[seed] = "completed"
            else:
                found[seed] = failure["error"]["kind"] if failure else "missing"
        return found

    def counts(self) -> Counter:
        """Return how often each seed ran."""
        return Counter(
            int(path.name.split("-")[1]) for path in self.traces.glob("ran-*")
        )

    def pid(self, seed: int) -> int:
        """Return the process that the point last ran in, once it has begun."""
        path = self.traces / f"pid-{seed}"
        wait_until(lambda: path.exists() and path.read_text())
        return int(path.read_text())

    def give_sign(self) -> None:
        """Let the points that wait go on."""
        (self.traces / "go").touch()

    def leftovers(self) -> list[str]:
        """Return what does not belong into a store at rest."""
        return [str(path) for path in self.store.root.rglob(".*")]


def seeds(count: int, deed: str = "") -> list[dict]:
    """Return points with the seeds 0, 1, ..."""
    return [{"seed": seed, "deed": deed} for seed in range(count)]


def start_command(*words: str, **extra: str) -> subprocess.Popen:
    """Start a command of happymaps in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "happymaps_cli.main", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(**extra),
        start_new_session=True,
        # Where the tests themselves run in the background, Ctrl-C is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def finish(process: subprocess.Popen) -> tuple[int, str]:
    """Return exit code and output; a command that hangs is killed, and fails."""
    try:
        output, _ = process.communicate(timeout=_LONGEST)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        raise AssertionError(f"the command hangs; it said:\n{output}") from None
    return process.returncode, output


def wait_until(condition: Callable[[], object], seconds: float = _LONGEST) -> None:
    """Poll until a condition holds.

    Raises:
        AssertionError: It does not, within the time.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s")
        time.sleep(0.05)


def descendants(pid: int) -> list[psutil.Process]:
    """Return the processes below one."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children(recursive=True)
    return []


def is_gone(process: psutil.Process) -> bool:
    """Return whether a process has ended."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Cluster:
    """`dask scheduler` and `dask worker` as separate processes on loopback.

    Args:
        folder: For logs and scratch.
        tls: Options with the certificates, for the scheduler and the workers.
    """

    def __init__(self, folder: Path, tls: tuple[str, ...] = ()) -> None:
        self._folder, self._tls = folder, tls
        folder.mkdir(parents=True, exist_ok=True)
        protocol = "tls" if tls else "tcp"
        self._port = free_port()
        self.address = f"{protocol}://127.0.0.1:{self._port}"
        self.processes: list[subprocess.Popen] = []

    def start_scheduler(self) -> subprocess.Popen:
        """Start the scheduler, and wait until it listens."""
        protocol = self.address.partition(":")[0]
        options = ["--protocol", protocol, "--host", "127.0.0.1", "--no-dashboard"]
        process = self._start("scheduler", *options, "--port", str(self._port))
        wait_until(self._listens)
        return process

    def start_worker(self, **extra: str) -> subprocess.Popen:
        """Start a nanny with one worker, which sees further variables."""
        scratch = self._folder / f"worker{len(self.processes)}"
        return self._start(
            "worker", self.address, "--nworkers", "1", "--nthreads", "1",
            "--no-dashboard", "--host", "127.0.0.1", "--local-directory", str(scratch),
            **extra,
        )  # fmt: skip

    def wait_for_workers(self) -> None:
        """Wait until the scheduler knows all workers."""
        logs = list(self._folder.glob("worker*.log"))
        wait_until(lambda: all("Registered to" in log.read_text() for log in logs))

    def _start(self, *words: str, **extra: str) -> subprocess.Popen:
        with (self._folder / f"{words[0]}{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen(
                [str(Path(sys.executable).with_name("dask")), *words, *self._tls],
                stdout=log,
                stderr=log,
                env=environment(DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="1")
                | extra,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def _listens(self) -> bool:
        with socket.socket() as found:
            return found.connect_ex(("127.0.0.1", self._port)) == 0

    def stop(self) -> None:
        """End all processes."""
        for process in self.processes:
            for each in [*descendants(process.pid), process]:
                with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
                    each.kill()
            process.wait()


@contextlib.contextmanager
def cluster(folder: Path, *, workers: int = 2, tls: tuple[str, ...] = ()) -> Iterator:
    """Start a scheduler and workers, and end them."""
    found = Cluster(folder, tls)
    try:
        found.start_scheduler()
        for _ in range(workers):
            found.start_worker()
        found.wait_for_workers()
        yield found
    finally:
        found.stop()
