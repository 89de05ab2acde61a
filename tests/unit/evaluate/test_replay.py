"""Replaying a trace into a server of a few lines that knows the truth."""

import json
import sys
from pathlib import Path

import pytest

from lsp_server.evaluate import product, replay
from lsp_server.evaluate.client import EditorClient
from lsp_server.evaluate.keystrokes import EditingTrace, Header, Key, fingerprint
from lsp_server.evaluate.replay import keys_saved
from lsp_server.evaluate.spread import Spread
from lsp_server.evaluate.typist import Typist

SERVER = Path(__file__).with_name("scripted_server.py")
TRUTH = "import os\n\n\ndef here(name):\n    return os.path.abspath(name)\n"


def trace_of(truth: str = TRUTH) -> EditingTrace:
    """The last line of the truth is typed, with a bracket that the editor closes."""
    at = truth.index("return os")
    end = truth.index("\n", at)
    typist = Typist(truth[:at] + truth[end:])
    typist.jump(at)
    for character in truth[at:end]:
        typist.type(character)
    assert typist.text == truth
    header = Header(1, "test", "1", "MIT", "here.py", 0, fingerprint(truth))
    return EditingTrace(header, {"here.py": truth[:at] + truth[end:]}, tuple(typist.keys))


def command(**script: object) -> list[str]:
    return [sys.executable, str(SERVER), json.dumps(script)]


async def test_every_key_that_asks_is_answered_once(tmp_path: Path) -> None:
    """Without suggestions there is one request per key, each with its explanation."""
    trace = trace_of()
    async with EditorClient([tmp_path], command=command(truth=TRUTH)) as editor:
        played = await replay.replay(editor, trace, tmp_path)
    assert [asked.kind for asked in played.asked] == [key.kind for key in trace.keys if key.asks]
    assert all(asked.why is not None and asked.why.evaluated == 2 for asked in played.asked)
    assert played.accepted == ()
    assert (played.typing.maximum, played.typing.longer_than_5) == (6.5, 1)
    assert played.same_text is None  # this server has no `codehearth/document`


async def test_right_suggestions_are_accepted(tmp_path: Path) -> None:
    """What agrees with the truth is taken, and fewer keys are asked for; the text ends as it should."""
    trace = trace_of()
    async with EditorClient([tmp_path], command=command(truth=TRUTH, suggest=6)) as editor:
        played = await replay.replay(editor, trace, tmp_path)
        file = editor.files[(tmp_path / "here.py").as_uri()]
        assert await editor.request("test/text", {"uri": file.uri}) == TRUTH
    assert played.accepted
    assert len(played.asked) < len(trace.keys)
    assert [asked.kind for asked in played.asked].count("accept") == len(played.accepted)


async def test_wrong_suggestions_are_typed_past(tmp_path: Path) -> None:
    """A suggestion for other code is never taken."""
    other = TRUTH.replace("abspath(name)", "exists(name)")
    async with EditorClient([tmp_path], command=command(truth=other, suggest=30)) as editor:
        played = await replay.replay(editor, trace_of(), tmp_path)
        file = editor.files[(tmp_path / "here.py").as_uri()]
        assert await editor.request("test/text", {"uri": file.uri}) == TRUTH
    assert any(asked.shown for asked in played.asked)
    assert played.accepted == ()


async def test_hurried_typing_cancels_what_is_late(tmp_path: Path) -> None:
    """Every request ends, the late ones as cancelled, and the last one is answered."""
    trace = trace_of()
    async with EditorClient([tmp_path], command=command(truth=TRUTH, delay_ms=40)) as editor:
        hurried = await replay.hurry(editor, trace, tmp_path, interval=0.005)
        file = editor.files[(tmp_path / "here.py").as_uri()]
        assert await editor.request("test/text", {"uri": file.uri}) == TRUTH
    assert sum(hurried.outcomes.values()) == sum(key.asks for key in trace.keys)
    assert set(hurried.outcomes) == {"cancelled", "answered"}
    assert hurried.last_answered
    assert hurried.releases.count == hurried.outcomes["cancelled"]


async def test_the_status_of_a_ready_server_ends_the_waiting(tmp_path: Path) -> None:
    """`on_status` sees what the server says on the way."""
    seen: list[product.Status] = []
    async with EditorClient([tmp_path], command=command()) as editor:
        status = await product.wait_until_ready(editor, 10, seen.append)
    assert status.model == "m"
    assert seen[-1] == status


def typed(text: str, run: int = 0) -> list[Key]:
    return [Key("type", at, 0, letter, at + 1, run) for at, letter in enumerate(text)]


@pytest.mark.parametrize(
    ("suggestion", "saved"),
    [("return", 5), ("retu", 3), ("rest", 0), ("re", 0), (None, 0), ("return 1", 0)],
    ids=["all of it", "a beginning", "wrong", "one key is not worth it", "nothing", "more than was typed"],
)
def test_keys_saved(suggestion: str | None, saved: int) -> None:
    """After `r`: a suggestion of the whole rest is worth the remaining keys, one that is wrong none."""
    rest = suggestion[1:] if suggestion else None
    assert keys_saved("r", 1, rest, typed("return")[1:], 0) == saved


def test_keys_saved_ends_with_the_run() -> None:
    """What is typed elsewhere is not what was suggested here."""
    keys = [*typed("ret")[1:], *(Key("type", at, 0, letter, at + 1, 1) for at, letter in enumerate("return") if at > 2)]
    assert keys_saved("r", 1, "eturn", keys, 0) == 0


def test_keys_saved_sees_through_added_brackets() -> None:
    """The closing bracket that the editor added stands after the caret, and is typed over at the end."""
    typist = Typist("f")
    typist.jump(1)
    for character in "(abc)":
        typist.type(character)
    keys = typist.keys[2:]
    assert keys_saved("f()", 2, "abc", keys, 1) == 3


def test_percentiles_are_values_that_occurred() -> None:
    assert Spread.of([4, 1, 3, 2]) == Spread(4, 2, 4, 4)
    assert Spread.of([]) == Spread(0, None, None, None)
    assert Spread.of(range(1, 101)) == Spread(100, 50, 95, 100)
