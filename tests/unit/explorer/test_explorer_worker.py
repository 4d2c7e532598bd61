import threading
import time

import pytest

from happymaps.explorer.worker import Worker

PATIENCE = 20  # seconds, on a busy machine


class Recorder:
    """Work that notes its requests and lasts until it is let go or stopped."""

    def __init__(self):
        self.begun, self.stopped, self.done = [], [], []
        self.started, self.go = threading.Event(), threading.Event()

    def __call__(self, value, stop):
        self.begun.append(value)
        self.started.set()
        while not (self.go.wait(0.005) or stop.is_set()):
            pass
        (self.stopped if stop.is_set() else self.done).append(value)


@pytest.fixture
def work():
    return Recorder()


def test_worker_does_what_is_asked_and_its_thread_ends(work):
    worker = Worker(work, delay=0)
    work.go.set()
    worker.request("a")
    assert worker.wait(PATIENCE)
    assert work.done == ["a"]
    assert not worker.is_busy
    worker.request("b")
    assert worker.wait(PATIENCE)
    assert work.done == ["a", "b"]


def test_worker_stops_what_runs_for_a_newer_request(work):
    worker = Worker(work, delay=0)
    worker.request("old")
    assert work.started.wait(PATIENCE)
    worker.request("new")
    while "new" not in work.begun:
        time.sleep(0.005)
    work.go.set()
    assert worker.wait(PATIENCE)
    assert (work.stopped, work.done) == (["old"], ["new"])


def test_worker_skips_requests_that_follow_each_other_quickly(work):
    worker = Worker(work, delay=0.3)
    work.go.set()
    for value in range(20):
        worker.request(value)
    assert worker.wait(PATIENCE)
    assert work.begun == [19]


def test_worker_cancels_what_runs_and_what_waits(work):
    worker = Worker(work, delay=0)
    worker.request("running")
    assert work.started.wait(PATIENCE)
    worker.cancel()
    assert worker.wait(PATIENCE)
    assert (work.stopped, work.done) == (["running"], [])
    waiting = Worker(work, delay=60)
    waiting.request("waiting")
    assert not waiting.wait(0.05)
    waiting.cancel()
    assert waiting.wait(PATIENCE)
    assert "waiting" not in work.begun


def test_cancel_without_work_does_nothing(work):
    worker = Worker(work)
    worker.cancel()
    assert worker.wait(0)
