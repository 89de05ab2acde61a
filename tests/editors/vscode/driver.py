"""A real VS Code (code-server) in a browser, as a person at the keyboard sees it: keys in, words on the screen out.

Knows nothing of the extension but its name. Needs `.editors/`, which `install_vscode.py` makes.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[3]
EDITORS = Path(os.environ.get("CODEHEARTH_EDITORS", ROOT / ".editors"))

SECONDS = 30.0
"""Deadline of every wait: far above what any takes, on a machine that is busy with other things."""

ASK_AGAIN_SECONDS = 4.0
"""So long a person waits for ghost text before asking for it by a key."""

ASK = "F9"
"""Bound to VS Code's own command that asks for a suggestion; its default key depends on the keyboard."""

SERVER = [sys.executable, "-P", "-m", "lsp_server", "serve"]
"""The server of this checkout."""

_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # What is not on this machine does not exist.
]

_USER_SETTINGS: Mapping[str, Any] = {
    "telemetry.telemetryLevel": "off",
    "update.mode": "none",
    "extensions.autoCheckUpdates": False,
    "extensions.ignoreRecommendations": True,
    "workbench.startupEditor": "none",
    "workbench.enableExperiments": False,
    "workbench.editor.enablePreview": False,
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    "security.workspace.trust.enabled": False,
    "chat.disableAIFeatures": True,
    "editor.inlineSuggest.enabled": True,
    # What words VS Code collects by itself would open a list in the middle of a test.
    "editor.quickSuggestions": {"other": "off", "comments": "off", "strings": "off"},
    "editor.suggestOnTriggerCharacters": False,
    "editor.minimap.enabled": False,
    "files.autoSave": "off",
    "git.enabled": False,
}


class Browser:
    """One Chromium for all windows of a module. `with Browser() as browser` ends it."""

    def __enter__(self) -> "Browser":
        sys.path.append(str(EDITORS / "python"))
        from playwright.sync_api import sync_playwright

        names = ("chromium", "chromium-browser", "google-chrome")
        program = next(found for found in map(shutil.which, names) if found)
        self._playwright = sync_playwright().start()
        self._chromium = self._playwright.chromium.launch(executable_path=program, args=_FLAGS)
        return self

    def __exit__(self, *_: object) -> None:
        self._chromium.close()
        self._playwright.stop()

    def page(self, width: int, height: int, scale: float) -> Any:
        """An empty window of so many CSS pixels."""
        context = self._chromium.new_context(viewport={"width": width, "height": height}, device_scale_factor=scale)
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        return context.new_page()


