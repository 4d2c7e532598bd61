"""One bar for work of many parts."""

import threading

import pytest

from happymaps.base import progress


@pytest.fixture
def shown(monkeypatch):
    monkeypatch.setattr(progress, "is_batch", lambda: False)


def test_parts_move_the_bar_of_the_whole_and_show_none_of_their_own(shown):
    told = []
    with progress.whole_bar(100.0) as bar:
        with progress.progress_bar(3, "part", "step") as part:
            assert part.disable
        progress.worked(30.0)
        move = progress.meter()
        other = threading.Thread(target=move, args=(5.0,))  # which knows of no bar
        other.start()
        other.join()
        assert bar._bar.n == 35
        bar.reach(60.0, told.append, "second")
        assert bar._bar.n == 60 and told == ["second"]
        bar.reach(50.0, told.append, "third")  # an estimate that was too low
        progress.worked(1000.0)
        assert bar._bar.n == 100
        assert bar.seconds >= 0
    progress.worked(1.0)  # outside of it, of no effect
    assert bar._bar.n == 100
    with progress.progress_bar(3, "part", "step") as part:
        assert not part.disable


def test_a_batch_shows_nothing(monkeypatch):
    monkeypatch.setattr(progress, "is_batch", lambda: True)
    with progress.whole_bar(1.0) as bar:
        assert bar._bar.disable
