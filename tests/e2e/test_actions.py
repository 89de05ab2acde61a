"""Code actions over the wire: offers without the model, edits when one is chosen, and every way in which that fails."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.e2e.conftest import Script
from tests.e2e.wire import CAPABILITIES, Wire

Start = Callable[..., Wire]
Json = Any

URI = "file:///elsewhere/a.py"
KIND = "refactor.extract.variable"
TEXT = "def price(items):\n    return round(sum(items) * 2, 1)\n"
SUM = (1, 17, 1, 27)
"""Where `sum(items)` stands in `TEXT`."""

ACTIONS: Json = {
    "codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["refactor"]}},
    "disabledSupport": True,
    "dataSupport": True,
    "resolveSupport": {"properties": ["edit"]},
}
EDITS: Json = {"documentChanges": True, "changeAnnotationSupport": {}}


def capable(actions: Json = ACTIONS, edits: Json = EDITS) -> Json:
    """What a client says that it can."""
    return {
        **CAPABILITIES,
        "textDocument": {**CAPABILITIES["textDocument"], "codeAction": actions},
        "workspace": {**CAPABILITIES["workspace"], "applyEdit": True, "workspaceEdit": edits},
    }


def span(place: tuple[int, int, int, int]) -> Json:
    return {
        "start": {"line": place[0], "character": place[1]},
        "end": {"line": place[2], "character": place[3]},
    }


def offers(wire: Wire, place: tuple[int, int, int, int] = SUM, uri: str = URI, **context: Any) -> list[Json]:
    params = {
        "textDocument": {"uri": uri},
        "range": span(place),
        "context": {"diagnostics": [], "only": [KIND], **context},
    }
    return list(wire.request("textDocument/codeAction", params) or [])


def applied(text: str, edits: list[Json]) -> str:
    """The text after edits on its lines, from the last one to the first. For texts of ASCII."""
    lines = text.splitlines(keepends=True)

    def offset(position: Json) -> int:
        return sum(map(len, lines[: position["line"]])) + int(position["character"])

    for edit in sorted(edits, key=lambda edit: -offset(edit["range"]["start"])):
        start, end = offset(edit["range"]["start"]), offset(edit["range"]["end"])
        text = text[:start] + edit["newText"] + text[end:]
    return text


def begin(start: Start, capabilities: Json = None, text: str = TEXT) -> Wire:
    wire = start()
    wire.initialize(capabilities=capabilities or capable())
    wire.open(URI, text)
    return wire


def messages(wire: Wire) -> list[str]:
    return [params["message"] for params in wire.notifications("window/showMessage")]


def test_an_offer_is_carried_out_when_it_is_chosen(start: Start, script: Script, tmp_path: Path) -> None:
    """The menu costs no question to the model; the choice one. The edit is for this version and says what it does."""
    prompts = tmp_path / "prompts"
    script.says("subtotal", promptsTo=str(prompts))
    wire = begin(start)
    (offer,) = offers(wire)
    assert offer["title"] == "Extract variable"
    assert offer["kind"] == KIND
    assert "edit" not in offer
    assert not prompts.exists()
    edit = wire.request("codeAction/resolve", offer)["edit"]
    (change,) = edit["documentChanges"]
    assert change["textDocument"] == {"uri": URI, "version": 1}
    assert applied(TEXT, change["edits"]) == (
        "def price(items):\n    subtotal = sum(items)\n    return round(subtotal * 2, 1)\n"
    )
    (annotation,) = edit["changeAnnotations"].values()
    assert annotation["label"] == "Extract subtotal"
    assert {each["annotationId"] for each in change["edits"]} == set(edit["changeAnnotations"])
    assert len(prompts.read_text().splitlines()) == 1


def test_the_server_says_which_actions_it_has(start: Start) -> None:
    """Editors ask only for what is announced."""
    wire = start()
    provider = wire.initialize()["capabilities"]["codeActionProvider"]
    assert KIND in provider["codeActionKinds"]
    assert provider["resolveProvider"] is True


def test_kinds_are_a_tree(start: Start) -> None:
    """A client that asks for a kind gets the kinds below it, and no other."""
    wire = begin(start)
    for kind, count in {"refactor": 1, "": 1, "quickfix": 0, "refactor.ext": 0}.items():
        assert len([offer for offer in offers(wire, only=[kind]) if offer["kind"] == KIND]) == count


def test_a_client_without_resolve_gets_a_command(start: Start, script: Script) -> None:
    """The command asks the model and sends the edit."""
    script.says("subtotal")
    wire = begin(start, capable({"codeActionLiteralSupport": {"codeActionKind": {"valueSet": []}}}, {}))
    wire.answers["workspace/applyEdit"] = {"applied": True}
    (offer,) = offers(wire)
    assert "data" not in offer
    assert wire.request("workspace/executeCommand", {k: offer["command"][k] for k in ("command", "arguments")}) is None
    (params,) = wire.wait_for(lambda: wire.notifications("workspace/applyEdit"), "an edit")
    assert "subtotal = sum(items)" in applied(TEXT, params["edit"]["changes"][URI])
    assert messages(wire) == []


def test_a_client_without_literals_gets_commands(start: Start) -> None:
    """The oldest clients know nothing else; what cannot be done is left out, because they could not show why."""
    wire = begin(start, capable({}, {}))
    assert [offer["command"] for offer in offers(wire)] == ["codehearth.act"]
    assert offers(wire, (1, 18, 1, 27)) == []


def test_an_editor_that_refuses_the_edit_is_reported(start: Start) -> None:
    """The person asked for it and would wait for nothing."""
    wire = begin(start, capable({}, {}))
    wire.answers["workspace/applyEdit"] = {"applied": False}
    (offer,) = offers(wire)
    wire.request("workspace/executeCommand", {"command": offer["command"], "arguments": offer["arguments"]})
    wire.wait_for(lambda: messages(wire), "a message")
    assert messages(wire) == ["The editor did not apply the change."]


def test_what_cannot_be_done_says_why(start: Start) -> None:
    """To a person who asked, in a client that shows reasons; not at every move of the cursor."""
    wire = begin(start)
    (offer,) = offers(wire, (1, 18, 1, 27))
    assert offer["disabled"] == {"reason": "The selection cuts a word, a number or a string in two."}
    assert "data" not in offer
    assert offers(wire, (1, 18, 1, 27), triggerKind=2) == []
    assert len(offers(wire, triggerKind=2)) == 1


def test_an_action_for_an_older_version_is_refused_once(start: Start) -> None:
    """The person is told in one message; the answer is the action without an edit, which no editor complains about."""
    wire = begin(start)
    (offer,) = offers(wire)
    wire.change(URI, 2, {"text": f"# new\n{TEXT}"})
    answer = wire.request("codeAction/resolve", offer)
    assert "edit" not in answer
    assert messages(wire) == ["The file has changed since the action was offered. Choose it again."]


def test_a_document_that_changes_while_the_model_thinks(start: Start, script: Script) -> None:
    """Edits for a text that is gone are not sent."""
    script.says("subtotal", delayMs=300)
    wire = begin(start)
    (offer,) = offers(wire)
    asked = wire.ask("codeAction/resolve", offer)
    wire.change(URI, 2, {"text": f"# new\n{TEXT}"})
    assert "edit" not in wire.reply(asked)["result"]
    assert messages(wire) == ["The file has changed since the action was offered. Choose it again."]


def test_without_a_model_the_name_comes_from_the_expression(start: Start, script: Script) -> None:
    """And the annotation says so."""
    script.says(modelError="There is no model.")
    wire = begin(start)
    (offer,) = offers(wire)
    edit = wire.request("codeAction/resolve", offer)["edit"]
    assert "sum_result = sum(items)" in applied(TEXT, edit["documentChanges"][0]["edits"])
    (annotation,) = edit["changeAnnotations"].values()
    assert annotation["description"].endswith("There is no model.")


def test_a_slow_action_shows_progress_and_can_be_cancelled(start: Start, script: Script) -> None:
    """The bar's button ends it without a message: whoever pressed it knows."""
    script.says("subtotal", delayMs=60_000)
    wire = begin(start)
    (offer,) = offers(wire)
    asked = wire.ask("codeAction/resolve", offer)

    def bar() -> Json:
        begun = [p["token"] for p in wire.notifications("$/progress") if p["value"].get("cancellable")]
        return begun and begun[-1]

    wire.notify("window/workDoneProgress/cancel", {"token": wire.wait_for(bar, "a bar")})
    assert "edit" not in wire.reply(asked)["result"]
    assert messages(wire) == []