class VSCode:
    """One VS Code with one window on `workspace`. `with VSCode(...) as code` ends it and all its children."""

    def __init__(
        self,
        browser: Browser,
        folder: Path,
        workspace: Path,
        *,
        home: Path,
        server: Sequence[str] = SERVER,
        settings: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
        extensions: Sequence[Mapping[str, Any]] = (),
        size: tuple[int, int] = (1280, 800),
        scale: float = 1,
    ) -> None:
        """`folder` holds this VS Code's own state, `home` codehearth's; `extensions` are manifests of further ones."""
        self.workspace = workspace
        self.folder = folder
        user, machine = folder / "data" / "User", folder / "data" / "Machine"
        for place in (user, machine, folder / "home"):
            place.mkdir(parents=True, exist_ok=True)
        (user / "settings.json").write_text(json.dumps({**_USER_SETTINGS, **(settings or {})}))
        (user / "keybindings.json").write_text(
            json.dumps([{"key": ASK.lower(), "command": "editor.action.inlineSuggest.trigger"}])
        )
        (machine / "settings.json").write_text(json.dumps({"codehearth.server.command": list(server)}))
        (folder / "config.yaml").write_text("cert: false\n")
        shutil.copytree(EDITORS / "extensions", folder / "extensions", dirs_exist_ok=True)
        (folder / "extensions" / "extensions.json").unlink(missing_ok=True)  # It names the folder that was copied.
        for manifest in extensions:
            place = folder / "extensions" / f"{manifest['publisher']}.{manifest['name']}-{manifest['version']}"
            place.mkdir()
            (place / "package.json").write_text(json.dumps(manifest))
        self._browser = browser
        self._size, self._scale = size, scale
        self._port = _free_port()
        self._environment = {
            **os.environ,
            "HOME": str(folder / "home"),
            "CODEHEARTH_HOME": str(home),
            "PYTHONPATH": str(ROOT),
            **(environment or {}),
        }

    def __enter__(self) -> "VSCode":
        entry = EDITORS / "code-server" / "node_modules" / "code-server" / "out" / "node" / "entry.js"
        words = [str(EDITORS / "node24" / "bin" / "node"), str(entry), "--auth", "none"]
        words += ["--bind-addr", f"127.0.0.1:{self._port}", "--disable-telemetry", "--disable-update-check"]
        words += ["--disable-workspace-trust", "--disable-getting-started-override"]
        words += ["--extensions-dir", str(self.folder / "extensions"), "--user-data-dir", str(self.folder / "data")]
        words += ["--config", str(self.folder / "config.yaml")]
        with (self.folder / "code-server.log").open("wb") as log:
            self._process = subprocess.Popen(
                words, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._tree = psutil.Process(self._process.pid)
        try:
            until(lambda: _answers(self._port), "code-server answers")
            self.page = self._browser.page(*self._size, self._scale)
            self.page.set_default_timeout(SECONDS * 1000)
            self.page.goto(f"http://127.0.0.1:{self._port}/?folder={self.workspace}")
            self.page.wait_for_selector(".monaco-workbench")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if hasattr(self, "page"):
            self.page.context.close()
        # The extension host outlives its window for a while, and our server its host by a moment.
        for process in [self._tree, *self._tree.children(recursive=True)]:
            try:
                if "engine" not in process.cmdline():  # It belongs to the user and serves the next window.
                    process.kill()
            except psutil.Error:  # It has ended.
                continue
        self._process.wait()

    def until(self, condition: Callable[[], object], what: str, state: Callable[[], str] = str) -> None:
        """Waits for something on the screen; what is there instead is kept as a picture beside the logs."""
        try:
            until(condition, what, lambda: f"{state()} {self.status()!r} {self.messages()}")
        except AssertionError:
            self.picture(self.folder / "failure.png")
            raise

    # Keys

    def open(self, file: str, line: int, column: int) -> None:
        """Opens a file with the cursor at a place; both numbers count from 1."""
        self.press("Control+P")
        box = self.page.locator(".quick-input-widget input")
        box.fill(file)
        row = self.page.locator(".quick-input-list .monaco-list-row", has_text=Path(file).name).first
        row.wait_for()
        box.fill(f"{file}:{line}:{column}")
        self.page.wait_for_timeout(300)  # The list is being made anew; Enter in between would open nothing.
        self.press("Enter")
        self.page.wait_for_selector(f".tab.active[data-resource-name='{Path(file).name}']")
        self.page.wait_for_selector(".monaco-editor.focused .view-line")
        wanted = f"Ln {line}, Col {column}"
        self.until(lambda: wanted in self.page.inner_text(".statusbar"), f"the cursor is at {wanted}")

    def type(self, text: str, *, delay_ms: float = 40) -> None:
        self.page.keyboard.type(text, delay=delay_ms)

    def press(self, keys: str) -> None:
        self.page.keyboard.press(keys)

    def command(self, title: str) -> None:
        """Runs a command by its title, as the palette shows it."""
        self.press("F1")
        self.page.locator(".quick-input-widget input").fill(f">{title}")
        self.page.locator(".quick-input-list .monaco-list-row", has_text=title).first.wait_for()
        self.press("Enter")

    def choose(self, label: str) -> None:
        """Picks an entry of the list that is open."""
        self.page.locator(".quick-input-list .monaco-list-row", has_text=label).first.click()

    def answer(self, button: str) -> None:
        """Clicks a button of a notification."""
        self.page.locator(".notifications-toasts .monaco-button", has_text=button).first.click()

    # What is on the screen

    def ghost(self) -> str:
        """The grey text that is shown at the cursor now; empty where there is none."""
        parts = self.page.locator("[class*=ghost-text-decoration]").all_text_contents()
        return "".join(parts).replace("\xa0", " ").replace("·", " ")

    def wait_for_ghost(self, *, patient: bool = False) -> str:
        """The grey text, once it is there and stands still.

        On a busy machine an automatic suggestion may come too late to be shown. A person then asks by the key, and so
        does this after a while, unless it is `patient`.
        """
        asked = time.monotonic()

        def look() -> bool:
            nonlocal asked
            if not patient and time.monotonic() - asked > ASK_AGAIN_SECONDS:
                asked = time.monotonic()
                self.press(ASK)
            return self.ghost() != ""

        self.until(look, "ghost text is shown")
        last = ""
        while (now := self.ghost()) != last:
            last = now
            self.page.wait_for_timeout(150)
        return now

    def lines(self) -> list[str]:
        """The lines that the editor shows, ghost text included, from the top."""
        lines = self.page.locator(".editor-group-container.active .view-line")
        texts = lines.evaluate_all("all => all.map(each => [parseFloat(each.style.top), each.textContent])")
        return [text.replace("\xa0", " ") for _, text in sorted(texts)]

    def status(self) -> str:
        """What the status bar item tells a screen reader: state, sentence, model."""
        item = self.page.locator("[id$='codehearth.status']")
        if item.count() == 0:
            return ""
        labels = [item.first.get_attribute("aria-label"), item.first.locator("a").first.get_attribute("aria-label")]
        return " ".join(label for label in labels if label)

    def wait_for_status(self, pattern: str) -> str:
        self.until(lambda: re.search(pattern, self.status()), f"the status says {pattern!r}")
        return self.status()

    def messages(self) -> list[str]:
        """The notifications that are shown."""
        return self.page.locator(".notifications-toasts .notification-list-item-message").all_inner_texts()

    def wait_for_message(self, pattern: str) -> str:
        found: list[str] = []

        def look() -> bool:
            found[:] = [message for message in self.messages() if re.search(pattern, message)]
            return bool(found)

        self.until(look, f"a message says {pattern!r}")
        return found[0]

    def saved(self, file: str) -> str:
        """The text of the file on the disk, after saving."""
        self.press("Control+S")
        self.page.wait_for_selector(".tab.active:not(.dirty)")
        return (self.workspace / file).read_text(encoding="utf-8")

    def pause(self, seconds: float) -> None:
        """For what must *not* happen."""
        self.page.wait_for_timeout(seconds * 1000)

    def picture(self, path: Path, **more: Any) -> None:
        self.page.screenshot(path=path, **more)

    def servers(self) -> list[psutil.Process]:
        """The language servers of this VS Code."""
        return self.children("serve")

    def children(self, word: str) -> list[psutil.Process]:
        """The processes below this VS Code with such a word in their command line."""
        found = []
        for process in self._tree.children(recursive=True):
            try:
                if word in process.cmdline():
                    found.append(process)
            except psutil.Error:  # It has ended.
                continue
        return found


Start = Callable[..., VSCode]
"""Starts VS Code with the named arguments of `VSCode`; `script=` answers instead of the model."""


def until(condition: Callable[[], object], what: str, state: Callable[[], str] = str, seconds: float = SECONDS) -> None:
    """Waits for a state of the world. Raises AssertionError at the deadline, with the state then."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s in vain until {what}; {state()}"
        time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
