"""A client that speaks like LSP4IJ in a JetBrains IDE: string ids, UTF-16 only, a cancel with every key.

No IDE takes part. The template's own files are what is sent and answered. LSP4IJ shows an error balloon for an error
response and mixes up text whose range ends behind the cursor, so neither may happen.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.conftest import Script
from tests.e2e.wire import Wire
from tests.generated import JETBRAINS

Start = Callable[..., Wire]
URI = "file:///C:/shop/cart.py"

CAPABILITIES: Any = {
    "general": {"positionEncodings": ["utf-16"]},
    "textDocument": {
        "synchronization": {"dynamicRegistration": True, "didSave": True},
        "inlineCompletion": {"dynamicRegistration": True},
        "completion": {"dynamicRegistration": True},
        "codeAction": {
            "dynamicRegistration": True,
            "codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["", "quickfix", "refactor", "source"]}},
            "dataSupport": True,
            "resolveSupport": {"properties": ["edit"]},
        },
    },
    "window": {"workDoneProgress": True, "showMessage": {}},
    "workspace": {
        "applyEdit": True,
        "configuration": True,
        "didChangeConfiguration": {"dynamicRegistration": True},
        "didChangeWatchedFiles": {"dynamicRegistration": True},
        "workspaceEdit": {"documentChanges": True},
        "workspaceFolders": True,
    },
}


def template(name: str) -> Any:
    return json.loads((JETBRAINS / name).read_text(encoding="utf-8"))


class Ide:
    """One editor tab: every key is a change and a request, and cancels the request before it."""

    def __init__(self, wire: Wire, text: str) -> None:
        self.wire = wire
        self.version = 1
        self.asked: list[str] = []
        wire.open(URI, text)

    def key(self, line: int, character: int, text: str) -> str:
        """Types `text` at this place, and asks behind it; returns the id of the request."""
        if self.asked:
            self.wire.notify("$/cancelRequest", {"id": self.asked[-1]})
        self.version += 1
        here = {"line": line, "character": character}
        self.wire.change(URI, self.version, {"range": {"start": here, "end": here}, "text": text})
        return self.ask(line, character + len(text.encode("utf-16-le")) // 2)

    def ask(self, line: int, character: int) -> str:
        params = self.wire.inline_params(URI, line, character, automatic=True)
        own = f"{len(self.asked) + 1}"
        self.asked.append(own)
        self.wire.ask("textDocument/inlineCompletion", params, id=own)
        return own


@pytest.fixture
def begin(start: Start) -> Callable[[str], Ide]:
    """Opens a file in an IDE with the template imported."""

    def open_in_ide(text: str) -> Ide:
        wire = start("--stdio", configuration=template("settings.json")["codehearth"])
        wire.initialize(
            capabilities=CAPABILITIES,
            options=template("initializationOptions.json"),
            clientInfo={"name": "PyCharm", "version": "2026.2"},
            trace="verbose",
        )
        return Ide(wire, text)

    return open_in_ide


def test_the_template_is_taken_without_a_word(begin: Callable[[str], Ide]) -> None:
    """Its options and its settings are read, positions are UTF-16, and nobody is warned of anything."""
    ide = begin("total = \n")
    ide.wire.wait_for_status("ready")
    sections = [
        item["section"] for asked in ide.wire.notifications("workspace/configuration") for item in asked["items"]
    ]
    assert sections == ["codehearth"]
    assert ide.wire.notifications("window/showMessage") == []


def test_an_item_is_plain_text_at_the_cursor(begin: Callable[[str], Ide], script: Script) -> None:
    """One string with an empty range exactly where it was asked for, also behind characters of two UTF-16 units."""
    script.says("sum(items)")
    ide = begin("")
    answer = ide.wire.reply(ide.key(0, 0, "name = '𝒳😀'; total = "))
    position = {"line": 0, "character": len("name = '𝒳😀'; total = ") + 2}
    assert answer["result"] == {"items": [{"insertText": "sum(items)", "range": {"start": position, "end": position}}]}


def test_before_a_closed_bracket_the_range_ends_at_the_cursor(begin: Callable[[str], Ide], script: Script) -> None:
    """The bracket that the IDE closed by itself stays where it is, and is not in the text."""
    script.says("items)")
    ide = begin("total = sum()\n")
    answer = ide.wire.reply(ide.ask(0, len("total = sum(")))
    position = {"line": 0, "character": len("total = sum(")}
    assert answer["result"]["items"] == [{"insertText": "items", "range": {"start": position, "end": position}}]


def test_rapid_typing_cancels_and_the_last_key_is_answered(begin: Callable[[str], Ide], script: Script) -> None:
    """Every request gets one response: an error only where it was cancelled, the text only for the newest."""
    script.says("sum(items)", delayMs=100)
    ide = begin("")
    typed = "total = "
    for column, key in enumerate(typed):
        ide.key(0, column, key)
    answer = ide.wire.reply(ide.asked[-1])
    assert [item["insertText"] for item in answer["result"]["items"]] == ["sum(items)"]
    for own in ide.asked[:-1]:
        early = ide.wire.reply(own)
        assert early.get("error", {}).get("code") == -32800 or not (early["result"] or {}).get("items")
    assert [len(ide.wire.replies(own)) for own in ide.asked] == [1] * len(typed)


def test_a_cancel_that_comes_too_late_or_for_nothing_is_passed_over(begin: Callable[[str], Ide]) -> None:
    """An answered request, an id that was never used: no response, no harm."""
    ide = begin("total = \n")
    first = ide.ask(0, 8)
    ide.wire.reply(first)
    for odd in (first, "never", 7):
        ide.wire.notify("$/cancelRequest", {"id": odd})
    assert ide.wire.reply(ide.ask(0, 8))["result"]["items"]
    assert len(ide.wire.replies(first)) == 1


@pytest.mark.parametrize("trouble", [{"modelError": "No model."}, {"engineError": "No engine."}])
def test_trouble_is_no_error_balloon(begin: Callable[[str], Ide], script: Script, trouble: Any) -> None:
    """Without a model, or with an engine that dies, the answer is empty and the reason one message."""
    script.says("", **trouble)
    ide = begin("total = \n")
    assert ide.wire.reply(ide.ask(0, 8))["result"] == {"items": []}
    assert ide.wire.reply(ide.ask(0, 8))["result"] == {"items": []}


def test_a_code_action_is_resolved_when_it_is_chosen(begin: Callable[[str], Ide], script: Script) -> None:
    """The intention menu gets offers without edits; the chosen one comes back with edits for this version."""
    script.says("subtotal")
    ide = begin("total = round(sum(items) * 2, 1)\n")
    span = {"start": {"line": 0, "character": 14}, "end": {"line": 0, "character": 24}}
    asked = {"textDocument": {"uri": URI}, "range": span, "context": {"diagnostics": [], "triggerKind": 1}}
    offered = ide.wire.request("textDocument/codeAction", asked, id="offers")
    offer = next(each for each in offered if each["kind"] == "refactor.extract.variable")
    assert "edit" not in offer
    edit = ide.wire.request("codeAction/resolve", offer, id="chosen")["edit"]
    (change,) = edit["documentChanges"]
    assert change["textDocument"] == {"uri": URI, "version": 1}
    assert {"subtotal = sum(items)\n", "subtotal"} == {each["newText"] for each in change["edits"]}


def test_the_ide_closes_in_order(begin: Callable[[str], Ide], script: Script) -> None:
    """Shutdown with a request in flight, string id like all others: both are answered, and the exit code is 0."""
    script.says("sum(items)", delayMs=60_000)
    ide = begin("total = \n")
    ide.wire.wait_for_status("ready")
    waiting = ide.ask(0, 8)
    ide.wire.request("shutdown", id="last")
    assert ide.wire.reply(waiting)["error"]["code"] == -32800
    ide.wire.notify("exit")
    assert ide.wire.exit_code() == 0