def test_a_client_that_cancels_gets_the_usual_answer(start: Start, script: Script) -> None:
    """-32800, and the server goes on."""
    script.says("subtotal", delayMs=60_000)
    wire = begin(start)
    (offer,) = offers(wire)
    asked = wire.ask("codeAction/resolve", offer)
    wire.notify("$/cancelRequest", {"id": asked})
    assert wire.reply(asked)["error"]["code"] == -32800
    assert len(offers(wire)) == 1


def test_an_action_that_is_not_ours_is_an_error(start: Start) -> None:
    """Invalid parameters, as the protocol names it."""
    wire = begin(start)
    for data in (None, {}, {"uri": URI}, {"uri": 1, "version": 1, "kind": "", "key": "", "span": []}):
        assert wire.error("codeAction/resolve", {"title": "Other", "data": data}) == -32602
        assert wire.error("workspace/executeCommand", {"command": "codehearth.act", "arguments": [data]}) == -32602


def test_a_kind_that_is_not_offered_there_is_refused(start: Start) -> None:
    """Whatever a client sends back is checked against what is offered now."""
    wire = begin(start)
    (offer,) = offers(wire)
    answer = wire.request("codeAction/resolve", {**offer, "data": {**offer["data"], "span": [0, 3]}})
    assert "edit" not in answer
    assert len(messages(wire)) == 1


def test_read_only_and_generated_files_are_left_alone(start: Start, tmp_path: Path) -> None:
    """With the reason, where the client shows reasons."""
    wire = begin(start)
    uri = (tmp_path / "made.py").as_uri()
    wire.open(uri, f"# Generated by a tool. DO NOT EDIT.\n{TEXT}")
    (offer,) = offers(wire, (2, 17, 2, 27), uri)
    assert offer["disabled"] == {"reason": "The file says that it is generated."}


def test_other_languages_and_closed_documents_offer_nothing(start: Start) -> None:
    """No error either: editors ask everywhere."""
    wire = begin(start)
    wire.open("file:///elsewhere/a.txt", "sum(items)\n", "plaintext")
    assert offers(wire, (0, 0, 0, 10), "file:///elsewhere/a.txt") == []
    assert offers(wire, (0, 0, 0, 10), "file:///elsewhere/closed.py") == []
