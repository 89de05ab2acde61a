"""The extension in a real VS Code: what a person sees, and what the file holds afterwards.

Run by `pytest --editors`. "The model" is the embedded one, on a copy of an installed package that it was never trained
on; where the exact text matters, the same server answers from a script.
"""

import re
from pathlib import Path

import pygls
import pytest

from lsp_server.modelstore import store
from tests.e2e.conftest import Script
from tests.editors.engines import engines
from tests.editors.vscode.driver import Start, VSCode, until

FILE = "pygls/progress.py"
CALL = "self._check_token_registered("
"""In `FILE`; what followed on its line is deleted before the model is asked."""


def ask_the_model(code: VSCode, before: str = CALL, number: int = 0) -> tuple[str, str]:
    """Deletes what follows one of the calls in its line; the file's text then, marked there, and the ghost text."""
    text = (code.workspace / FILE).read_text(encoding="utf-8")
    offset = [found.end() for found in re.finditer(re.escape(before), text)][number]
    line = text[:offset].count("\n") + 1
    code.open(FILE, line, offset - text.rfind("\n", 0, offset))
    code.wait_for_status("Model:")
    code.press("Shift+End")
    code.press("Delete")
    rest = text[offset:]
    return text[:offset] + "├┤" + rest[rest.index("\n") :], code.wait_for_ghost()


def with_ghost(marked: str, ghost: str) -> str:
    return marked.replace("├┤", ghost)


def at_the_hole(code: VSCode, script: Script) -> str:
    """Opens the small file at `return ` and lets the script answer there; the ghost text."""
    code.open("cart.py", 2, 11)
    code.wait_for_status("Model:")
    code.type(" ")
    return code.wait_for_ghost()


# The model in a real package


def test_the_model_suggests_and_tab_accepts(start: Start) -> None:
    """Ghost text from the embedded model stands at the cursor; Tab inserts exactly that, and it is saved."""
    code = start()
    marked, ghost = ask_the_model(code)
    assert ghost == "token)"
    assert code.saved(FILE) == with_ghost(marked, ""), "nothing is inserted before it is accepted"
    code.wait_for_ghost()
    code.press("Tab")
    original = (Path(pygls.__file__).parent / "progress.py").read_text(encoding="utf-8")
    assert code.saved(FILE) == with_ghost(marked, ghost) == original, "the model wrote what stood there"


@pytest.mark.parametrize("dismissed", [False, True])
def test_inside_an_auto_closed_bracket(start: Start, dismissed: bool) -> None:
    """The parenthesis that VS Code closes by itself is neither repeated nor overwritten, whether the suggestion was
    there before the parenthesis or comes after it."""
    code = start()
    text = (code.workspace / FILE).read_text(encoding="utf-8")
    ask_the_model(code, before=CALL.removesuffix("("))
    if dismissed:
        code.press("Escape")
    code.type("(")
    assert code.wait_for_ghost().startswith("token")
    code.press("Tab")
    assert code.saved(FILE) == text


def test_the_status_names_the_model_and_the_reason_for_silence(start: Start) -> None:
    """A person reads there which model answers and why nothing was suggested just now."""
    code = start()
    ask_the_model(code)
    assert store.embedded().stem in code.wait_for_status(r"ready\. Ready\.")
    code.press("Home")
    code.type("x")
    code.wait_for_status("inside a word")


def test_a_language_is_switched_off_and_on(start: Start, script: Script) -> None:
    """A command does it for the language of the file, in the user's settings; the status bar says so."""
    code = start(script=script)
    at_the_hole(code, script)
    code.press("Escape")
    code.command("codehearth: Turn Off or On for This Language")
    code.wait_for_status("off. Switched off for python")
    code.press("Backspace")
    code.type(" ")
    code.pause(1)
    assert code.ghost() == ""
    code.command("codehearth: Turn Off or On for This Language")
    code.wait_for_status("codehearth: ready")
    code.press("Backspace")
    code.type(" ")
    assert code.wait_for_ghost()


def test_the_engine_is_killed_and_ghost_text_goes_on(start: Start, home: Path) -> None:
    """Whoever types on notices a missing suggestion at most: no message, and the next ghost text comes."""
    code = start()
    ask_the_model(code)
    killed = engines(home)
    assert killed, "an engine runs"
    for engine in killed:
        engine.kill()
    code.press("Escape")
    ask_the_model(code, number=1)
    assert [engine for engine in engines(home) if engine not in killed], "another engine answers"
    assert code.messages() == []
    assert f"Model: {store.embedded().stem}" in code.status()


