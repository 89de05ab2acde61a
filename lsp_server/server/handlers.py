"""One short function per method of the protocol, in tables. Each converts, asks the session, and converts back.

Notifications are plain functions: state changes in the order of arrival. Requests are coroutines and take everything
they need from the session before their first `await`. Nothing is caught here; `app.py` guards every call.
"""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams

from lsp_server import paths
from lsp_server.server import actions, convert, extensions
from lsp_server.server.editor import Features
from lsp_server.server.session import Session
from lsp_server.settings import catalogue

logger = logging.getLogger("codehearth.server.handlers")

SECTION = "codehearth"

ANSWER_SECONDS = 3.0
"""How long the start waits for the editor's configuration; one that never answers must not stop us."""

TRIGGER_CHARACTERS = (".", "(", " ", "=", ",", ":")
"""Where clients without inline completion ask by themselves, besides while an identifier is typed."""

_KEYS = frozenset({SECTION, "settings", *(facts.path.partition(".")[0] for facts in catalogue())})

Notification = Callable[[Session, Any], None]
Request = Callable[[Session, Any], Awaitable[Any]]


def initialize(session: Session, params: types.InitializeParams) -> None:
    session.initialize(
        Features.of(params.capabilities),
        convert.choose_encoding(params.capabilities),
        params.initialization_options,
        _folders(params),
    )


def initialized(session: Session, params: types.InitializedParams) -> None:
    session.editor.run(_start(session), "start")


def did_open(session: Session, params: types.DidOpenTextDocumentParams) -> None:
    item = params.text_document
    session.opened(item.uri, paths.path_of_uri(item.uri), item.language_id, item.version, item.text)


def did_change(session: Session, params: types.DidChangeTextDocumentParams) -> None:
    session.changed(params.text_document.uri, params.text_document.version, list(params.content_changes))


def did_close(session: Session, params: types.DidCloseTextDocumentParams) -> None:
    session.closed(params.text_document.uri)


def did_save(session: Session, params: types.DidSaveTextDocumentParams) -> None:
    if (path := paths.path_of_uri(params.text_document.uri)) is not None:
        session.folders.files_changed([path])


def did_change_configuration(session: Session, params: types.DidChangeConfigurationParams) -> None:
    session.editor.run(_reconfigure(session, params.settings), "configuration")


def did_change_watched_files(session: Session, params: types.DidChangeWatchedFilesParams) -> None:
    changed = [paths.path_of_uri(change.uri) for change in params.changes]
    session.folders.files_changed([path for path in changed if path is not None])


def did_change_workspace_folders(session: Session, params: types.DidChangeWorkspaceFoldersParams) -> None:
    for folder in params.event.removed:
        if (path := paths.path_of_uri(folder.uri)) is not None:
            session.folders.remove(path)
    for folder in params.event.added:
        if (path := paths.path_of_uri(folder.uri)) is not None:
            session.folders.add(path)
    session.status.refresh()


def cancel_progress(session: Session, params: types.WorkDoneProgressCancelParams) -> None:
    session.bars.cancel(params.token)


async def inline_completion(
    session: Session, params: types.InlineCompletionParams
) -> types.InlineCompletionList | None:
    document = session.documents.get(params.text_document.uri)
    if document is None:
        return types.InlineCompletionList(items=[])
    encoding = session.encoding
    offset = convert.to_offset(document, params.position, encoding)
    selected = params.context.selected_completion_info
    query = session.query(
        document,
        offset,
        automatic=params.context.trigger_kind == types.InlineCompletionTriggerKind.Automatic,
        popup=selected.text if selected is not None else None,
    )
    answer = await session.answer(query)
    return convert.to_inline_completions(answer, document, params.position, offset, encoding)


async def completion(session: Session, params: types.CompletionParams) -> types.CompletionList:
    document = session.documents.get(params.text_document.uri)
    if document is None or not wants_fallback(session):
        return types.CompletionList(is_incomplete=False, items=[])
    encoding = session.encoding
    offset = convert.to_offset(document, params.position, encoding)
    invoked = params.context is None or params.context.trigger_kind == types.CompletionTriggerKind.Invoked
    # Editors send "invoked" for every identifier they complete while one types, so it says little; the difference
    # only decides whether a request may wait for a pause in typing.
    query = session.query(document, offset, automatic=not invoked, popup=None)
    answer = await session.answer(query)
    return convert.to_completion_list(answer, document, params.position, offset, encoding)


async def execute_command(session: Session, params: types.ExecuteCommandParams) -> None:
    command = COMMANDS.get(params.command)
    if command is None:
        raise JsonRpcInvalidParams("There is no such command.")
    command(session, list(params.arguments or ()))


def pause(session: Session, arguments: list[Any]) -> None:
    match arguments:
        case [] | [None]:
            session.pause(None)
        case [int() | float() as minutes] if not isinstance(minutes, bool) and 0 < minutes <= 100_000:
            session.pause(float(minutes))
        case _:
            raise JsonRpcInvalidParams("codehearth.pause takes a number of minutes, or nothing.")


def resume(session: Session, arguments: list[Any]) -> None:
    session.resume()


def toggle_language(session: Session, arguments: list[Any]) -> None:
    match arguments:
        case [str() as language] if language:
            session.toggle_language(language)
        case _:
            raise JsonRpcInvalidParams("codehearth.toggleLanguage takes one language identifier.")


def reindex(session: Session, arguments: list[Any]) -> None:
    session.reindex()


async def status(session: Session, params: Any) -> Any:
    return extensions.wire(session.status.now())


async def why(session: Session, params: Any) -> Any:
    explanation = session.explanation(_uri(params))
    return None if explanation is None else extensions.wire(explanation)


