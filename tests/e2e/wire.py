"""A raw JSON-RPC client for the end-to-end tests: a process, its pipes, and every message it ever sent.

Knows nothing of pygls, lsprotocol or our own code, so that nothing of the server's can excuse the server.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

Json = Any

SECONDS = 20.0
"""Deadline of every wait: far above what any of them takes, on a machine that is busy with other things."""

ROOT = Path(__file__).resolve().parents[2]
"""The checkout under test, whatever is installed."""

CAPABILITIES: Json = {
    "general": {"positionEncodings": ["utf-16"]},
    "textDocument": {"inlineCompletion": {"dynamicRegistration": True}, "completion": {"dynamicRegistration": True}},
    "window": {"workDoneProgress": True},
    "workspace": {
        "configuration": True,
        "didChangeConfiguration": {"dynamicRegistration": True},
        "didChangeWatchedFiles": {"dynamicRegistration": True},
        "workspaceFolders": True,
    },
}


class Wire:
    """One running server. `with Wire(...) as wire` kills what is left of it."""

    def __init__(
        self,
        arguments: Sequence[str] = (),
        *,
        home: Path,
        folder: Path | None = None,
        configuration: Json = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """`folder` is the working folder, as editors set it to the workspace; `configuration` answers our section."""
        self.configuration = configuration
        self.answers: dict[str, Json] = {}
        """What the server's own requests are answered with, by method; null where nothing is said."""
        self.messages: list[Json] = []
        self.changed = threading.Condition()
        self.ended = False
        self._next = 0
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "lsp_server", "serve", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "CODEHEARTH_HOME": str(home), **(environment or {})},
        )
        self.stderr: list[str] = []
        self._threads = [
            threading.Thread(target=self._read, daemon=True),
            threading.Thread(target=self._read_stderr, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for thread in self._threads:
            thread.join(SECONDS)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert pipe is not None
            try:
                pipe.close()
            except BrokenPipeError:
                pass

    # Sending

    def send(self, message: Json) -> None:
        self.send_bytes(json.dumps({"jsonrpc": "2.0", **message}).encode())

    def send_bytes(self, body: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def notify(self, method: str, params: Json = None) -> None:
        self.send({"method": method, **({} if params is None else {"params": params})})

    def ask(self, method: str, params: Json = None, *, id: int | str | None = None) -> int | str:  # noqa: A002
        """Sends a request and returns its id; `reply` waits for the answer."""
        if id is None:
            self._next += 1
            id = self._next  # noqa: A001
        self.send({"id": id, "method": method, **({} if params is None else {"params": params})})
        return id

    def request(self, method: str, params: Json = None, *, id: int | str | None = None) -> Json:  # noqa: A002
        """The result; a JSON-RPC error fails the test."""
        answer = self.reply(self.ask(method, params, id=id))
        assert "error" not in answer, answer
        return answer["result"]

    def error(self, method: str, params: Json = None) -> int:
        """The code of the error that the request is answered with."""
        answer = self.reply(self.ask(method, params))
        assert "error" in answer, answer
        return int(answer["error"]["code"])

    # Receiving

    def reply(self, id: int | str) -> Json:  # noqa: A002
        """The one answer to a request."""
        return self.wait_for(lambda: self._replies(id), f"an answer to {id!r}")[0]

    def replies(self, id: int | str) -> list[Json]:  # noqa: A002
        with self.changed:
            return self._replies(id)

    def notifications(self, method: str) -> list[Json]:
        """Params of all notifications and requests of this method so far, oldest first."""
        with self.changed:
            return [message.get("params") for message in self.messages if message.get("method") == method]

    def wait_for(self, found: Callable[[], Any], what: str, seconds: float = SECONDS) -> Any:
        """What `found()` returns, once that is true; asked anew with every message."""
        with self.changed:
            self.changed.wait_for(lambda: found() or self.ended, seconds)
            answer = found()
        assert answer, f"waited for {what}; got {self.messages[-5:]}; stderr: {self.stderr[-5:]}"
        return answer

    def wait_for_status(self, state: str, **more: Any) -> Json:
        def found() -> Json:
            latest = [message["params"] for message in self.messages if message.get("method") == "codehearth/status"]
            wanted = {"state": state, **more}
            return latest and {key: latest[-1][key] for key in wanted} == wanted and latest[-1]

        return self.wait_for(found, f"status {state} {more}")

    def exit_code(self, seconds: float = SECONDS) -> int:
        return self.process.wait(seconds)

    # What every test says

    def initialize(
        self,
        *folders: Path,
        capabilities: Json = CAPABILITIES,
        options: Json = None,
        process_id: int | None = None,
        **more: Any,
    ) -> Json:
        result = self.request(
            "initialize",
            {
                "processId": process_id,
                "rootUri": None,
                "capabilities": capabilities,
                "workspaceFolders": [{"uri": folder.as_uri(), "name": folder.name} for folder in folders],
                **({} if options is None else {"initializationOptions": options}),
                **more,
            },
        )
        self.notify("initialized", {})
        return result

    def open(self, uri: str, text: str, language: str = "python") -> str:
        self.notify(
            "textDocument/didOpen",
            {"textDocument": {"uri": uri, "languageId": language, "version": 1, "text": text}},
        )
        return uri

    def change(self, uri: str, version: int, *changes: Json) -> None:
        self.notify(
            "textDocument/didChange",
            {"textDocument": {"uri": uri, "version": version}, "contentChanges": list(changes)},
        )

    def inline_params(self, uri: str, line: int, character: int, *, automatic: bool = False) -> Json:
        return {
            "textDocument": {"uri": uri},
            "position": {"line": line, "character": character},
            "context": {"triggerKind": 2 if automatic else 1},
        }

    def inline(self, uri: str, line: int, character: int, **more: Any) -> Json:
        return self.request("textDocument/inlineCompletion", self.inline_params(uri, line, character, **more))

    def texts(self, uri: str, line: int, character: int, **more: Any) -> list[str]:
        """The texts of the items of one inline completion."""
        return [item["insertText"] for item in self.inline(uri, line, character, **more)["items"]]

    def shutdown(self) -> int:
        """The orderly end; returns the exit code."""
        self.request("shutdown")
        self.notify("exit")
        return self.exit_code()

    def kill_hard(self) -> None:
        self.process.send_signal(signal.SIGKILL)

    # Inside

    def _replies(self, id: int | str) -> list[Json]:  # noqa: A002
        return [message for message in self.messages if "method" not in message and message.get("id") == id]

    def _read(self) -> None:
        stream = self.process.stdout
        assert stream is not None
        while header := stream.readline():
            length = int(header.split(b":")[1])
            while stream.readline() not in (b"\r\n", b""):
                pass
            message = json.loads(stream.read(length))
            if "method" in message and "id" in message:
                self._answer(message)
            with self.changed:
                self.messages.append(message)
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def _answer(self, message: Json) -> None:
        result = self.answers.get(message["method"])
        if message["method"] == "workspace/configuration":
            result = [self.configuration]
        try:
            self.send({"id": message["id"], "result": result})
        except (OSError, ValueError):  # The server has gone, or the test is over.
            pass

    def _read_stderr(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.stderr.append(line.decode("utf-8", "replace").rstrip())


def eventually(true: Callable[[], Any], what: str, seconds: float = SECONDS) -> Any:
    """Waits for something outside the protocol, e.g. a process; returns what `true` returned."""
    deadline = time.monotonic() + seconds
    while not (answer := true()):
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.01)
    return answer
