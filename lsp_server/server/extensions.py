"""What codehearth adds to the protocol. Every name, direction and shape; nothing here does anything.

Notification from the server, sent only when something changed:

    codehearth/status  {state, busy, message, silence, model, version}
        state    starting | indexing | loading | ready | paused | off | error
        busy     a request or a piece of background work is running
        message  one sentence for a person, e.g. for a tooltip; never source code
        silence  why the last request was answered with nothing (`completion.query.Silence`), or null
        model    name of the loaded model, or null
        version  of the server

Requests from the client:

    codehearth/status  {}                       -> the same object
    codehearth/why     {textDocument: {uri}}    -> explanation of the last answer for that document, or null:
                                                   `completion.query.Explanation` in camelCase
    codehearth/document {textDocument: {uri}}   -> {version, sha256} of the text that the server holds, or null: for
                                                   tests that compare it with the editor's (UTF-8, surrogates passed)
    codehearth/lag     {on?: bool, reset?: bool} -> {on, count, maximum, histogram}: how long the event loop kept
                                                   callers waiting, in milliseconds, while the probe was on

Commands (`workspace/executeCommand`), all answered with null:

    codehearth.pause [minutes]            no suggestions for so long; without minutes until `codehearth.resume`
    codehearth.resume
    codehearth.toggleLanguage [language]  switches one language off, or on again, until the server ends
    codehearth.reindex                    reads every workspace folder anew
    codehearth.act [data]                 carries out a code action that was offered to a client which cannot resolve
                                          actions; `data` is what the offer carries. The edits come as
                                          `workspace/applyEdit`
"""

from typing import Any, Literal

import attrs

from lsp_server.settings import camel

STATUS = "codehearth/status"
WHY = "codehearth/why"
DOCUMENT = "codehearth/document"
LAG = "codehearth/lag"

REQUESTS = frozenset({STATUS, WHY, DOCUMENT, LAG})

PAUSE = "codehearth.pause"
RESUME = "codehearth.resume"
TOGGLE_LANGUAGE = "codehearth.toggleLanguage"
REINDEX = "codehearth.reindex"
ACT = "codehearth.act"

COMMANDS = (PAUSE, RESUME, TOGGLE_LANGUAGE, REINDEX, ACT)

State = Literal["starting", "indexing", "loading", "ready", "paused", "off", "error"]


@attrs.frozen
class Status:
    state: State
    busy: bool
    message: str
    silence: str | None
    model: str | None
    version: str


@attrs.frozen
class Custom:
    """One of our requests as it arrives: its parameters are checked by its handler."""

    id: str | int
    method: str
    params: Any = None
    jsonrpc: str = "2.0"


def wire(value: Any) -> Any:
    """JSON of our own frozen values: camelCase keys, tuples as lists."""
    if attrs.has(type(value)):
        return {camel(field.name): wire(getattr(value, field.name)) for field in attrs.fields(type(value))}
    if isinstance(value, (list, tuple)):
        return [wire(part) for part in value]
    if hasattr(value, "items"):
        return {key: wire(part) for key, part in value.items()}
    return value
