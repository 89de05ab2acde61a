"""What a trace records as typed at each place."""

import json
from pathlib import Path

from lsp_server.evaluate import keystrokes, recorded
from lsp_server.evaluate.keystrokes import EditingTrace, Header, Key, fingerprint
from lsp_server.evaluate.typist import Typist


def trace_of(typist: Typist, before: str) -> EditingTrace:
    header = Header(1, "test", "1", "MIT", "here.py", 0, fingerprint(typist.text))
    return EditingTrace(header, {"here.py": before}, tuple(typist.keys))


def typing(before: str, at: int, text: str) -> Typist:
    typist = Typist(before)
    typist.jump(at)
    for character in text:
        typist.type(character)
    return typist


def test_after_each_key_the_rest_of_the_run_follows() -> None:
    typist = typing("a = \n", 4, "xyz")
    assert [place.typed for place in recorded.places(trace_of(typist, "a = \n"))] == ["xyz", "yz", "z", ""]


def test_a_jump_ends_what_is_typed_in_one_place() -> None:
    typist = typing("a = \nb = \n", 4, "xy")
    typist.jump(len("a = xy\nb = "))
    typist.type("z")
    assert recorded.answers(trace_of(typist, "a = \nb = \n")) == ["y", "", ""]


def test_what_is_mended_later_counts_as_mended() -> None:
    """`xq`, the `q` taken back, `yz`: before the slip a model would have said `xyz`, behind it nothing fits."""
    keys = tuple(
        Key(kind, at, remove, insert, caret, 1)
        for kind, at, remove, insert, caret in (
            ("type", 0, 0, "x", 1),
            ("type", 1, 0, "q", 2),
            ("backspace", 1, 1, "", 1),
            ("type", 1, 0, "y", 2),
            ("type", 2, 0, "z", 3),
        )
    )
    header = Header(1, "test", "1", "MIT", "here.py", 0, fingerprint("xyz"))
    trace = EditingTrace(header, {"here.py": ""}, keys)
    assert recorded.answers(trace) == ["yz", "", "yz", "z", ""]


def test_a_bracket_that_the_editor_closed_and_the_person_typed_over_is_said() -> None:
    """The model is not shown it, so it has to say it itself."""
    typist = typing("f\n", 1, "(a)")
    assert recorded.answers(trace_of(typist, "f\n")) == ["a)", ")", ""]


def test_every_key_of_the_shipped_trace_is_typed_as_recorded(tmp_path: Path) -> None:
    """What is laid down names every place where the replay asks, and most of it is text."""
    trace = keystrokes.load(keystrokes.shipped())
    texts = json.loads(recorded.lay_down(trace, tmp_path / "texts.json").read_text(encoding="utf-8"))
    found = [texts[fingerprint(place.text)][str(place.caret)] for place in recorded.places(trace) if place.asks]
    assert len(found) == sum(key.asks for key in trace.keys)
    assert sum(map(bool, found)) > 0.9 * len(found)
