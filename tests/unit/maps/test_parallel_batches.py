"""Batches beside each other: in order of their parts, and stopped together."""

import threading

import pytest

from happymaps.maps.engine.parallel_batches import (
    StoppedError,
    check_stopped,
    run_beside,
)


@pytest.mark.parametrize("threads", [1, 3])
def test_each_part_comes_back_with_its_result(threads):
    found = dict(run_beside(lambda part, size: part * size, range(7), 10, threads))
    assert found == {part: 10 * part for part in range(7)}


def test_parts_run_at_the_same_time():
    together = threading.Barrier(2, timeout=30)
    assert len(list(run_beside(lambda *_: together.wait(), [0, 1], 1, 2))) == 2


def test_a_failure_stops_the_others():
    started, ended = threading.Event(), []

    def run(part, size):
        if part == 0:
            started.wait(30)
            raise ValueError("broken")
        started.set()
        try:
            while True:
                check_stopped()
        except StoppedError:
            ended.append(part)
            raise

    with pytest.raises(ValueError, match="broken"):
        list(run_beside(run, [0, 1, 2, 3], 1, 2))
    # Another part may have begun in the meantime; whatever began was stopped.
    assert 1 in ended


def test_nothing_stops_the_work_of_the_main_thread():
    check_stopped()
