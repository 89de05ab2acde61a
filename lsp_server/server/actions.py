"""Code actions on the wire: offers without edits, edits once somebody has chosen, and a command for older clients.

An offer carries only where it was made (`data`); the edits are made by `codeAction/resolve`, so that opening a menu
never asks the model. Clients that cannot resolve get a command instead, which sends the edits as a request. Whoever
chose an action and gets none is told why in one message; nothing here is answered with an error that an editor would
show a second time.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import attrs
from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from lsp_server.actions.values import Offer, Proposal, Refusal, Selection
from lsp_server.documents.document import Document
from lsp_server.errors import ServerError
from lsp_server.server import convert, extensions
from lsp_server.server.session import Session
from lsp_server.text import Span

STALE = "The file has changed since the action was offered. Choose it again."
NOT_APPLIED = "The editor did not apply the change."
CANNOT_APPLY = "This editor cannot apply changes that a server makes."

BAR_DELAY_S = 0.4
"""Shorter work shows no progress: a bar would only flash."""


@attrs.frozen
class Chosen:
    """What an offer carries through the client and back."""

    uri: str
    version: int
    kind: str
    key: str
    span: Span

    def data(self) -> dict[str, Any]:
        return {**attrs.asdict(self, recurse=False), "span": [self.span.start, self.span.end]}

    @classmethod
    def of(cls, data: Any) -> "Chosen":
        match data:
            case {
                "uri": str() as uri,
                "version": int() as version,
                "kind": str() as kind,
                "key": str() as key,
                "span": [int() as start, int() as end],
            } if 0 <= start <= end:
                return cls(uri, version, kind, key, Span(start, end))
        raise JsonRpcInvalidParams("This is no action of this server's.")


async def code_action(
    session: Session, params: types.CodeActionParams
) -> list[types.CodeAction | types.Command] | None:
    document = session.documents.get(params.text_document.uri)
    if document is None:
        return None
    edit = convert.to_edit(document, types.TextDocumentContentChangePartial(params.range, ""), session.encoding)
    selection = session.selection(document, edit.span)
    invoked = params.context.trigger_kind != types.CodeActionTriggerKind.Automatic
    explained = invoked and session.features.disabled_actions
    only = None if params.context.only is None else [str(getattr(kind, "value", kind)) for kind in params.context.only]
    offers = await (await session.core()).offers(selection)
    wanted = [offer for offer in offers if _within(offer.kind, only) and (explained or not offer.reason)]
    return [_offered(session, selection, offer) for offer in wanted]


async def resolve(session: Session, action: types.CodeAction) -> types.CodeAction:
    """The action with its edits; without any, and disabled, where there are none: the person has been told why."""
    chosen = Chosen.of(action.data)
    document, outcome = await _carried_out(session, chosen)
    if isinstance(outcome, Proposal) and document is not None:
        return attrs.evolve(
            action, edit=convert.to_workspace_edit(document, outcome, session.encoding, session.features)
        )
    if isinstance(outcome, Refusal):
        session.editor.show("info", outcome.sentence)
        return attrs.evolve(action, disabled=types.CodeActionDisabled(outcome.sentence))
    return action


def act(session: Session, arguments: list[Any]) -> None:
    """The command: works in the background and sends the edits to the client."""
    if len(arguments) != 1:
        raise JsonRpcInvalidParams("codehearth.act takes what an action carries.")
    session.editor.run(_act(session, Chosen.of(arguments[0])), "code action")


async def _act(session: Session, chosen: Chosen) -> None:
    if not session.features.apply_edit:
        session.editor.show("warning", CANNOT_APPLY)
        return
    document, outcome = await _carried_out(session, chosen)
    if isinstance(outcome, Refusal):
        session.editor.show("info", outcome.sentence)
    elif outcome is not None and document is not None:
        edit = convert.to_workspace_edit(document, outcome, session.encoding, session.features)
        params = types.ApplyWorkspaceEditParams(edit, label=outcome.summary)
        answer = await session.editor.request(types.WORKSPACE_APPLY_EDIT, params)
        if not getattr(answer, "applied", False):
            session.editor.show("warning", NOT_APPLIED)


async def _carried_out(session: Session, chosen: Chosen) -> tuple[Document | None, Proposal | Refusal | None]:
    """What came of it, for the document it was chosen for. None: the person pressed the bar's button."""
    document = session.documents.get(chosen.uri)
    if document is None or document.version != chosen.version or chosen.span.end > len(document.text):
        return None, Refusal(STALE)
    bar = _Bar(session, chosen)
    work = asyncio.create_task(_proposed(session, session.selection(document, chosen.span), chosen, bar))
    bar.on_cancel = work.cancel
    try:
        with session.status.working():
            await asyncio.wait({work})
        if work.cancelled():
            return document, None
        outcome = work.result()
    except ServerError as error:
        outcome = Refusal(str(error))
    finally:
        work.cancel()
        bar.end()
    if session.documents.get(chosen.uri) is not document:
        return None, Refusal(STALE)
    return document, outcome


async def _proposed(session: Session, selection: Selection, chosen: Chosen, bar: "_Bar") -> Proposal | Refusal:
    return await (await session.core()).propose(selection, chosen.kind, chosen.key, bar.report)


class _Bar:
    """Progress of one action, shown only when it takes a while. Event loop only."""

    def __init__(self, session: Session, chosen: Chosen) -> None:
        self.on_cancel: Callable[[], object] = lambda: None
        self._session = session
        self._name = f"action {chosen.uri} {id(self)}"
        self._state: tuple[str, int | None] = ("Thinking", None)
        self._shown = False
        self._timer = asyncio.get_running_loop().call_later(BAR_DELAY_S, self._show)

    def report(self, sentence: str, percentage: int | None) -> None:
        self._state = (sentence, percentage)
        if self._shown:
            self._show()

    def end(self) -> None:
        self._timer.cancel()
        self._session.bars.end(self._name)

    def _show(self) -> None:
        self._shown = True
        sentence, percentage = self._state
        self._session.bars.show(self._name, "codehearth", sentence, percentage, on_cancel=self._cancel)

    def _cancel(self) -> None:
        self.on_cancel()


def _offered(session: Session, selection: Selection, offer: Offer) -> types.CodeAction | types.Command:
    features, document = session.features, selection.document
    data = Chosen(document.uri, document.version, offer.kind, offer.key, selection.span).data()
    command = types.Command(offer.title, extensions.ACT, arguments=[data])
    if not features.action_literals:
        return command
    action = types.CodeAction(offer.title, kind=offer.kind)
    if offer.reason:
        return attrs.evolve(action, disabled=types.CodeActionDisabled(offer.reason))
    if features.resolves_actions:
        return attrs.evolve(action, data=data)
    return attrs.evolve(action, command=command)


def _within(kind: str, only: Iterable[str] | None) -> bool:
    """Kinds are a tree: `refactor` asks for `refactor.extract.variable` too, and an empty kind for everything."""
    return only is None or any(not wanted or f"{kind}.".startswith(f"{wanted}.") for wanted in only)