# Accepting and dismissing, where the exact text matters


def test_a_word_of_it_is_accepted(start: Start, script: Script) -> None:
    """One key inserts the next word and the rest stays in sight; Tab inserts that, too."""
    code = start(script=script)
    assert at_the_hole(code, script) == "total(items, 0) + 1"
    code.press("Control+ArrowRight")
    code.until(lambda: code.ghost() == "(items, 0) + 1", "the rest as ghost text", code.ghost)
    assert code.saved("cart.py").splitlines()[1] == "    return total"
    code.wait_for_ghost()
    code.press("Tab")
    assert code.saved("cart.py").splitlines()[1] == "    return total(items, 0) + 1"


def test_a_line_of_a_block_is_accepted(start: Start, script: Script) -> None:
    """The extension's own key inserts the first line of a block and leaves the others."""
    code = start(script=script, settings={"codehearth.completion.mode": "block"})
    script.says("total = sum(items)\n    return total")
    code.open("cart.py", 2, 11)
    code.wait_for_status("Model:")
    code.press("Shift+Home")
    code.press("Delete")
    code.wait_for_ghost()
    code.press("Control+Alt+ArrowRight")
    code.until(lambda: "total = sum(items)" in code.lines()[1], "the first line", lambda: str(code.lines()))
    text = code.saved("cart.py")
    assert text.splitlines()[1] == "    total = sum(items)"
    assert "return total" not in text


def test_typing_on_cancels_it(start: Start, script: Script) -> None:
    """What is typed differently replaces the suggestion; nothing of it gets into the file."""
    code = start(script=script)
    at_the_hole(code, script)
    script.says("")
    code.type("max")
    code.until(lambda: code.ghost() == "", "the ghost text is gone", code.ghost)
    assert code.saved("cart.py").splitlines()[1] == "    return max"


def test_typing_along_keeps_it(start: Start, script: Script) -> None:
    """The letters of the suggestion itself only shorten it."""
    code = start(script=script)
    at_the_hole(code, script)
    code.type("tot")
    code.until(lambda: code.ghost() == "al(items, 0) + 1", "the rest as ghost text", code.ghost)
    code.press("Tab")
    assert code.saved("cart.py").splitlines()[1] == "    return total(items, 0) + 1"


def test_escape_dismisses_it(start: Start, script: Script) -> None:
    """Afterwards Tab is a tab again."""
    code = start(script=script)
    at_the_hole(code, script)
    code.press("Escape")
    code.until(lambda: code.ghost() == "", "the ghost text is gone", code.ghost)
    code.press("Tab")
    line = code.saved("cart.py").splitlines()[1]
    assert line.strip() == "return"
    assert len(line) > len("    return ")


def test_pausing_silences_and_resuming_does_not(start: Start, script: Script) -> None:
    """The menu of the status bar pauses; nothing is suggested until it resumes."""
    code = start(script=script)
    at_the_hole(code, script)
    code.page.locator("[id$='codehearth.status']").click()
    code.choose("Pause for 10 minutes")
    code.wait_for_status(r"Paused until \d\d:\d\d")
    code.open("cart.py", 4, 1)
    code.type("x = ")
    code.pause(1)
    assert code.ghost() == ""
    code.page.locator("[id$='codehearth.status']").click()
    code.choose("Resume")
    code.wait_for_status("codehearth: ready")
    code.open("cart.py", 4, 5)
    code.press("Backspace")
    code.type(" ")
    assert code.wait_for_ghost()


def test_why_is_told_on_a_page(start: Start, script: Script) -> None:
    """A command opens a page beside the code that says what the suggestion was built from."""
    code = start(script=script)
    at_the_hole(code, script)
    code.press("Escape")
    code.command("codehearth: Why This Suggestion?")
    code.page.wait_for_selector(".tab[data-resource-name='Why this suggestion.md']")
    page = code.page.locator(".editor-group-container").last
    code.until(lambda: "Tokens" in page.inner_text(), "the page is rendered", page.inner_text)
    shown = page.inner_text().replace("\xa0", " ")
    assert re.search(r"One (line|block) was suggested", shown)
    assert "generated" in shown


def test_the_server_dies_and_is_started_again(start: Start, script: Script) -> None:
    """Nobody is told, because there is nothing to do."""
    code = start(script=script)
    at_the_hole(code, script)
    (server,) = code.servers()
    server.kill()
    until(lambda: code.servers() not in ([], [server]), "another server runs", lambda: str(code.servers()))
    code.wait_for_status("codehearth: ready")
    code.type("t")
    assert code.wait_for_ghost()
    assert code.messages() == []
