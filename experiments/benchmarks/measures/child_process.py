"""A long-lived helper process that answers one request after the other."""

import contextlib
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from typing import Self

import numpy as np

from experiments.benchmarks.measures.frames import read_frame, write_frame

_LAST_LINES = 15
_GRACE_SECONDS = 5

Answer = tuple[dict[str, object], dict[str, np.ndarray]]


class ChildProcess:
    """A Python module run as a process of its own, for as long as a `with` block.

    The child reads requests from its standard input and answers on its standard output
    (see `frames`); it ends when its input does, so it cannot outlive its parent.

    Args:
        module: Dotted name of the program.
        environment: Variables on top of those of this process; None as a value takes
            one away.
        timeout: Seconds that an answer may take.
    """

    def __init__(
        self,
        module: str,
        *,
        environment: Mapping[str, str | None] | None = None,
        timeout: float = 300.0,
    ) -> None:
        self._module = module
        merged = {**os.environ, **(environment or {})}
        self._environment = {k: v for k, v in merged.items() if v is not None}
        self._timeout = timeout
        self._process = None

    def __enter__(self) -> Self:
        self._log = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            # -P: a module in the working folder must not shadow a real one.
            [sys.executable, "-P", "-W", "ignore", "-m", self._module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=self._environment,
        )
        self._answers = queue.Queue()
        self._reader = threading.Thread(target=self._collect, daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._end()
        self._log.close()

    def ask(
        self,
        fields: Mapping[str, object],
        arrays: Mapping[str, np.ndarray] | None = None,
        *,
        timeout: float | None = None,
    ) -> Answer:
        """Return the fields and arrays that the child answers with.

        Args:
            fields: The request: what JSON can hold.
            arrays: By name.
            timeout: Seconds for this answer, instead of those of the constructor.

        Raises:
            RuntimeError: The child is not running, has ended, or reports an error; the
                message holds its last lines.
            TimeoutError: No answer in time. The child is ended.
        """
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError(self._why_ended())
        # A child that died between two requests is reported by its missing answer.
        with contextlib.suppress(BrokenPipeError):
            write_frame(self._process.stdin, fields, arrays or {})
        seconds = self._timeout if timeout is None else timeout
        try:
            answer = self._answers.get(timeout=seconds)
        except queue.Empty:
            self._end()
            raise TimeoutError(
                f"{self._module} did not answer {fields.get('request')!r} within "
                f"{seconds:g} s, and was ended. Give it more time with timeout=."
            ) from None
        if answer is None:
            self._end()
            raise RuntimeError(self._why_ended())
        if "error" in answer[0]:
            lines = str(answer[0]["error"]).splitlines()[-_LAST_LINES:]
            raise RuntimeError("\n".join([f"{self._module} failed:", *lines]))
        return answer

    def _collect(self) -> None:
        # A thread, because a pipe cannot be read with a timeout everywhere.
        while True:
            try:
                answer = read_frame(self._process.stdout)
            except (OSError, ValueError):  # closed under us, or no message of ours
                answer = None
            self._answers.put(answer)
            if answer is None:
                return

    def _end(self) -> None:
        process = self._process
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        if process.poll() is None:
            try:
                process.wait(_GRACE_SECONDS)
            except BaseException as error:
                process.kill()
                process.wait()
                if not isinstance(error, subprocess.TimeoutExpired):
                    raise
        self._reader.join(_GRACE_SECONDS)
        process.stdout.close()

    def _why_ended(self) -> str:
        if self._process is None:
            return f"{self._module} is not running. Use it in a `with` block."
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        code = self._process.poll()
        return "\n".join(
            [f"{self._module} has ended with code {code}.", *lines[-_LAST_LINES:]]
        )
