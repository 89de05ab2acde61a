"""Code actions asked through the real server, as an editor asks. What `act` and `eval` share.

The edits come back as offsets into the text that was opened; nothing is written anywhere.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from lsp_server.evaluate.client import EditorClient, OpenFile
from lsp_server.text import Span


@attrs.frozen
class Offered:
    """One entry of the menu. reason: why it cannot be chosen; empty where it can. raw: as the server sent it."""

    title: str
    kind: str
    key: str
    reason: str
    raw: Mapping[str, Any]


@attrs.frozen
class Carried:
    """What came of a chosen action. text: the whole file after it; None where nothing is proposed, and `reason` why."""

    text: str | None
    summary: str
    note: str
    reason: str


async def offers(editor: EditorClient, file: OpenFile, span: Span, kinds: Sequence[str]) -> list[Offered]:
    """The actions of these kinds at a selection, those that cannot be chosen included."""
    place = {"start": editor.position(file, span.start), "end": editor.position(file, span.end)}
    context = {"diagnostics": [], "only": list(kinds), "triggerKind": 1}
    params = {"textDocument": {"uri": file.uri}, "range": place, "context": context}
    return [_read(raw) for raw in await editor.request("textDocument/codeAction", params, 120.0) or []]


async def carry_out(editor: EditorClient, file: OpenFile, offered: Offered) -> Carried:
    """Chooses an action and applies its edits to the text of the file, in memory."""
    answer = await editor.request("codeAction/resolve", dict(offered.raw), 120.0)
    edit = answer.get("edit")
    if edit is None:
        reason = (answer.get("disabled") or {}).get("reason", "Nothing was proposed.")
        return Carried(None, "", "", reason)
    (change,) = edit["documentChanges"]
    assert change["textDocument"]["version"] == file.version
    (annotation,) = edit["changeAnnotations"].values()
    text = file.text
    for raw in sorted(change["edits"], key=lambda raw: -_offset(editor, file, raw["range"]["start"])):
        start, end = (_offset(editor, file, raw["range"][side]) for side in ("start", "end"))
        text = text[:start] + raw["newText"] + text[end:]
    return Carried(text, annotation["label"], annotation.get("description") or "", "")


def _read(raw: Mapping[str, Any]) -> Offered:
    reason = (raw.get("disabled") or {}).get("reason", "")
    return Offered(raw["title"], raw["kind"], (raw.get("data") or {}).get("key", ""), reason, raw)


def _offset(editor: EditorClient, file: OpenFile, position: Mapping[str, int]) -> int:
    return file.lines.offset(file.text, position["line"], position["character"], editor.encoding)
