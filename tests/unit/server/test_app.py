"""The guard and the protocol's edges, without a process: messages in, frames out."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from lsp_server.errors import ServerError
from lsp_server.server.app import Server
from lsp_server.server.transport import Transport
from tests.unit.server.fakes import World, until

URI = "file:///elsewhere/a.py"


class Frames(Transport):
    """A transport without pipes: keeps what is written."""

    def __init__(self) -> None:
        self.written: list[Any] = []
        self.closed = False

    def start(self, *_: Any) -> None: ...

    async def receive(self) -> bytes | None:
        await asyncio.Event().wait()
        return None

    def write(self, framed: bytes) -> None:
        self.written.append(json.loads(framed.split(b"\r\n\r\n", 1)[1]))

    def close(self, seconds: float = 1.0) -> None:
        self.closed = True


class Conversation:
    def __init__(self, world: World) -> None:
        self.world = world
        self.frames = Frames()
        self.left: list[int] = []
        self.server = Server(world.parts(), self.frames, self.left.append)
        self.serving = asyncio.create_task(self.server.serve())

    def say(self, message: Any) -> None:
        self.server.protocol.receive(json.dumps({"jsonrpc": "2.0", **message}).encode())

    def notify(self, method: str, params: Any) -> None:
        self.say({"method": method, "params": params})

    async def ask(self, id: int | str, method: str, params: Any = None) -> Any:  # noqa: A002
        self.say({"id": id, "method": method, "params": params})
        return await self.reply(id)

    async def reply(self, id: int | str) -> Any:  # noqa: A002
        await until(lambda: self.replies(id))
        return self.replies(id)[0]

    def replies(self, id: int | str) -> list[Any]:  # noqa: A002
        return [frame for frame in self.frames.written if "method" not in frame and frame.get("id") == id]

    def notifications(self, method: str) -> list[Any]:
        return [frame["params"] for frame in self.frames.written if frame.get("method") == method]

    async def begin(self, **capabilities: Any) -> Any:
        reply = await self.ask("init", "initialize", {"processId": None, "rootUri": None, "capabilities": capabilities})
        self.notify("initialized", {})
        document = {"uri": URI, "languageId": "python", "version": 1, "text": "CANARY = \n"}
        self.notify("textDocument/didOpen", {"textDocument": document})
        await until(lambda: self.notifications("codehearth/status"))
        return reply["result"]

    async def inline(self, id: int | str) -> Any:  # noqa: A002
        return await self.ask(id, "textDocument/inlineCompletion", inline_params())


def inline_params() -> Any:
    return {
        "textDocument": {"uri": URI},
        "position": {"line": 0, "character": 9},
        "context": {"triggerKind": 2},
    }


@pytest.fixture
async def talk() -> AsyncIterator[Conversation]:
    conversation = Conversation(World(strict=False))
    await asyncio.sleep(0)
    yield conversation
    logging.getLogger().removeHandler(conversation.server._log)
    for task in [conversation.serving, *conversation.server._tasks]:
        task.cancel()


async def test_the_capabilities_are_advertised(talk: Conversation) -> None:
    """Above all inline completion, which pygls leaves out by default; and name and version."""
    result = await talk.begin(textDocument={"inlineCompletion": {}})
    capabilities = result["capabilities"]
    assert capabilities["inlineCompletionProvider"] == {}
    assert capabilities["textDocumentSync"]["change"] == 2
    assert capabilities["textDocumentSync"]["openClose"] is True
    assert capabilities["positionEncoding"] == "utf-16"
    assert "completionProvider" not in capabilities
    assert capabilities["workspace"]["workspaceFolders"]["supported"] is True
    assert "codehearth.pause" in capabilities["executeCommandProvider"]["commands"]
    assert result["serverInfo"] == {"name": "codehearth", "version": "1.2.3"}


async def test_the_fallback_is_advertised_where_there_is_no_inline_completion(talk: Conversation) -> None:
    """`auto`, the default."""
    result = await talk.begin(textDocument={"completion": {}})
    assert "." in result["capabilities"]["completionProvider"]["triggerCharacters"]
    params = {"textDocument": {"uri": URI}, "position": {"line": 0, "character": 9}}
    answer = (await talk.ask(1, "textDocument/completion", params))["result"]
    assert answer["isIncomplete"] is True
    assert answer["items"][0]["textEdit"]["newText"] == "done"


async def test_a_bug_is_logged_once_without_text_and_never_an_error_while_typing(
    talk: Conversation, caplog: pytest.LogCaptureFixture
) -> None:
    """`{items: []}` for inline completion; the log has the place and the span, not the words."""
    await talk.begin()
    talk.world.core.error = ValueError("CANARY")
    assert (await talk.inline(1))["result"] == {"items": []}
    logged = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(logged) == 1
    assert "ValueError" in logged[0]
    assert "textDocument/inlineCompletion" in logged[0]
    assert "CANARY" not in caplog.text
    assert len(talk.replies(1)) == 1


async def test_a_bug_in_another_request_is_a_short_error(talk: Conversation) -> None:
    """No traceback travels to the editor."""
    await talk.begin()
    talk.world.core.error = ValueError("CANARY")
    params = {"textDocument": {"uri": URI}, "position": {"line": 0, "character": 9}}
    error = (await talk.ask(1, "textDocument/completion", params))["error"]
    assert error == {"code": -32603, "message": "Internal error; see the server's log."}


async def test_a_users_problem_is_told_and_the_answer_is_empty(talk: Conversation) -> None:
    """The sentence goes into the message and the status, not into an error."""
    await talk.begin()
    talk.world.core.error = ServerError("It is broken.", "Mend it.")
    assert (await talk.inline(1))["result"] == {"items": []}
    assert talk.notifications("window/showMessage")[-1]["message"] == "It is broken. Mend it."
    await until(lambda: talk.notifications("codehearth/status")[-1]["state"] == "error")


async def test_strict_servers_do_not_hide_bugs() -> None:
    """What tests run with: the bug reaches whoever waits for the answer."""
    talk = Conversation(World(strict=True))
    await asyncio.sleep(0)
    await talk.begin()
    talk.world.core.error = ValueError("seen")
    assert "error" in await talk.inline(1)
    logging.getLogger().removeHandler(talk.server._log)
    talk.serving.cancel()


async def test_the_client_cancels_with_both_kinds_of_id(talk: Conversation) -> None:
    """-32800 once, and the work has heard of it."""
    await talk.begin()
    talk.world.core.gate.clear()
    for number, id_ in enumerate((7, "abc-7"), 1):
        talk.say({"id": id_, "method": "textDocument/inlineCompletion", "params": inline_params()})
        await until(lambda number=number: len(talk.world.core.queries) == number)  # type: ignore[misc]
        talk.notify("$/cancelRequest", {"id": id_})
        assert (await talk.reply(id_))["error"]["code"] == -32800
        assert talk.world.core.cancelled == number
        assert len(talk.replies(id_)) == 1


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"id": 1, "method": "textDocument/inlineCompletion", "params": {}}, -32602),
        ({"id": 1, "method": "textDocument/inlineCompletion", "params": [1]}, -32602),
        ({"id": 1, "method": "textDocument/inlineCompletion"}, -32602),
        ({"id": 1, "method": "workspace/executeCommand", "params": {"command": "rm"}}, -32602),
        (
            {
                "id": 1,
                "method": "workspace/executeCommand",
                "params": {"command": "codehearth.pause", "arguments": ["x"]},
            },
            -32602,
        ),
        ({"id": 1, "method": "codehearth/why", "params": {"textDocument": 3}}, -32602),
        ({"id": 1, "method": "codehearth/nothing"}, -32601),
        ({"id": 1, "method": "$/nothing", "params": {}}, -32601),
        ({"id": 1, "method": "initialize", "params": {"capabilities": {}, "processId": None}}, -32600),
    ],
)
async def test_bad_requests_get_one_answer_with_the_right_code(talk: Conversation, message: Any, code: int) -> None:
    """And no message pops up."""
    await talk.begin()
    talk.say(message)
    assert (await talk.reply(1))["error"]["code"] == code
    assert len(talk.replies(1)) == 1
    assert talk.notifications("window/showMessage") == []


@pytest.mark.parametrize("body", [b"not json", b"[]", b"3", b'{"id": 1}', b'{"jsonrpc": "1.0", "id": 1}', b"\xff\xfe"])
async def test_what_is_no_message_is_refused_and_forgotten(talk: Conversation, body: bytes) -> None:
    """The next message is served as if nothing had been."""
    await talk.begin()
    talk.server.protocol.receive(body)
    assert talk.frames.written[-1]["error"]["code"] in (-32700, -32600)
    assert (await talk.inline("after"))["result"]["items"]


async def test_unknown_and_misshapen_notifications_are_ignored(talk: Conversation) -> None:
    """As the protocol says for `$/`, and as it must be for everything that cannot be answered."""
    await talk.begin()
    for method, params in (("$/nothing", {}), ("nothing", [1]), ("textDocument/didOpen", {"x": 1}), ("$/setTrace", {})):
        talk.notify(method, params)
    for answer in ({"id": "never-asked", "result": {"x": 1}}, {"id": [1], "result": 1}, {"id": None, "error": {}}):
        talk.say(answer)
    talk.say({"id": [1], "method": "codehearth/status"})
    assert (await talk.inline(1))["result"]["items"]


async def test_nothing_is_served_before_initialize(talk: Conversation) -> None:
    """-32002 for requests, well-formed or not; notifications are dropped."""
    talk.notify("textDocument/didOpen", {"textDocument": {"uri": URI, "languageId": "x", "version": 1, "text": ""}})
    assert (await talk.inline(1))["error"]["code"] == -32002
    assert (await talk.ask(2, "textDocument/inlineCompletion", {}))["error"]["code"] == -32002
    assert (await talk.ask(3, "shutdown"))["error"]["code"] == -32002
    assert talk.server.session.documents.get(URI) is None


async def test_shutdown_answers_everything_in_flight(talk: Conversation) -> None:
    """The requests with -32800, then itself with null; afterwards only -32600."""
    await talk.begin()
    talk.world.core.gate.clear()
    talk.say({"id": 1, "method": "textDocument/inlineCompletion", "params": inline_params()})
    await until(lambda: talk.world.core.queries)
    assert (await talk.ask(2, "shutdown"))["result"] is None
    assert (await talk.reply(1))["error"]["code"] == -32800
    assert (await talk.inline(3))["error"]["code"] == -32600
    talk.notify("exit", None)
    await until(lambda: talk.left)
    assert talk.left == [0]
    assert talk.frames.closed


async def test_exit_without_shutdown_is_a_failure(talk: Conversation) -> None:
    """Also before `initialize`."""
    talk.notify("exit", None)
    await until(lambda: talk.left)
    assert talk.left == [1]


async def test_trace_is_told_to_the_client_that_asks_for_it(talk: Conversation) -> None:
    """`$/logTrace` with the span of each request, its tree only when verbose."""
    await talk.begin()
    await talk.inline(1)
    assert talk.notifications("$/logTrace") == []
    talk.notify("$/setTrace", {"value": "messages"})
    await talk.inline(2)
    talk.notify("$/setTrace", {"value": "verbose"})
    await talk.inline(3)
    messages, verbose = talk.notifications("$/logTrace")
    assert messages["message"].startswith("textDocument/inlineCompletion")
    assert messages.get("verbose") is None
    assert "textDocument/inlineCompletion" in verbose["verbose"]


async def test_why_status_and_lag_are_answered(talk: Conversation) -> None:
    """Our own requests, in camelCase."""
    await talk.begin()
    where = {"textDocument": {"uri": URI}}
    assert (await talk.ask(1, "codehearth/why", where))["result"] is None
    await talk.inline(2)
    why = (await talk.ask(3, "codehearth/why", where))["result"]
    assert why["mode"] == "line"
    assert why["fromCache"] is False
    status = (await talk.ask(4, "codehearth/status", {}))["result"]
    assert set(status) == {"state", "busy", "message", "silence", "model", "version"}
    assert (await talk.ask(5, "codehearth/lag", {"on": True, "reset": True}))["result"]["on"] is True
    assert (await talk.ask(6, "codehearth/lag", {"on": False}))["result"]["on"] is False


async def test_configuration_is_pulled_and_bad_answers_do_no_harm(talk: Conversation) -> None:
    """An error, or something that is no list, leaves the settings as they were."""
    talk.say(
        {
            "id": 0,
            "method": "initialize",
            "params": {
                "processId": None,
                "rootUri": None,
                "capabilities": {
                    "textDocument": {"inlineCompletion": {}},
                    "workspace": {"configuration": True, "didChangeConfiguration": {"dynamicRegistration": True}},
                },
            },
        }
    )
    talk.notify("initialized", {})

    def asked(method: str) -> list[Any]:
        return [frame["id"] for frame in talk.frames.written if frame.get("method") == method]

    await until(lambda: len(asked("workspace/configuration")) == 1)
    talk.say({"id": asked("workspace/configuration")[0], "result": [{"completion": {"maxLines": 3}}]})
    await until(lambda: talk.server.session.settings.completion.max_lines == 3)
    for number, answer in enumerate(
        ({"result": 3}, {"error": {"code": -1, "message": "no"}}, {"error": 3}, {"result": [7]}), 2
    ):
        talk.notify("workspace/didChangeConfiguration", {"settings": None})
        await until(lambda number=number: len(asked("workspace/configuration")) == number)  # type: ignore[misc]
        talk.say({"id": asked("workspace/configuration")[-1], **answer})
    await until(lambda: talk.notifications("window/showMessage"))
    assert "not an object" in talk.notifications("window/showMessage")[-1]["message"]
    assert asked("client/registerCapability")
