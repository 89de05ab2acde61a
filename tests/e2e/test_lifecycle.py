"""The beginning and the end of a server, and everything that editors get wrong in between: EDITORS.md, section 1."""

import os
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from tests.e2e.conftest import Script
from tests.e2e.wire import ROOT, Wire, eventually

Start = Callable[..., Wire]
URI = "file:///elsewhere/a.py"


def test_an_orderly_life(start: Start) -> None:
    """initialize says who we are and what we can; shutdown and exit end with 0, within a moment."""
    wire = start("--stdio")
    result = wire.initialize()
    assert result["serverInfo"]["name"] == "codehearth"
    assert result["serverInfo"]["version"]
    assert result["capabilities"]["inlineCompletionProvider"] == {}
    assert result["capabilities"]["textDocumentSync"]["change"] == 2
    wire.wait_for_status("ready")
    began = time.monotonic()
    assert wire.shutdown() == 0
    assert time.monotonic() - began < 3


def test_exit_without_shutdown_is_a_failure(start: Start) -> None:
    """Code 1, as the protocol says."""
    wire = start()
    wire.initialize()
    wire.notify("exit")
    assert wire.exit_code() == 1


def test_the_end_of_the_input_is_a_failure(start: Start) -> None:
    """The editor has gone without a word."""
    wire = start()
    wire.initialize()
    assert wire.process.stdin is not None
    wire.process.stdin.close()
    assert wire.exit_code() == 1


def test_a_broken_stream_is_a_failure(start: Start) -> None:
    """There is no way to find the next message after a lie about the length."""
    wire = start()
    wire.initialize()
    assert wire.process.stdin is not None
    wire.process.stdin.write(b"Content-Length: many\r\n\r\n{}")
    wire.process.stdin.flush()
    assert wire.exit_code() == 1


def test_the_editors_process_is_watched(start: Start) -> None:
    """It may die with our pipe still open in some other process."""
    editor = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    wire = start()
    wire.initialize(process_id=editor.pid)
    assert wire.request("codehearth/status", {})["version"]
    editor.kill()
    assert wire.exit_code() == 1
    editor.wait()
    assert editor.stdin is not None
    editor.stdin.close()


