"""A real Neovim with our plugin, driven over msgpack-rpc. Needs what `install_neovim.py` brings."""

import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.editors import install_neovim
from tests.editors.engines import engines

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = ROOT / "editors" / "neovim"
PACKAGES = ROOT / ".editors" / install_neovim.PACKAGES

SECONDS = 30.0
"""Deadline of every wait. The first ghost text waits for the server, the engine and the model."""

PATIENCE = 3.0
"""Seconds until a person would press a key again."""


class Neovim:
    """One Neovim that runs headless. `with Neovim(...) as neovim` ends it."""

    def __init__(
        self,
        program: Path,
        folder: Path,
        *,
        file: Path | None = None,
        setup: str = "require('codehearth').setup()",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """`folder` holds this Neovim's own configuration and state; `setup` is Lua that its init file ends with."""
        if str(PACKAGES) not in sys.path:
            sys.path.append(str(PACKAGES))
        import pynvim

        folder.mkdir(parents=True, exist_ok=True)
        init = folder / "init.lua"
        init.write_text(
            "vim.opt.swapfile = false\n"
            "vim.opt.shortmess:append('I')\n"
            f"vim.opt.runtimepath:prepend([[{PLUGIN}]])\n"
            "_G.told = {}\n"
            "vim.notify = function(message) table.insert(_G.told, message) end\n"
            f"{setup}\n",
            encoding="utf-8",
        )
        variables = {f"XDG_{kind}_HOME": str(folder / kind.lower()) for kind in ("CONFIG", "DATA", "STATE", "CACHE")}
        variables.update(environment or {})
        self._rpc = pynvim.attach(
            "child",
            argv=[
                shutil.which("env") or "env",
                *(f"{name}={value}" for name, value in variables.items()),
                str(program),
                "--embed",
                "--headless",
                "-u",
                str(init),
                *([str(file)] if file is not None else []),
            ],
        )

    def __enter__(self) -> "Neovim":
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._rpc.command("qa!")
        except (EOFError, OSError):  # The pipe closes when Neovim ends.
            pass
        self._rpc.close()

    # Doing

    def lua(self, code: str, *arguments: Any) -> Any:
        return self._rpc.exec_lua(code, *arguments)

    def command(self, line: str) -> None:
        self._rpc.command(line)

    def keys(self, keys: str) -> None:
        """Types; `<Tab>` and the like are keys. Neovim may still be at them when this returns."""
        self._rpc.input(keys)

    def mode(self, wanted: str) -> None:
        """Waits until Neovim is in this mode, as `:help mode()` names it."""
        self.until(lambda: self._rpc.api.get_mode() == {"mode": wanted, "blocking": False}, f"mode {wanted}")

    def goto(self, after: str) -> None:
        """Puts the cursor, in insert mode, behind the first place of this text."""
        row = next(row for row, line in enumerate(self.lines()) if after in line)
        column = len(self.lines()[row].split(after)[0].encode()) + len(after.encode())
        self.keys("<Esc>")
        self.mode("n")
        self.lua("vim.api.nvim_win_set_cursor(0, {...})", row + 1, max(0, column - 1))
        self.keys("a" if column else "i")
        self.mode("i")

    # Looking

    def lines(self) -> list[str]:
        return list(self.lua("return vim.api.nvim_buf_get_lines(0, 0, -1, false)"))

    def text(self) -> str:
        return "\n".join(self.lines())

    def cursor(self) -> tuple[int, int]:
        """Row and byte column, both from 0."""
        row, column = self.lua("return vim.api.nvim_win_get_cursor(0)")
        return row - 1, column

    def marks(self, namespace: str) -> list[Any]:
        return list(
            self.lua(
                "local own = vim.api.nvim_get_namespaces()[...]\n"
                "return own and vim.api.nvim_buf_get_extmarks(0, own, 0, -1, {details = true}) or {}",
                namespace,
            )
        )

    def ghost(self, namespace: str = "nvim.lsp.inline_completion") -> str:
        """The ghost text as a person sees it at the cursor; empty where there is none."""
        for _, row, column, details in self.marks(namespace):
            if (row, column) == self.cursor():
                rows = [details.get("virt_text", []), *details.get("virt_lines", [])]
                return "\n".join("".join(piece[0] for piece in row_) for row_ in rows)
        return ""

    def screen(self, screen: Any, width: int, height: int) -> Callable[[], Any]:
        """Attaches a screen, which applies redraw events. The function returned gives it as it is then."""
        self._rpc.ui_attach(width, height, rgb=True, ext_linegrid=True)

        def latest() -> Any:
            self.command("redraw!")
            self._rpc.call("rpcnotify", self._rpc.channel_id, "drawn")
            while (message := self._rpc.next_message())[1] != "drawn":
                if message[1] == "redraw":
                    screen.apply(message[2])
            return screen

        return latest

    def told(self) -> list[str]:
        """Every message to the person so far."""
        return list(self.lua("return _G.told"))

    def status(self) -> str:
        return str(self.lua("return require('codehearth').status()"))

    def wait_until_ready(self) -> None:
        """Until the workspace is indexed and the model loaded."""
        self.until(
            lambda: self.lua(
                "local status = require('codehearth.status').of(require('codehearth').client())\n"
                "return status and status.state == 'ready' and not status.busy and status.model ~= vim.NIL"
            ),
            "a server that is ready",
        )

    def until(self, true: Callable[[], Any], what: str, seconds: float = SECONDS) -> Any:
        """Waits for a state; returns what `true` returned."""
        deadline = time.monotonic() + seconds
        while not (answer := true()):
            assert time.monotonic() < deadline, f"waited {seconds} s for {what}; {self._facts()}"
            time.sleep(0.02)
        return answer

    def until_asked_again(self, true: Callable[[], Any], what: str) -> Any:
        """Like `until`, for an answer that may come too late on a busy machine: asks anew at the line's end."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline - PATIENCE:
            try:
                return self.until(true, what, PATIENCE)
            except AssertionError:
                self.keys("<Esc>A")
        return self.until(true, what, PATIENCE)

    def why(self) -> Any:
        """The server's explanation of its last answer, or None."""
        return self.lua(
            "local client = vim.lsp.get_clients({name = 'codehearth'})[1]\n"
            "local params = {textDocument = vim.lsp.util.make_text_document_params(0)}\n"
            "local answer = client and client:request_sync('codehearth/why', params, 5000)\n"
            "return answer and answer.result or vim.NIL"
        )

    def _facts(self) -> str:
        row, _ = self.cursor()
        near = self.lines()[max(0, row - 2) : row + 3]
        return f"cursor {self.cursor()} in {near}; told {self.told()}; why {self.why()}"


def lua_list(words: Sequence[str]) -> str:
    """A Lua table of strings."""
    return "{" + ", ".join(f"[[{word}]]" for word in words) + "}"


def environment(home: Path) -> dict[str, str]:
    """For a server of this checkout, apart from the user's own."""
    return {"CODEHEARTH_HOME": str(home), "PYTHONPATH": os.pathsep.join([str(ROOT)])}


def end_engines(home: Path) -> None:
    """They would end by themselves, minutes after the last editor."""
    for engine in engines(home):
        engine.kill()
        engine.wait(10)
