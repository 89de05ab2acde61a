"""Which server the extension starts, and what a person is told when there is none, or another than it should be."""

import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lsp_server import __version__
from lsp_server.modelstore import store
from tests.e2e.conftest import Script
from tests.editors.vscode.driver import EDITORS, ROOT, SERVER, Start, VSCode, until

MINUTES_TO_GHOST_TEXT = 2.0
"""From the click on Install to ghost text, besides compiling."""


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """An environment whose PATH has what VS Code itself needs and neither codehearth nor Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "bash", "env", "cat", "ps", "uname", "ls", "sed", "dirname", "readlink", "git"):
        if (found := shutil.which(name)) is not None:
            (folder / name).symlink_to(found)
    # As if started from a terminal; otherwise VS Code asks a login shell for PATH.
    return {"PATH": str(folder), "PYTHONPATH": "", "VSCODE_CLI": "1"}


def suggests(code: VSCode) -> str:
    """The ghost text after a key in the small file."""
    code.open("cart.py", 2, 11)
    code.wait_for_status("Model:")
    code.type(" ")
    return code.wait_for_ghost()


def test_a_missing_server_is_one_message(start: Start) -> None:
    """It names the file and offers the setting; the status bar goes on saying it."""
    code = start(server=["/nowhere/codehearth"], wait=False)
    message = code.wait_for_message("does not exist")
    assert "/nowhere/codehearth" in message
    code.wait_for_status(r"codehearth: missing\. .*/nowhere/codehearth")
    code.pause(2)
    assert len(code.messages()) == 1


def test_a_server_that_dies_at_once_is_one_message(start: Start) -> None:
    """It is not tried again and again."""
    code = start(server=[sys.executable, "-c", "raise SystemExit('no such module')"], wait=False)
    code.wait_for_message("could not be started")
    code.wait_for_status(r"codehearth: stopped")
    code.pause(3)
    assert len(code.messages()) == 1


def test_a_server_that_keeps_dying_is_given_up_with_one_message(start: Start, tmp_path: Path, script: Script) -> None:
    """It is started again a few times, later each time, and then the person is told once."""
    starts = tmp_path / "starts"
    dying = (
        "import os, threading; open(os.environ['STARTS'], 'a').write('.');"
        "threading.Timer(1.5, os._exit, [1]).start();"
        "from lsp_server.cli.main import main; main(['serve', '--engine', os.environ['SCRIPT']])"
    )
    environment = {"STARTS": str(starts), "SCRIPT": f"fake:{script.file}"}
    code = start(server=[sys.executable, "-P", "-c", dying], environment=environment, wait=False)
    code.wait_for_message("ended 4 times")
    assert starts.read_text() == "...."
    code.wait_for_status(r"codehearth: stopped")
    assert len(code.messages()) == 1


@pytest.mark.parametrize("version", ["9.9.0", "0.0.9"])
def test_another_version_is_told_and_works(start: Start, script: Script, version: str) -> None:
    """An old extension with a new server, and the reverse: one message with both versions."""
    patched = (
        f"import lsp_server; lsp_server.__version__ = '{version}';"
        "from lsp_server.cli.main import main; import sys; main(['serve', *sys.argv[1:]])"
    )
    code = start(server=[sys.executable, "-P", "-c", patched, *script.arguments])
    message = code.wait_for_message("made for each other")
    assert version in message
    assert __version__ in message
    assert suggests(code)


def test_a_workspace_cannot_choose_the_server(start: Start, script: Script, workspace: Path) -> None:
    """What a repository writes into its own settings starts nothing."""
    planted = workspace / "planted.sh"
    planted.write_text(f"#!/bin/sh\ntouch {workspace}/was-run\n")
    planted.chmod(0o755)
    (workspace / "codehearth").write_text(planted.read_text())
    (workspace / "codehearth").chmod(0o755)
    (workspace / ".vscode").mkdir()
    (workspace / ".vscode" / "settings.json").write_text(f'{{"codehearth.server.command": ["{planted}"]}}')
    code = start(script=script)
    assert suggests(code)
    assert not (workspace / "was-run").exists()


def test_a_wrong_setting_costs_that_setting_only(start: Start, script: Script) -> None:
    """It is named in one message, and suggestions come as ever."""
    settings = {"codehearth.completion.maxLines": "many", "codehearth.eagerness": "calm"}
    code = start(script=script, settings=settings)
    assert "completion.maxLines" in code.wait_for_message("maxLines")
    assert suggests(code)


def test_a_model_is_chosen_by_the_user_alone(start: Start, workspace: Path) -> None:
    """The machine's settings reach the server, also while it runs; the workspace's are not even asked."""
    (workspace / ".vscode").mkdir()
    (workspace / ".vscode" / "settings.json").write_text(json.dumps({"codehearth.model": "/planted.gguf"}))
    code = start()
    code.open("cart.py", 2, 11)
    code.wait_for_status(f"Model: {store.embedded().stem}")
    settings = code.folder / "data" / "Machine" / "settings.json"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "codehearth.model": "/nowhere/chosen.gguf"}))
    code.wait_for_status(r"codehearth: error\. .*/nowhere/chosen\.gguf")
    assert len([message for message in code.messages() if "chosen.gguf" in message]) == 1


def test_restarting_and_the_doctor(start: Start, script: Script) -> None:
    """Two commands of the menu: a new server process, and the same installation's doctor in a terminal."""
    code = start(script=script)
    (first,) = code.servers()
    code.command("codehearth: Restart Server")
    code.until(lambda: code.servers() not in ([], [first]) and not first.is_running(), "another server runs")
    code.wait_for_status("codehearth: ready")
    code.command("codehearth: Run Doctor in a Terminal")
    code.until(lambda: code.children("doctor"), "the doctor runs")


