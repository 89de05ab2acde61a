"""The raw client of the evaluation, against a server of a few lines."""

import json
import sys
from pathlib import Path

import pytest

from lsp_server.evaluate.client import EditorClient
from lsp_server.evaluate.wire import RequestFailed, ServerDied
from lsp_server.text import Span

SERVER = Path(__file__).with_name("scripted_server.py")


def command(**script: object) -> list[str]:
    return [sys.executable, str(SERVER), json.dumps(script)]


async def server_text(editor: EditorClient, uri: str) -> str:
    return str(await editor.request("test/text", {"uri": uri}))


async def test_initialize_tells_the_server_what_vs_code_would(tmp_path: Path) -> None:
    """The server sees the process, the folders, inline completion, configuration, progress and the encodings."""
    async with EditorClient([tmp_path], command=command(), options={"eagerness": "calm"}) as editor:
        again = await editor.initialize()
        seen = again["serverInfo"]
        assert seen["workspaceFolders"] == [{"uri": tmp_path.as_uri(), "name": tmp_path.name}]
        assert seen["initializationOptions"] == {"eagerness": "calm"}
        assert seen["capabilities"]["textDocument"]["inlineCompletion"] == {"dynamicRegistration": True}
        assert seen["capabilities"]["workspace"]["configuration"] is True
        assert seen["capabilities"]["window"]["workDoneProgress"] is True
        assert seen["capabilities"]["general"]["positionEncodings"] == ["utf-16"]


async def test_changes_arrive_as_the_editor_made_them(tmp_path: Path) -> None:
    """Offsets become positions in UTF-16 units, also behind characters of two units."""
    path = tmp_path / "a.py"
    path.write_text("x = '😀'\ny = 2\n", encoding="utf-8")
    async with EditorClient([tmp_path], command=command()) as editor:
        file = editor.open(path)
        editor.change(file, Span(6, 7), "!?")
        editor.change(file, Span(file.text.index("2"), file.text.index("2") + 1), "3\n4")
        assert file.text == "x = '😀!?\ny = 3\n4\n"
        assert await server_text(editor, file.uri) == file.text
        assert file.version == 3


async def test_line_ends_of_the_file_are_sent_as_they_are(tmp_path: Path) -> None:
    """A file with carriage returns is opened with them."""
    path = tmp_path / "a.py"
    path.write_bytes(b"a\r\nb\r\n")
    async with EditorClient([tmp_path], command=command()) as editor:
        file = editor.open(path)
        assert await server_text(editor, file.uri) == "a\r\nb\r\n"


async def test_requests_of_the_server_are_answered(tmp_path: Path) -> None:
    """`workspace/configuration` gets the configuration; a method that nobody knows gets error -32601."""
    configuration = {"model": None, "eagerness": "eager"}
    async with EditorClient([tmp_path], command=command(), configuration=configuration) as editor:
        await editor.wait_for(lambda: len(editor.server_requests) == 2, 10, "two requests of the server")
        assert json.loads(await server_text(editor, "reply:a")) == [configuration]
        assert json.loads(await server_text(editor, "reply:b"))["code"] == -32601


async def test_an_inline_answer_carries_its_text_and_time(tmp_path: Path) -> None:
    """The first item's text and the milliseconds since the change."""
    async with EditorClient([tmp_path], command=command(truth="import os\n", suggest=3)) as editor:
        file = editor.open(tmp_path / "a.py", "import ")
        reply = await editor.inline(file, 7)
        assert reply.text == "os"
        assert not reply.superseded
        assert 0 < reply.milliseconds < 10_000


async def test_a_cancelled_request_fails_with_its_code(tmp_path: Path) -> None:
    """`cancel` reaches the server, whose error arrives as RequestFailed."""
    async with EditorClient([tmp_path], command=command(delay_ms=200)) as editor:
        file = editor.open(tmp_path / "a.py", "import ")
        request, answer = editor.ask(file, 7)
        editor.cancel(request)
        with pytest.raises(RequestFailed) as failed:
            await answer
        assert failed.value.code == -32800


async def test_the_death_of_the_server_is_a_clear_error(tmp_path: Path) -> None:
    """A waiting request, and every later one, tells the exit code and the server's last words."""
    async with EditorClient([tmp_path], command=command(die_on="textDocument/inlineCompletion")) as editor:
        file = editor.open(tmp_path / "a.py", "import ")
        with pytest.raises(ServerDied, match=r"exit code 7.*the script says so"):
            await editor.inline(file, 7)
        with pytest.raises(ServerDied):
            await editor.request("codehearth/status", {})
        with pytest.raises(ServerDied):
            await editor.wait_for(lambda: False, 10, "anything")


async def test_a_server_that_dies_at_once_is_told_apart_from_a_slow_one(tmp_path: Path) -> None:
    """Death before the handshake ends the start instead of leaving it waiting."""
    editor = EditorClient([tmp_path], command=command(die_on="initialize"))
    with pytest.raises(ServerDied):
        async with editor:
            pass
    assert not editor.alive


async def test_output_that_is_not_the_protocol_is_named(tmp_path: Path) -> None:
    """Something printed to stdout is reported as such."""
    async with EditorClient([tmp_path], command=command(garbage_on="codehearth/status")) as editor:
        with pytest.raises(ServerDied, match="not the protocol"):
            await editor.request("codehearth/status", {})
        assert not editor.alive


async def test_shutdown_returns_the_exit_code(tmp_path: Path) -> None:
    """`shutdown` and `exit` end the server with code 0."""
    editor = EditorClient([tmp_path], command=command())
    await editor.start()
    await editor.initialize()
    assert await editor.shutdown() == 0
    await editor.kill()


async def test_waiting_names_what_did_not_happen(tmp_path: Path) -> None:
    """A state that never comes is a TimeoutError with its name."""
    async with EditorClient([tmp_path], command=command()) as editor:
        with pytest.raises(TimeoutError, match="the end of the world"):
            await editor.wait_for(lambda: False, 0.05, "the end of the world")
