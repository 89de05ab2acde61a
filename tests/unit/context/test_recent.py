"""The record of recently edited places."""

from pathlib import Path

from lsp_server.context.recent import CAPACITY, RecentEdit, RecentEdits

A, B = Path("/w/a.py"), Path("/w/b.py")


def test_the_newest_place_comes_first() -> None:
    """Places are kept in the order of their last edit."""
    recent = RecentEdits()
    recent.note(A, 3, 3, 0)
    recent.note(B, 7, 8, 1)
    assert recent.newest() == (RecentEdit(B, 7, 8), RecentEdit(A, 3, 3))


def test_edits_close_together_are_one_place() -> None:
    """Typing line after line is one place that grows."""
    recent = RecentEdits()
    recent.note(A, 10, 10, 0)
    recent.note(A, 10, 11, 1)
    recent.note(A, 11, 12, 1)
    assert recent.newest() == (RecentEdit(A, 10, 12),)


def test_lines_added_above_move_a_place() -> None:
    """A place further down stays with its code."""
    recent = RecentEdits()
    recent.note(A, 100, 101, 0)
    recent.note(A, 5, 7, 2)
    assert RecentEdit(A, 102, 103) in recent.newest()


def test_the_record_is_bounded() -> None:
    """Old places fall out."""
    recent = RecentEdits()
    for number in range(CAPACITY + 5):
        recent.note(A, number * 100, number * 100, 0)
    assert len(recent.newest()) == CAPACITY
    assert recent.newest()[0].first == (CAPACITY + 4) * 100