def test_another_provider_is_mentioned_until_one_has_enough(start: Start, script: Script) -> None:
    """One hint, which can be dismissed for ever."""
    other = {"publisher": "TabNine", "name": "tabnine-vscode", "version": "1.0.0", "engines": {"vscode": "*"}}
    code = start(script=script, extensions=[other])
    assert "Tabnine" in code.wait_for_message("active, too")
    code.answer("Do Not Show Again")
    code.pause(6)  # VS Code writes down what extensions remember every 5 s.
    code.page.reload()
    code.wait_for_status(r"ready|indexing|loading")
    code.pause(2)
    assert code.messages() == []


def test_without_python_the_message_says_what_to_install(start: Start, bare: dict[str, str]) -> None:
    """The question is asked once; the answer leads to a next step, not to a stack trace."""
    code = start(server=[], environment=bare, wait=False)
    code.wait_for_status(r"codehearth: missing")
    code.wait_for_message("needs its server")
    code.answer("Install")
    assert "There is no Python on PATH" in code.wait_for_message(r"needs Python 3\.11 or newer")


def test_a_python_that_is_too_old_is_named(start: Start, bare: dict[str, str]) -> None:
    """The message says which version was found, and where."""
    old = Path(bare["PATH"]) / "python3"
    old.write_text("#!/bin/sh\necho 3 9\n")
    old.chmod(0o755)
    code = start(server=[], environment=bare, wait=False)
    code.wait_for_message("needs its server")
    code.answer("Install")
    assert f"Python 3.9 ({old}) is too old" in code.wait_for_message(r"needs Python 3\.11 or newer")


def test_without_a_compiler_the_message_names_the_package(start: Start, bare: dict[str, str]) -> None:
    """llama.cpp has to be compiled, and nothing is begun that cannot be finished."""
    (Path(bare["PATH"]) / "python3").symlink_to(sys.executable)
    code = start(server=[], environment={**bare, "CXX": ""}, wait=False)
    code.wait_for_message("needs its server")
    code.answer("Install")
    assert "apt install g++" in code.wait_for_message(r"no C\+\+ compiler")


def with_python(bare: dict[str, str]) -> dict[str, str]:
    """The bare environment with Python, a compiler's name, and the wheels that `install_vscode.py` has made."""
    folder = Path(bare["PATH"])
    # Not a link to a virtual environment's Python, which would not know where it belongs.
    (folder / "python3").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (folder / "g++").write_text("#!/bin/sh\nexit 1\n")
    for name in ("python3", "g++"):
        (folder / name).chmod(0o755)
    return {**bare, "PIP_FIND_LINKS": str(EDITORS / "wheelhouse"), "PIP_NO_INDEX": "1", "PIP_NO_CACHE_DIR": "1"}


@pytest.mark.timeout(600)
def test_one_click_installs_the_server(start: Start, bare: dict[str, str], record_property: Any) -> None:
    """From the package alone: one question, progress, and ghost text without any setting."""
    code = start(server=[], environment=with_python(bare), wait=False)
    code.wait_for_message("needs its server")
    began = time.monotonic()
    code.answer("Install")
    code.wait_for_status(r"codehearth: installing")
    code.open("pygls/progress.py", 1, 1)
    until(lambda: store.embedded().stem in code.status(), "the model is loaded", code.status, seconds=400)
    text = (code.workspace / "pygls/progress.py").read_text()
    before = text.partition("self._check_token_registered(")[0] + "self._check_token_registered("
    code.open("pygls/progress.py", before.count("\n") + 1, len(before) - before.rfind("\n"))
    code.press("Shift+End")
    code.press("Delete")
    assert code.wait_for_ghost() == "token)"
    minutes = (time.monotonic() - began) / 60
    record_property("minutes_to_ghost_text", round(minutes, 2))
    assert minutes <= MINUTES_TO_GHOST_TEXT
    assert [server for server in code.servers() if str(code.folder) not in server.exe() + server.cmdline()[1]] == []


def test_a_cancelled_installation_leaves_nothing(start: Start, bare: dict[str, str]) -> None:
    """Pip is ended, its folder removed, and the menu offers the installation again."""
    code = start(server=[], environment=with_python(bare), wait=False)
    code.wait_for_message("needs its server")
    code.answer("Install")
    code.wait_for_message("Installing the codehearth server")
    code.answer("Cancel")
    code.wait_for_status(r"missing\. .*cancelled")
    storage = code.folder / "data" / "User" / "globalStorage" / "codehearth.codehearth"
    until(lambda: list(storage.iterdir()) == [], "nothing is left", lambda: str(list(storage.iterdir())))
    code.page.locator("[id$='codehearth.status']").click()
    code.page.locator(".quick-input-list .monaco-list-row", has_text="Install the server").wait_for()


def test_the_server_on_path_is_found(start: Start, bare: dict[str, str], script: Script) -> None:
    """Nothing is asked where `codehearth` can be started."""
    program = Path(bare["PATH"]) / "codehearth"
    words = " ".join([*SERVER, *script.arguments])
    program.write_text(f"#!/bin/sh\nexport PYTHONPATH='{ROOT}'\nexec {words}\n")
    program.chmod(0o755)
    code = start(server=[], environment=bare)
    assert code.messages() == []
