"""Documents and requests over the wire: what arrives is what the editor has, and the newest question is answered."""

import hashlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.e2e.conftest import Script
from tests.e2e.wire import CAPABILITIES, Wire

Start = Callable[..., Wire]
URI = "file:///elsewhere/a.py"


def insertion(line: int, character: int, text: str) -> Any:
    here = {"line": line, "character": character}
    return {"range": {"start": here, "end": here}, "text": text}


@pytest.fixture
def prompts(tmp_path: Path, script: Script) -> Callable[[], list[str]]:
    """What the model was shown so far."""
    file = tmp_path / "prompts.jsonl"
    script.says("total(items)\n", promptsTo=str(file))
    return lambda: [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@pytest.mark.parametrize(
    ("text", "change", "expected"),
    [
        ("a = 1\x0cb\nc = \nd\n", insertion(1, 4, "Z"), "a = 1\x0cb\nc = Z"),
        ("a = '\u2028'\nc = \nd\n", insertion(1, 4, "Z"), "\u2028'\nc = Z"),
        ("a = '\x85'\nc = \nd\n", insertion(1, 4, "Z"), "\x85'\nc = Z"),
        ("a = 1\rb = 2\r\nc = \nd\n", insertion(2, 4, "Z"), "c = Z"),
        ("a\n\tc = ", insertion(1, 5, "Z"), "\tc = Z"),
        ("a = 1", insertion(9, 9, "\nc = Z"), "a = 1\nc = Z"),
        ("c = \nd\n", insertion(0, 99, "Z"), "c = Z"),
        ("", insertion(0, 0, "c = Z"), "c = Z"),
        ("gone", {"text": "c = Z"}, "c = Z"),
    ],
)
def test_edits_land_where_the_editor_made_them(
    start: Start, prompts: Callable[[], list[str]], text: str, change: Any, expected: str
) -> None:
    """Form feeds and their kin end no line, `\\r` and `\\r\\n` do, positions past the end are clamped."""
    wire = start()
    wire.initialize()
    wire.open(URI, text)
    wire.change(URI, 2, change)
    line = next(number for number in range(5) if "c = Z" in _line(text, change, number))
    wire.inline(URI, line, _line(text, change, line).index("Z") + 1)
    assert expected in prompts()[-1].replace("\r\n", "\n")


def _line(text: str, change: Any, number: int) -> str:
    """The editor's own idea of its text after the change, kept the slow way."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if "range" not in change:
        lines = change["text"].split("\n")
    else:
        at = change["range"]["start"]
        line = min(at["line"], len(lines) - 1)
        column = at["character"] if at["line"] == line else len(lines[line])
        lines[line] = lines[line][:column] + change["text"] + lines[line][column:]
        lines = "\n".join(lines).split("\n")
    return lines[number] if number < len(lines) else ""


def test_the_servers_text_stays_the_editors(start: Start) -> None:
    """Through a thousand random edits with every kind of line end and of character."""
    random = Random(7)
    pieces = ["a", "\n", "\r\n", "\r", "\t", "\x0c", "\u2028", "😀", "é", "def f():\n    pass\n", ""]
    text = "".join(random.choices(pieces, k=200))
    wire = start()
    wire.initialize()
    wire.open(URI, text)
    for version in range(2, 1002):
        start_, end = (
            sorted(random.choices(range(len(text) + 1), k=2))
            if version % 50 == 0
            else [random.randint(0, len(text))] * 2
        )
        # No editor puts a cursor between the two halves of a line end.
        start_, end = (at - 1 if text[at - 1 : at + 1] == "\r\n" else at for at in (start_, end))
        inserted = random.choice(pieces)
        edges = [position(text, start_), position(text, end)]
        wire.change(URI, version, {"range": {"start": edges[0], "end": edges[1]}, "text": inserted})
        text = text[:start_] + inserted + text[end:]
    held = wire.request("codehearth/document", {"textDocument": {"uri": URI}})
    assert held == {"version": 1001, "sha256": hashlib.sha256(text.encode()).hexdigest()}


def position(text: str, offset: int) -> Any:
    """In UTF-16, the slow way."""
    before = re.split(r"\r\n|\r|\n", text[:offset])
    return {"line": len(before) - 1, "character": len(before[-1].encode("utf-16-le")) // 2}


@pytest.mark.parametrize(
    ("offered", "chosen", "column"),
    [
        (["utf-8", "utf-16"], "utf-8", 10),
        (["utf-16"], "utf-16", 8),
        (["utf-32"], "utf-32", 7),
        (["utf-7"], "utf-16", 8),
        (None, "utf-16", 8),
    ],
)
def test_an_emoji_before_the_cursor(
    start: Start, prompts: Callable[[], list[str]], offered: Any, chosen: str, column: int
) -> None:
    """Edits and answers count in the encoding that was agreed on."""
    wire = start()
    capabilities = {**CAPABILITIES, "general": {} if offered is None else {"positionEncodings": offered}}
    result = wire.initialize(capabilities=capabilities)
    assert result["capabilities"]["positionEncoding"] == chosen
    wire.open(URI, "c = '😀'\n")
    wire.change(URI, 2, insertion(0, column, " + Z"))
    answer = wire.inline(URI, 0, column + 4)
    assert "c = '😀' + Z" in prompts()[-1]
    position = {"line": 0, "character": column + 4}
    assert [item["range"] for item in answer["items"]] == [{"start": position, "end": position}]


def test_the_portable_shape(start: Start) -> None:
    """One item: a plain string, and a range that is empty and stands at the cursor."""
    wire = start()
    wire.initialize()
    wire.open(URI, "items = [1]\nx = \n")
    here = {"line": 1, "character": 4}
    assert wire.inline(URI, 1, 4) == {"items": [{"insertText": "total(items)", "range": {"start": here, "end": here}}]}


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("", "python"),
        ("x = \n" * 2_000_000, "python"),
        ("x\0\1\2 = \n", "python"),
        ("IDENTIFICATION DIVISION.\n", "cobol"),
    ],
)
def test_odd_documents(start: Start, text: str, language: str) -> None:
    """Empty, 10 MB, binary, a language nobody here knows: an answer or none, never an error."""
    wire = start()
    wire.initialize()
    wire.open(URI, text, language)
    assert "items" in wire.inline(URI, 0, 0)
    wire.change(URI, 2, insertion(0, 0, "y"))
    assert "items" in wire.inline(URI, 0, 1)
    assert wire.notifications("window/showMessage") == []


def test_a_request_for_a_document_that_is_not_open(start: Start) -> None:
    """Nothing here; also after it was closed, and an edit to it is ignored."""
    wire = start()
    wire.initialize()
    assert wire.inline(URI, 0, 0) == {"items": []}
    wire.open(URI, "x = \n")
    wire.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
    wire.change(URI, 2, insertion(0, 0, "y"))
    wire.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
    assert wire.inline(URI, 0, 4) == {"items": []}


@pytest.mark.parametrize("uri", ["untitled:Untitled-1", "file:///elsewhere/a.py", "git:/a.py?x", "nonsense"])
def test_documents_outside_every_workspace(start: Start, workspace: Path, uri: str) -> None:
    """They have no repository; they are completed all the same."""
    wire = start()
    wire.initialize(workspace)
    wire.open(uri, "items = [1]\nx = \n")
    assert wire.texts(uri, 1, 4) == ["total(items)"]


@pytest.mark.parametrize("name", [7, "seven", 0])
def test_a_cancelled_request(start: Start, script: Script, name: int | str) -> None:
    """-32800, once, while the work still had half a minute to go; cancelling twice or a stranger does no harm."""
    script.says("late", delayMs=30_000)
    wire = start()
    wire.initialize()
    wire.open(URI, "x = \n")
    wire.ask("textDocument/inlineCompletion", wire.inline_params(URI, 0, 4), id=name)
    wire.wait_for_status("ready", busy=True)
    wire.notify("$/cancelRequest", {"id": name})
    wire.notify("$/cancelRequest", {"id": name})
    wire.notify("$/cancelRequest", {"id": "stranger"})
    assert wire.reply(name)["error"]["code"] == -32800
    wire.wait_for_status("ready", busy=False)
    assert len(wire.replies(name)) == 1


def test_of_eight_overlapping_requests_the_newest_wins(start: Start, script: Script) -> None:
    """Seven times null, which leaves old ghost text alone, and one answer; for clients that never cancel."""
    script.says("total(items)\n", delayMs=400)
    wire = start()
    wire.initialize()
    wire.open(URI, "items = [1]\n" + "x = \n" * 9)
    other = wire.open("file:///elsewhere/b.py", "items = [1]\nx = \n")
    ids = [wire.ask("textDocument/inlineCompletion", wire.inline_params(URI, line, 4)) for line in range(1, 9)]
    beside = wire.ask("textDocument/inlineCompletion", wire.inline_params(other, 1, 4))
    results = [wire.reply(number)["result"] for number in ids]
    assert results[:7] == [None] * 7
    assert len(results[7]["items"]) == 1
    assert len(wire.reply(beside)["result"]["items"]) == 1


def test_a_request_is_about_the_text_as_it_was_asked(
    start: Start, script: Script, prompts: Callable[[], list[str]]
) -> None:
    """Whatever is typed while it is under way."""
    wire = start()
    wire.initialize()
    wire.open(URI, "first = \n")
    asked = wire.ask("textDocument/inlineCompletion", wire.inline_params(URI, 0, 8))
    wire.change(URI, 2, {"text": "second = \n"})
    assert wire.reply(asked)["result"]["items"]
    assert "first = " in prompts()[-1]
    wire.inline(URI, 0, 9)
    assert "second = " in prompts()[-1]


def test_the_fallback_in_completion_menus(start: Start) -> None:
    """For editors without inline completion: one item, asked again as one types; elsewhere only where it is wanted."""
    plain = {**CAPABILITIES, "textDocument": {"completion": {}}}
    wire = start()
    assert "completionProvider" in wire.initialize(capabilities=plain)["capabilities"]
    wire.open(URI, "items = [1]\nx = \n")
    where = {"textDocument": {"uri": URI}, "position": {"line": 1, "character": 4}}
    answer = wire.request("textDocument/completion", where)
    here = {"line": 1, "character": 4}
    assert answer["isIncomplete"] is True
    assert [item["textEdit"] for item in answer["items"]] == [
        {"newText": "total(items)", "range": {"start": here, "end": here}}
    ]
    wire = start()
    assert "completionProvider" not in wire.initialize()["capabilities"]
    wire.open(URI, "items = [1]\nx = \n")
    assert wire.request("textDocument/completion", where)["items"] == []


def test_the_fallback_can_be_switched_on_later(start: Start) -> None:
    """The client is told by registration, once."""
    wire = start(configuration={"completion": {"fallback": "always"}})
    assert "completionProvider" not in wire.initialize()["capabilities"]
    wire.wait_for(
        lambda: [
            message
            for message in wire.messages
            if message.get("method") == "client/registerCapability"
            and message["params"]["registrations"][0]["method"] == "textDocument/completion"
        ],
        "the registration",
    )
    wire.open(URI, "items = [1]\nx = \n")
    where = {"textDocument": {"uri": URI}, "position": {"line": 1, "character": 4}}
    assert len(wire.request("textDocument/completion", where)["items"]) == 1


@pytest.mark.parametrize("words", [[], ["-v"]])
def test_no_source_text_in_any_log(start: Start, script: Script, tmp_path: Path, words: list[str]) -> None:
    """Not in the file, not on stderr, not in the editor's log, whatever goes well or wrong; -vv alone has it."""
    log = tmp_path / "server.log"
    wire = start("--log-file", str(log), *words, configuration={"log": {"level": "debug"}})
    wire.initialize(trace="verbose", options={"completion": {"colour": "CANARY_OPTION"}})
    wire.open(URI, "CANARY_TEXT = 1\nCANARY_TEXT + \n")
    script.says("CANARY_ANSWER\n")
    wire.inline(URI, 1, 14)
    wire.change(URI, 2, insertion(1, 14, "CANARY_EDIT"))
    script.says("", engineError="It fell over.")
    wire.inline(URI, 0, 3)
    wire.ask("textDocument/inlineCompletion", {"textDocument": {"uri": "CANARY_PARAMS"}, "position": "CANARY_POSITION"})
    wire.notify("textDocument/didOpen", {"textDocument": {"text": "CANARY_BAD_OPEN"}})
    wire.send_bytes(b'{"CANARY_JSON": ')
    wire.request("codehearth/status", {})
    assert wire.shutdown() == 0
    wire.__exit__()
    logged = [str(wire.notifications(method)) for method in ("window/logMessage", "$/logTrace", "codehearth/status")]
    everything = "\n".join([log.read_text(), *wire.stderr, *logged])
    assert "CANARY" not in everything
    if words:
        assert "textDocument/inlineCompletion" in log.read_text()


def test_the_most_talkative_log_has_everything(start: Start, tmp_path: Path) -> None:
    """So that the test above would notice: at -vv whole messages are logged."""
    log = tmp_path / "server.log"
    wire = start("--log-file", str(log), "-vv")
    wire.initialize()
    wire.open(URI, "x = \n")
    wire.inline(URI, 0, 4)
    wire.shutdown()
    assert "total(items)" in log.read_text()


@pytest.mark.skipif(os.name != "posix", reason="the paths are POSIX")
def test_percent_encoded_names(start: Start, tmp_path: Path) -> None:
    """Editors encode differently; a folder with a space is still the file's folder."""
    folder = tmp_path / "my shop"
    folder.mkdir()
    wire = start()
    wire.initialize(folder)
    uri = wire.open((folder / "a b.py").as_uri(), "items = [1]\nx = \n")
    assert wire.texts(uri, 1, 4) == ["total(items)"]
