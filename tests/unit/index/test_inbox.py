"""What is asked of the index thread is coalesced, and typing is left to settle."""

import pytest

from lsp_server.index import inbox
from lsp_server.index.inbox import Inbox


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that only tests move; waits are for no time at all."""
    now = [100.0]
    monkeypatch.setattr(inbox.time, "monotonic", lambda: now[0])
    return now


def test_a_document_is_handed_out_when_the_typing_pauses(clock: list[float]) -> None:
    """Once, with its newest text."""
    box = Inbox()
    box.put_text("a.py", "x")
    assert box.take(0).texts == {}
    clock[0] += inbox.QUIET_SECONDS / 2
    box.put_text("a.py", "xy")
    clock[0] += inbox.QUIET_SECONDS * 0.9
    assert box.take(0).texts == {}
    clock[0] += inbox.QUIET_SECONDS
    assert box.take(0).texts == {"a.py": "xy"}
    assert box.take(0).texts == {}


def test_typing_without_a_pause_is_indexed_now_and_then(clock: list[float]) -> None:
    """Otherwise a long stretch of typing would never reach the index."""
    box = Inbox()
    taken = 0
    for _ in range(int(2.5 * inbox.LONGEST_SECONDS / 0.1)):
        box.put_text("a.py", "x")
        clock[0] += 0.1
        taken += len(box.take(0).texts)
    assert taken == 2


def test_closing_does_not_wait(clock: list[float]) -> None:
    """What is on the disk counts again at once, and what was typed no longer."""
    box = Inbox()
    box.put_text("a.py", "x")
    box.put_text("a.py", None)
    assert box.take(0).texts == {"a.py": None}
    clock[0] += 10
    assert box.take(0).texts == {}


def test_other_work_does_not_wait_for_the_typing(clock: list[float]) -> None:
    """And the text stays until it is ripe."""
    box = Inbox()
    box.put_text("a.py", "x")
    box.put_paths(["b.py"])
    work = box.take(None)
    assert (work.texts, work.paths) == ({}, {"b.py"})
    box.rest()
    assert not box.wait_idle(0)
    clock[0] += 10
    assert box.take(None).texts == {"a.py": "x"}


def test_a_thread_that_waits_is_woken_when_the_text_is_ripe() -> None:
    """With the real clock: `take` returns by itself, without another put."""
    box = Inbox()
    box.put_text("a.py", "x")
    assert box.take(30).texts == {"a.py": "x"}
