"""The language server on pygls: lifecycle, exactly one reply per request, and the guard around every handler.

pygls 2.1 gives the types, the capabilities, the request bookkeeping and cancellation. This file closes what it leaves
open: exit codes, requests before `initialize` and after `shutdown`, bad parameters, shutdown with work in flight, the
end of the editor. It never holds a document: pygls edits its own in place and splits their lines at form feeds, so
its text synchronisation is switched off and `documents.store` has the only copy.
"""

import asyncio
import json
import logging
import os
import threading
import uuid
from collections.abc import Callable, Coroutine
from typing import Any

from lsprotocol import types
from pygls.exceptions import (
    JsonRpcException,
    JsonRpcInternalError,
    JsonRpcInvalidParams,
    JsonRpcInvalidRequest,
    JsonRpcMethodNotFound,
    JsonRpcParseError,
    JsonRpcServerNotInitialized,
)
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol, default_converter, lsp_method
from pygls.protocol.json_rpc import RPCNotification, RPCRequest

from lsp_server.actions.values import KINDS
from lsp_server.errors import ServerError
from lsp_server.server import extensions, handlers, logs, parent
from lsp_server.server.editor import LEVELS, Kind
from lsp_server.server.parts import Parts
from lsp_server.server.session import Session
from lsp_server.server.transport import Transport
from lsp_server.trace import Span, span

logger = logging.getLogger("codehearth.server.app")

REQUEST_FAILED = types.LSPErrorCodes.RequestFailed
LEAVE_SECONDS = 3.0
"""The process ends so long after it decided to, whatever still hangs."""


class Protocol(LanguageServerProtocol):
    """pygls' protocol with its gaps closed."""

    _server: "Server"

    # Without these pygls keeps a copy of every document and folder that nobody reads.
    lsp_text_document__did_open = None  # type: ignore[assignment]
    lsp_text_document__did_change = None  # type: ignore[assignment]
    lsp_text_document__did_close = None  # type: ignore[assignment]
    lsp_notebook_document__did_open = None  # type: ignore[assignment]
    lsp_notebook_document__did_change = None  # type: ignore[assignment]
    lsp_notebook_document__did_close = None  # type: ignore[assignment]
    lsp_workspace__did_change_workspace_folders = None  # type: ignore[assignment]
    lsp_workspace__execute_command = None  # type: ignore[assignment]
    lsp_work_done_progress_cancel = None  # type: ignore[assignment]

    def receive(self, body: bytes) -> None:
        """One message as it came. Whatever is wrong with it costs this message only."""
        try:
            data = json.loads(body)
        except (ValueError, RecursionError):
            logger.warning("A message of %d bytes is not JSON.", len(body))
            self._refuse(None, JsonRpcParseError("The message is not JSON."))
            return
        message_id = data.get("id") if isinstance(data, dict) else None
        identified = isinstance(message_id, (int, str))
        if not isinstance(data, dict) or data.get("jsonrpc") != self.VERSION or not (identified or message_id is None):
            logger.warning("A message is not JSON-RPC 2.0.")
            self._refuse(message_id if identified else None, JsonRpcInvalidRequest())
            return
        method = data.get("method")
        if method is not None and (not isinstance(method, str) or self.get_message_type(method) is None):
            if message_id is not None:
                self._refuse(message_id, self._untimely(str(method)) or JsonRpcMethodNotFound.of(str(method)))
            return
        try:
            message = self.structure_message(data)
        except JsonRpcException as error:
            self._bad_parameters(data, error)
        else:
            self.handle_message(message)

    def handle_message(self, message: Any) -> None:
        if isinstance(message, RPCRequest):
            refusal = self._untimely(message.method)
            if refusal is not None:
                self._refuse(message.id, refusal)
                return
        elif isinstance(message, RPCNotification) and self._workspace is None and message.method != types.EXIT:
            return
        super().handle_message(message)

    def get_message_type(self, method: str) -> type[Any] | None:  # type: ignore[override]  # Theirs is an lru_cache.
        if method in extensions.REQUESTS:
            return extensions.Custom
        return super().get_message_type(method)

    async def request(self, method: str, params: Any) -> Any:
        """Asks the client. A reply that comes after we stopped waiting is ignored."""
        own = str(uuid.uuid4())
        try:
            return await self.send_request_async(method, params, msg_id=own)
        finally:
            self._request_futures.pop(own, None)
            self._result_types.pop(own, None)

    def notify_raw(self, method: str, params: Any) -> None:
        """A notification of our own kind, whose parameters are plain JSON."""
        self._send_data({"jsonrpc": self.VERSION, "method": method, "params": params})

    @lsp_method(types.INITIALIZE)
    def lsp_initialize(self, params: types.InitializeParams) -> Any:
        result = yield from super().lsp_initialize(params)
        if params.trace is not None:
            self.trace = params.trace
        capabilities = result.capabilities
        capabilities.position_encoding = types.PositionEncodingKind(self._server.session.encoding)
        capabilities.execute_command_provider = types.ExecuteCommandOptions(commands=list(handlers.COMMANDS))
        if handlers.wants_fallback(self._server.session):
            self._server.session.fallback_registered = True
            capabilities.completion_provider = types.CompletionOptions(
                trigger_characters=handlers.TRIGGER_CHARACTERS, resolve_provider=False
            )
        else:
            capabilities.completion_provider = None
        if params.process_id:
            parent.watch(params.process_id, self._server.end_soon)
        return result

    @lsp_method(types.SHUTDOWN)
    def lsp_shutdown(self, *_: Any) -> None:  # type: ignore[override]  # Theirs is a generator; both kinds are run.
        """Every request in flight is answered with -32800, then this one with null."""
        self._shutdown = True
        own = self.msg_id
        for message_id, future in list(self._request_futures.items()):
            if message_id != own and not future.done():
                future.cancel()
        self._server.close()

    @lsp_method(types.EXIT)
    def lsp_exit(self, *_: Any) -> None:  # type: ignore[override]
        self._server.end(self.exit_code)

    @property
    def exit_code(self) -> int:
        """0 after `shutdown`, else 1: also for an editor that just closes its end."""
        return 0 if self._shutdown else 1

    def _untimely(self, method: str) -> JsonRpcException | None:
        """Why a request cannot be served at this time of the server's life."""
        if self._shutdown:
            return JsonRpcInvalidRequest("The server is shutting down.")
        if (method == types.INITIALIZE) == (self._workspace is None):
            return None
        if self._workspace is None:
            return JsonRpcServerNotInitialized("The server is not initialized yet.")
        return JsonRpcInvalidRequest("The server is initialized already.")

    def _refuse(self, message_id: Any, error: JsonRpcException) -> None:
        self._send_data(types.ResponseErrorMessage(id=message_id, error=error.to_response_error()))

    def _bad_parameters(self, data: dict[str, Any], error: JsonRpcException) -> None:
        method, message_id = data.get("method"), data.get("id")
        logger.warning("A message has parameters of the wrong shape (%s).", method or "an answer")
        if message_id is None:
            return
        if method is not None:
            wrong = JsonRpcInvalidParams("The parameters have the wrong shape.")
            self._refuse(message_id, self._untimely(str(method)) or wrong)
        elif (waiting := self._request_futures.pop(message_id, None)) is not None:
            waiting.set_exception(error)