async def document(session: Session, params: Any) -> Any:
    held = session.documents.get(_uri(params))
    if held is None:
        return None
    return {"version": held.version, "sha256": hashlib.sha256(held.text.encode("utf-8", "surrogatepass")).hexdigest()}


async def lag(session: Session, params: Any) -> Any:
    wanted = params if isinstance(params, Mapping) else {}
    if wanted.get("reset"):
        session.probe.reset()
    if "on" in wanted:
        session.probe.switch(bool(wanted["on"]))
    return session.probe.report()


NOTIFICATIONS: Mapping[str, Notification] = {
    types.INITIALIZED: initialized,
    types.TEXT_DOCUMENT_DID_OPEN: did_open,
    types.TEXT_DOCUMENT_DID_CHANGE: did_change,
    types.TEXT_DOCUMENT_DID_CLOSE: did_close,
    types.TEXT_DOCUMENT_DID_SAVE: did_save,
    types.WORKSPACE_DID_CHANGE_CONFIGURATION: did_change_configuration,
    types.WORKSPACE_DID_CHANGE_WATCHED_FILES: did_change_watched_files,
    types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS: did_change_workspace_folders,
    types.WINDOW_WORK_DONE_PROGRESS_CANCEL: cancel_progress,
}

REQUESTS: Mapping[str, Request] = {
    types.TEXT_DOCUMENT_INLINE_COMPLETION: inline_completion,
    types.TEXT_DOCUMENT_COMPLETION: completion,
    types.TEXT_DOCUMENT_CODE_ACTION: actions.code_action,
    types.CODE_ACTION_RESOLVE: actions.resolve,
    types.WORKSPACE_EXECUTE_COMMAND: execute_command,
    extensions.STATUS: status,
    extensions.WHY: why,
    extensions.DOCUMENT: document,
    extensions.LAG: lag,
}

COMMANDS: Mapping[str, Callable[[Session, list[Any]], None]] = {
    extensions.PAUSE: pause,
    extensions.RESUME: resume,
    extensions.TOGGLE_LANGUAGE: toggle_language,
    extensions.REINDEX: reindex,
    extensions.ACT: actions.act,
}


def wants_fallback(session: Session) -> bool:
    """Whether completion menus carry our item: by `completion.fallback`, never twice in one editor by default."""
    wanted = session.settings.completion.fallback
    return wanted == "always" or (wanted == "auto" and not session.features.inline_completion)


def _folders(params: types.InitializeParams) -> list[Path]:
    uris = [folder.uri for folder in params.workspace_folders or ()]
    if not uris and params.root_uri:
        uris = [params.root_uri]
    if not uris and params.root_path:
        uris = [paths.uri_of_path(Path(params.root_path))]
    found = (paths.path_of_uri(uri) for uri in uris)
    return [path for path in found if path is not None]


def _uri(params: Any) -> str:
    match params:
        case {"textDocument": {"uri": str() as uri}}:
            return uri
        case _:
            raise JsonRpcInvalidParams("The parameters must be {textDocument: {uri}}.")


async def _start(session: Session) -> None:
    if not session.features.watched_files:
        session.folders.watch()
    await session.start(await _pull(session))
    await _register(session)


async def _reconfigure(session: Session, pushed: Any) -> None:
    """Asks again where the editor can be asked; what it pushed counts where it has no answer."""
    pulled = await _pull(session)
    session.configure(pulled if pulled is not None else _ours(pushed))
    await _register_fallback(session)


def _ours(pushed: Any) -> Any:
    """Some editors push the settings of everybody; what has nothing of ours in it says nothing to us."""
    if isinstance(pushed, Mapping) and pushed.keys().isdisjoint(_KEYS):
        return None
    return pushed


async def _pull(session: Session) -> Any:
    if not session.features.configuration:
        return None
    params = types.ConfigurationParams(items=[types.ConfigurationItem(section=SECTION)])
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            answer = await session.editor.request(types.WORKSPACE_CONFIGURATION, params)
    except (TimeoutError, JsonRpcException) as error:
        logger.warning("The editor did not answer for its configuration (%s).", type(error).__name__)
        return None
    return answer[0] if isinstance(answer, (list, tuple)) and answer else None


async def _register(session: Session) -> None:
    registrations = []
    if session.features.configuration_registration:
        options = types.DidChangeConfigurationRegistrationOptions(section=SECTION)
        registrations.append(_registration(types.WORKSPACE_DID_CHANGE_CONFIGURATION, options))
    if session.features.watched_files:
        watchers = [types.FileSystemWatcher(glob) for glob in convert.watched_globs(session.parts.suffixes)]
        registrations.append(
            _registration(
                types.WORKSPACE_DID_CHANGE_WATCHED_FILES,
                types.DidChangeWatchedFilesRegistrationOptions(watchers=watchers),
            )
        )
    if registrations:
        await session.editor.request(types.CLIENT_REGISTER_CAPABILITY, types.RegistrationParams(registrations))
    await _register_fallback(session)


async def _register_fallback(session: Session) -> None:
    """For settings that ask for the fallback only after `initialize` has been answered."""
    if wants_fallback(session) and not session.fallback_registered and session.features.completion_registration:
        session.fallback_registered = True
        registration = _registration(
            types.TEXT_DOCUMENT_COMPLETION,
            types.CompletionRegistrationOptions(
                document_selector=None, trigger_characters=TRIGGER_CHARACTERS, resolve_provider=False
            ),
        )
        await session.editor.request(types.CLIENT_REGISTER_CAPABILITY, types.RegistrationParams([registration]))


def _registration(method: str, options: Any) -> types.Registration:
    return types.Registration(id=f"codehearth {method}", method=method, register_options=options)
