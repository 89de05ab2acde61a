"""Where the person has edited lately: a small bounded record, newest first. Holds places, never text."""

from pathlib import Path

import attrs

CAPACITY = 16
GROUP = 8
"""Lines between two edits of one file that still count as one place."""


@attrs.frozen
class RecentEdit:
    """Lines of a file that were edited; `first` and `last` count from 0, inclusive."""

    path: Path
    first: int
    last: int


class RecentEdits:
    """The record. Owned by the event loop; `newest` hands out a frozen copy."""

    def __init__(self) -> None:
        self._places: list[RecentEdit] = []

    def note(self, path: Path, first: int, last: int, shift: int) -> None:
        """Lines `first` to `last` of the new text were written; the lines below them moved down by `shift`."""
        others: list[RecentEdit] = []
        for place in self._places:
            if place.path != path:
                others.append(place)
            elif place.first <= last + GROUP and place.last >= first - GROUP:
                grown = place.last + (shift if place.last >= first else 0)
                first, last = min(first, place.first), max(last, grown)
            elif place.first > last:
                others.append(RecentEdit(path, place.first + shift, place.last + shift))
            else:
                others.append(place)
        self._places = [RecentEdit(path, max(first, 0), max(last, 0)), *others][:CAPACITY]

    def newest(self) -> tuple[RecentEdit, ...]:
        return tuple(self._places)

    def clear(self) -> None:
        self._places.clear()