class Server(LanguageServer):
    """One server for one editor; also the `Editor` that the session speaks to."""

    protocol: Protocol

    def __init__(self, parts: Parts, transport: Transport, leave: Callable[[int], Any] = os._exit) -> None:
        """`leave` ends the process at once: worker threads may be inside native code and are not waited for."""
        logs.pin_protocol_loggers()
        super().__init__("codehearth", parts.version, protocol_cls=Protocol, converter_factory=_converter)
        self._transport = transport
        self._leave = leave
        self._strict = parts.strict
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing: asyncio.Task[None] | None = None
        self._ending = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self.session = Session(parts, self)
        self._register()

    async def serve(self) -> None:
        """Serves until the process ends; never returns by itself."""
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(self._unhandled)
        self._log = logs.EditorHandler(self._log_from_any_thread)
        logging.getLogger().addHandler(self._log)
        self.protocol.set_writer(self._transport)
        self._transport.start(self._loop)
        while (body := await self._transport.receive()) is not None:
            try:
                self.protocol.receive(body)
            except Exception as error:  # noqa: BLE001  # One bad message must not end the conversation.
                self._bug(error, Span("message"))
            # A request's task takes its snapshot now, before the next message can change the document under it.
            await asyncio.sleep(0)
        self.end(self.protocol.exit_code)
        await asyncio.Event().wait()

    # What the session may ask of the editor

    def notify(self, method: str, params: Any) -> None:
        if method in extensions.REQUESTS:
            self.protocol.notify_raw(method, params)
        else:
            self.protocol.notify(method, params)

    async def request(self, method: str, params: Any) -> Any:
        return await self.protocol.request(method, params)

    def show(self, kind: Kind, message: str) -> None:
        level = {"error": types.MessageType.Error, "warning": types.MessageType.Warning}.get(
            kind, types.MessageType.Info
        )
        self.notify(types.WINDOW_SHOW_MESSAGE, types.ShowMessageParams(level, message))

    def follow_log_level(self, level: logs.Level) -> None:
        self._log.follow(level)

    def run(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(self._guarded_work(work, name), name=f"codehearth {name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def end(self, code: int) -> None:
        if not self._ending:
            self._ending = True
            last_resort = threading.Timer(LEAVE_SECONDS, self._leave, [code])
            last_resort.daemon = True
            last_resort.start()
            self._last = asyncio.get_running_loop().create_task(self._end(code), name="codehearth end")

    def end_soon(self) -> None:
        """The editor's process has ended; from any thread."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self.end, 1)

    def close(self) -> None:
        """Begins to give up everything that is running."""
        if self._closing is None:
            for task in list(self._tasks):
                task.cancel()
            self._closing = asyncio.get_running_loop().create_task(self.session.close(), name="codehearth close")

    def report_server_error(self, error: Exception, source: Any) -> None:
        """pygls would show every error in a pop-up; the guard has logged it already."""

    # The guard

    def _register(self) -> None:
        features, options = self.protocol.fm.features, self.protocol.fm.feature_options
        features[types.INITIALIZE] = self._guard_notification(types.INITIALIZE, handlers.initialize)
        for method, notification in handlers.NOTIFICATIONS.items():
            features[method] = self._guard_notification(method, notification)
        for method, request in handlers.REQUESTS.items():
            features[method] = self._guard_request(method, request)
        # Without options pygls does not advertise the capability at all, and no editor would ever ask.
        options[types.TEXT_DOCUMENT_INLINE_COMPLETION] = types.InlineCompletionOptions()
        options[types.TEXT_DOCUMENT_CODE_ACTION] = types.CodeActionOptions(
            code_action_kinds=KINDS, resolve_provider=True
        )

    def _guard_notification(self, method: str, function: handlers.Notification) -> Callable[[Any], None]:
        def guarded(params: Any) -> None:
            with span(method) as own:
                try:
                    function(self.session, params)
                except ServerError as error:
                    self.session.problem(error)
                except Exception as error:  # noqa: BLE001  # The guard is where bugs end.
                    self._bug(error, own)
                    if self._strict or method == types.INITIALIZE:
                        raise JsonRpcInternalError("Internal error; see the server's log.") from None

        return guarded

    def _guard_request(self, method: str, function: handlers.Request) -> Callable[[Any], Coroutine[Any, Any, Any]]:
        async def guarded(params: Any) -> Any:
            with span(method) as own:
                try:
                    return await function(self.session, params)
                except JsonRpcException:
                    raise
                except ServerError as error:
                    self.session.problem(error)
                    failure = JsonRpcException(str(error), code=REQUEST_FAILED)
                except Exception as error:
                    self._bug(error, own)
                    if self._strict:
                        raise
                    failure = JsonRpcInternalError("Internal error; see the server's log.")
                finally:
                    self._trace(own)
                if method == types.TEXT_DOCUMENT_INLINE_COMPLETION:
                    return types.InlineCompletionList(items=[])  # Editors turn an error here into a pop-up per key.
                raise failure

        return guarded

    async def _guarded_work(self, work: Coroutine[Any, Any, None], name: str) -> None:
        with span(name) as own:
            try:
                await work
            except JsonRpcException as error:
                logger.info("The editor refused what we asked for (%s, %d).", name, error.code)
            except ServerError as error:
                self.session.problem(error)
            except Exception as error:  # noqa: BLE001  # The guard is where bugs end.
                self._bug(error, own)

    def _bug(self, error: BaseException, own: Span) -> None:
        """Once, with where it happened and how far the work had come; its words may quote source text and stay out."""
        logger.error("Internal error in %s\n%s", "\n".join(own.lines()), logs.describe(error))

    def _unhandled(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        logger.error("%s\n%s", context["message"], logs.describe(error) if error is not None else "")

    # Inside

    def _trace(self, own: Span) -> None:
        if self.protocol.trace != types.TraceValue.Off:
            lines = own.lines()
            verbose = "\n".join(lines) if self.protocol.trace == types.TraceValue.Verbose else None
            self.notify(types.LOG_TRACE, types.LogTraceParams(message=lines[0], verbose=verbose))

    def _log_from_any_thread(self, level: int, message: str) -> None:
        assert self._loop is not None
        kind = next((LEVELS[bound] for bound in sorted(LEVELS, reverse=True) if level >= bound), types.MessageType.Log)
        params = types.LogMessageParams(kind, message)
        try:
            self._loop.call_soon_threadsafe(self.notify, types.WINDOW_LOG_MESSAGE, params)
        except RuntimeError:  # The loop is closed: we are about to exit.
            pass

    async def _end(self, code: int) -> None:
        self.close()
        assert self._closing is not None
        await asyncio.wait([self._closing], timeout=LEAVE_SECONDS / 2)
        self._transport.close()
        logging.shutdown()
        self._leave(code)


def _converter() -> Any:
    converter = default_converter()  # type: ignore[no-untyped-call]
    converter.register_structure_hook(
        extensions.Custom, lambda data, _: extensions.Custom(data["id"], data["method"], data.get("params"))
    )
    return converter