def test_an_editor_elsewhere_is_not_watched(start: Start) -> None:
    """A number from another container means nobody here; the server stays."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    wire = start()
    wire.initialize(process_id=gone.pid)
    assert wire.request("codehearth/status", {})
    assert wire.shutdown() == 0


def test_nothing_before_initialize(start: Start) -> None:
    """-32002, also for what is misshapen."""
    wire = start()
    assert wire.error("textDocument/inlineCompletion", wire.inline_params(URI, 0, 0)) == -32002
    assert wire.error("textDocument/inlineCompletion", {}) == -32002
    assert wire.error("shutdown") == -32002
    wire.initialize()
    assert wire.error("initialize", {"processId": None, "rootUri": None, "capabilities": {}}) == -32600


def test_nothing_after_shutdown(start: Start) -> None:
    """-32600, until exit."""
    wire = start()
    wire.initialize()
    wire.request("shutdown")
    assert wire.error("textDocument/inlineCompletion", wire.inline_params(URI, 0, 0)) == -32600
    assert wire.error("shutdown") == -32600
    wire.notify("exit")
    assert wire.exit_code() == 0


def test_shutdown_with_work_in_flight(start: Start, script: Script) -> None:
    """Everything is answered, the shutdown too, and the process does not wait for the work."""
    script.says("late", delayMs=30_000)
    wire = start()
    wire.initialize()
    wire.open(URI, "x = \n")
    working = wire.ask("textDocument/inlineCompletion", wire.inline_params(URI, 0, 4))
    wire.wait_for_status("ready", busy=True)
    began = time.monotonic()
    wire.request("shutdown")
    assert wire.reply(working)["error"]["code"] == -32800
    wire.notify("exit")
    assert wire.exit_code() == 0
    assert time.monotonic() - began < 4


@pytest.mark.parametrize("params", [None, {}, [1, 2], {"textDocument": {"uri": URI}, "position": {"line": 0}}])
def test_bad_parameters_get_one_answer_and_no_popup(start: Start, params: object) -> None:
    """-32602, once."""
    wire = start()
    wire.initialize()
    asked = wire.ask("textDocument/inlineCompletion", params)
    assert wire.reply(asked)["error"]["code"] == -32602
    strange = {**wire.inline_params(URI, 0, 0), "context": {"triggerKind": 0}}
    assert wire.error("textDocument/inlineCompletion", strange) == -32602
    assert len(wire.replies(asked)) == 1
    assert wire.notifications("window/showMessage") == []


def test_unknown_things(start: Start) -> None:
    """-32601 for a request, nothing for a notification; unknown members of parameters do no harm."""
    wire = start()
    wire.initialize()
    assert wire.error("foo/bar", {"x": {"y": [1]}}) == -32601
    assert wire.error("$/foo") == -32601
    wire.notify("$/foo", {"x": 1})
    wire.notify("foo/bar", [])
    wire.send_bytes(b"{nonsense")
    wire.send_bytes(b"[]")
    wire.open(URI, "x = \n")
    wire.request(
        "textDocument/inlineCompletion",
        {**wire.inline_params(URI, 0, 4), "formattingOptions": {"tabSize": 4}, "version": 3},
    )


def test_every_request_is_answered_exactly_once(start: Start) -> None:
    """Whatever its kind, its shape and its id, and however many there are at once."""
    wire = start()
    wire.initialize()
    wire.open(URI, "x = \n" * 50)
    ids: list[int | str] = []
    for number in range(40):
        name: int | str = 1000 + number if number % 2 else f"id-{number}"
        ids.append(name)
        match number % 4:
            case 0:
                wire.ask("textDocument/inlineCompletion", wire.inline_params(URI, number, 4), id=name)
            case 1:
                wire.ask("codehearth/why", {"textDocument": {"uri": URI}}, id=name)
            case 2:
                wire.ask("nobody/knows", {}, id=name)
            case _:
                wire.ask("textDocument/inlineCompletion", {"textDocument": 3}, id=name)
    for name in ids:
        wire.reply(name)
    wire.request("codehearth/status", {})
    assert [len(wire.replies(name)) for name in ids] == [1] * 40
    assert wire.shutdown() == 0


def test_it_starts_within_a_second_and_quietly(start: Start) -> None:
    """Some editors show every line of stderr as an error. Twice the second, for machines that do other things."""
    began = time.monotonic()
    wire = start()
    wire.initialize()
    seconds = time.monotonic() - began
    wire.wait_for_status("ready")
    assert wire.shutdown() == 0
    wire.__exit__()
    assert wire.stderr == []
    assert seconds < 5


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--version"], 0, "codehearth "),
        (["--help"], 0, "serve"),
        (["serve", "--help"], 0, "--log-file"),
        (["dance"], 2, "invalid choice"),
        (["serve", "--colour"], 2, "unrecognized"),
        (["engine", "--idle-exit-seconds", "nan"], 2, "nan is no number above 0"),
        (["--log-file", "/no/such/folder/log"], 1, "Choose another --log-file."),
    ],
)
def test_the_command_line(words: list[str], code: int, told: str) -> None:
    """What people type: an answer and the customary exit code."""
    done = subprocess.run(
        [sys.executable, "-m", "lsp_server", *words], capture_output=True, text=True, timeout=60, cwd=ROOT
    )
    assert done.returncode == code
    assert told in done.stdout + done.stderr


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
def test_a_terminated_server_leaves(start: Start) -> None:
    """Somebody who ends processes politely is obeyed."""
    wire = start()
    wire.initialize()
    wire.process.terminate()
    eventually(lambda: wire.process.poll() is not None, "the end")
