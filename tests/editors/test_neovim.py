"""The plugin in a real Neovim: what a person sees and what the file holds afterwards.

Run by `pytest --editors`. "The model" is the embedded one, on a copy of an installed package that it was never trained
on; where the exact text matters, the same server answers from a script.
"""

import ast
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pygls
import pytest

from tests.e2e.conftest import Script
from tests.editors import install_neovim
from tests.editors.engines import engines
from tests.editors.neovim import PLUGIN, Neovim, end_engines, environment, lua_list

SERVE = [sys.executable, "-P", "-m", "lsp_server", "serve"]
HOLE = "self._check_token_registered("
"""In `pygls/progress.py`; what followed on its line is deleted before the model is asked."""


@pytest.fixture(scope="session")
def program() -> Path:
    """Neovim 0.12 or newer: $NVIM, or what `install_neovim.py` brought."""
    found = Path(os.environ["NVIM"]) if "NVIM" in os.environ else install_neovim.installed()
    assert found is not None, "there is no Neovim 0.12: run python tests/editors/install_neovim.py"
    return found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Shared by the servers of this file, so that the model is loaded once; its engine ends with the tests."""
    home = tmp_path_factory.mktemp("home")
    yield home
    end_engines(home)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of a package that the embedded model has never seen."""
    folder = tmp_path / "work"
    shutil.copytree(Path(pygls.__file__).parent, folder / "pygls", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / ".git").mkdir()
    return folder / "pygls"


@pytest.fixture
def script(tmp_path: Path) -> Script:
    script = Script(tmp_path / "script.json")
    script.says("total(items)")
    return script


Start = Callable[..., Neovim]


@pytest.fixture
def start(program: Path, home: Path, tmp_path: Path) -> Iterator[Start]:
    """Starts Neovim on a file, with a server of this checkout, and waits until that is ready."""
    with ExitStack() as stack:

        def begin(
            file: Path, *, script: Script | None = None, options: str = "", before: str = "", wait: bool = True
        ) -> Neovim:
            command = [*SERVE, *(script.arguments if script is not None else [])]
            setup = f"{before}\nrequire('codehearth').setup({{ cmd = {lua_list(command)}, {options} }})"
            neovim = Neovim(program, tmp_path / "neovim", file=file, setup=setup, environment=environment(home))
            stack.enter_context(neovim)
            if wait:
                neovim.wait_until_ready()
            return neovim

        yield begin


@pytest.fixture
def cart(tmp_path: Path) -> Path:
    """A small file, for answers from the script."""
    file = tmp_path / "shop" / "cart.py"
    file.parent.mkdir()
    file.write_text("def price(items):\n    return \n\n\nprint(price([]))\n", encoding="utf-8")
    return file


def ask_the_model(neovim: Neovim) -> str:
    """Deletes what follows a call's parenthesis, and returns the ghost text there."""
    neovim.goto(HOLE)
    neovim.keys("<C-o>D")
    return str(neovim.until_asked_again(neovim.ghost, "ghost text from the model"))


def test_the_model_suggests_and_tab_accepts(start: Start, package: Path) -> None:
    """Ghost text from the embedded model stands at the cursor; Tab inserts exactly that, and it is saved."""
    file = package / "progress.py"
    neovim = start(file)
    suggested = ask_the_model(neovim)
    assert suggested == "token)"
    assert neovim.lines()[neovim.cursor()[0]].endswith(HOLE), "nothing is inserted before it is accepted"
    neovim.keys("<Tab>")
    neovim.until(lambda: HOLE + suggested in neovim.text(), "the accepted text")
    neovim.keys("<Esc>")
    neovim.mode("n")
    neovim.command("write")
    original = (Path(pygls.__file__).parent / "progress.py").read_text(encoding="utf-8")
    assert file.read_text(encoding="utf-8") == original, "the model wrote what stood there"


def test_a_word_of_it_is_accepted(start: Start, package: Path) -> None:
    """One key inserts the next word; the rest stays in sight, and Tab inserts it."""
    neovim = start(package / "progress.py")
    suggested = ask_the_model(neovim)
    neovim.keys("<M-Right>")
    neovim.until(lambda: HOLE + "token" in neovim.text(), "the first word")
    rest = suggested.removeprefix("token")
    neovim.until(lambda: rest in (neovim.ghost(), neovim.ghost("codehearth.rest")), "the rest as ghost text")
    assert HOLE + suggested not in neovim.lines()[neovim.cursor()[0]]
    neovim.until(lambda: neovim.ghost() == rest, "the rest from the server")
    neovim.keys("<Tab>")
    neovim.until(lambda: neovim.lines()[neovim.cursor()[0]].endswith(HOLE + suggested), "all of it")


def test_words_are_accepted_one_after_the_other(start: Start, cart: Path, script: Script) -> None:
    """Nobody has to wait for the server between two words, and punctuation is a word of its own."""
    script.says("sum(item.price for item in items)")
    neovim = start(cart, script=script)
    neovim.goto("    return ")
    neovim.until(neovim.ghost, "ghost text")
    for word in ("sum", "(", "item", ".", "price", " for"):
        before = neovim.lines()[1]
        neovim.keys("<M-Right>")
        neovim.until(lambda: neovim.lines()[1] != before, "a word")  # noqa: B023
        assert neovim.lines()[1] == before + word
    assert neovim.lines()[1] == "    return sum(item.price for"
    assert neovim.ghost("codehearth.rest") or neovim.ghost() == " item in items)"


def test_a_line_of_it_is_accepted(start: Start, cart: Path, script: Script) -> None:
    """One key inserts the first line of a block, the same key the next one with its line break."""
    script.says("for item in items:\n        total += item.price\n    return total")
    cart.write_text("def price(items):\n    total = 0\n    \n\n\nprint(price([]))\n", encoding="utf-8")
    neovim = start(cart, script=script, options="settings = { completion = { mode = 'block' } }")
    neovim.goto("    total = 0")
    neovim.keys("<Down>")
    neovim.until(lambda: neovim.ghost().count("\n") == 2, "a block of ghost text")
    neovim.keys("<M-Down>")
    neovim.until(lambda: neovim.lines()[2] == "    for item in items:", "the first line")
    assert neovim.lines()[3] == ""
    neovim.keys("<M-Down>")
    neovim.until(lambda: neovim.lines()[3] == "        total += item.price", "the second line")
    assert neovim.cursor() == (3, len("        total += item.price"))
    assert neovim.lines()[4] == ""


def test_typing_on_replaces_it(start: Start, cart: Path, script: Script) -> None:
    """Text that is typed along stays, and what differs from it leaves no ghost text behind."""
    script.says("total(items)")
    neovim = start(cart, script=script)
    neovim.goto("    return ")
    neovim.until(lambda: neovim.ghost() == "total(items)", "ghost text")
    neovim.keys("tot")
    neovim.until(lambda: neovim.ghost() == "al(items)", "the rest of what is typed along")
    script.says("")
    neovim.keys("x")
    neovim.until(lambda: not neovim.marks("nvim.lsp.inline_completion"), "no ghost text")
    assert neovim.lines()[1] == "    return totx"


def test_an_old_suggestion_is_accepted_without_what_was_typed(start: Start, cart: Path, script: Script) -> None:
    """Tab right after a typed character, before Neovim has asked again, inserts no character twice."""
    script.says("total(items)")
    neovim = start(cart, script=script)
    neovim.goto("    return ")
    neovim.until(lambda: neovim.ghost() == "total(items)", "ghost text")
    neovim.keys("t<Tab>")
    neovim.until(lambda: len(neovim.lines()[1]) > len("    return t"), "accepted text")
    assert neovim.lines()[1] == "    return total(items)"


def test_tab_is_a_tab_where_nothing_is_suggested(start: Start, cart: Path, script: Script) -> None:
    """The key does what it did before: its own map of the user's, or itself."""
    script.says("")
    neovim = start(cart, script=script, before="vim.keymap.set('i', '<Tab>', 'mapped')")
    neovim.goto("    return ")
    neovim.keys("<Tab>")
    neovim.until(lambda: neovim.lines()[1] == "    return mapped", "what the key was mapped to")


def test_before_a_closed_bracket(start: Start, cart: Path, script: Script) -> None:
    """Ghost text stands before the bracket that was closed by itself, and the bracket is there once afterwards."""
    script.says("items)")
    neovim = start(cart, script=script, before="vim.keymap.set('i', '(', '()<Left>')")
    neovim.goto("    return ")
    neovim.keys("total(")
    neovim.until(lambda: neovim.ghost() == "items", "ghost text between the brackets")
    assert neovim.marks("nvim.lsp.inline_completion")[0][3]["virt_text_pos"] == "inline"
    neovim.keys("<Tab>")
    neovim.until(lambda: "items)" in neovim.lines()[1], "the accepted text")
    assert neovim.lines()[1] == "    return total(items)"


def test_pause_and_resume(start: Start, cart: Path, script: Script) -> None:
    """Paused means no ghost text, the statusline says it, and resuming brings it back."""
    neovim = start(cart, script=script)
    neovim.command("Codehearth pause 30")
    neovim.until(lambda: neovim.status() == "codehearth: paused", "the statusline")
    neovim.goto("    return ")
    neovim.until(lambda: (neovim.why() or {}).get("silence") == "paused", "an answer while paused")
    assert neovim.marks("nvim.lsp.inline_completion") == []
    neovim.keys("<Esc>")
    neovim.mode("n")
    neovim.command("Codehearth resume")
    neovim.until(lambda: neovim.status() == "codehearth", "the statusline")
    neovim.goto("    return ")
    neovim.until(lambda: neovim.ghost() == "total(items)", "ghost text")


def test_a_language_is_switched_off_and_on(start: Start, cart: Path, script: Script) -> None:
    """`:Codehearth toggle` concerns the language of the buffer."""
    neovim = start(cart, script=script)
    neovim.command("Codehearth toggle")
    neovim.until(lambda: any("python" in message for message in neovim.told()), "the answer")
    neovim.goto("    return ")
    neovim.until(lambda: (neovim.why() or {}).get("silence") == "language", "an answer")
    neovim.keys("<Esc>")
    neovim.mode("n")
    neovim.command("Codehearth toggle")
    neovim.until(lambda: len(neovim.told()) == 2, "the answer")
    neovim.goto("    return ")
    neovim.until(neovim.ghost, "ghost text")


def test_the_engine_is_killed_and_comes_back(start: Start, package: Path, home: Path) -> None:
    """A dead engine costs a suggestion, not the session: nobody is told, and the next request starts another."""
    neovim = start(package / "progress.py")
    suggested = ask_the_model(neovim)
    before = engines(home)
    assert len(before) == 1
    before[0].kill()
    before[0].wait(10)
    neovim.keys("<Esc>")
    neovim.mode("n")
    neovim.command("edit!")
    assert ask_the_model(neovim) == suggested
    after = engines(home)
    assert len(after) == 1
    assert after[0].pid != before[0].pid
    assert neovim.told() == []


def test_the_server_is_restarted(start: Start, cart: Path, script: Script) -> None:
    """`:Codehearth restart` ends the server and attaches a new one to the open buffers, once each."""
    neovim = start(cart, script=script)
    client = "return require('codehearth').client().id"
    before = neovim.lua(client)
    neovim.command("Codehearth restart")
    neovim.until(
        lambda: neovim.lua("local c = require('codehearth').client() return c and c.id ~= ...", before), "a new server"
    )
    neovim.wait_until_ready()
    neovim.goto("    return ")
    neovim.until(lambda: neovim.ghost() == "total(items)", "ghost text")
    neovim.keys("<Tab>")
    neovim.until(lambda: neovim.lines()[1] == "    return total(items)", "the accepted text")


def test_why_shows_what_it_was_built_from(start: Start, package: Path) -> None:
    """A window lists tokens, times and the code of the repository that was in the prompt, each with its reason."""
    neovim = start(package / "progress.py")
    ask_the_model(neovim)
    neovim.until_asked_again(lambda: neovim.why()["snippets"], "related code")
    neovim.keys("<Esc>")
    neovim.mode("n")
    neovim.command("Codehearth why")
    neovim.until(lambda: neovim.lua("return vim.bo.filetype") == "codehearth", "the window")
    shown = neovim.text()
    assert "tokens reused" in shown
    assert "Milliseconds: total " in shown
    assert "Code from the repository in the prompt:" in shown
    assert "pygls/protocol/language_server.py  defines LanguageServerProtocol, imported here (outline)" in shown
    neovim.keys("q")
    neovim.until(lambda: neovim.lua("return vim.bo.filetype") == "python", "the code")


def test_why_nothing_is_shown(start: Start, cart: Path, script: Script) -> None:
    """Where there is no ghost text, the window begins with the reason."""
    script.says("")
    neovim = start(cart, script=script)
    neovim.goto("    return ")
    neovim.until(lambda: (neovim.why() or {}).get("silence") == "empty", "an answer")
    neovim.keys("<Esc>")
    neovim.mode("n")
    neovim.command("Codehearth why")
    neovim.until(lambda: neovim.lua("return vim.bo.filetype") == "codehearth", "the window")
    assert neovim.lines()[0] == "Nothing was shown: The model wrote nothing here."


def act(neovim: Neovim, kind: str) -> None:
    """Chooses the one code action of this kind at the selection or the cursor, as `gra` does."""
    neovim.lua("vim.lsp.buf.code_action({ apply = true, context = { only = { ... }, diagnostics = {} } })", kind)


def test_a_variable_is_extracted(start: Start, cart: Path, script: Script) -> None:
    """The selected expression gets a name from the model, one undo takes it back, and the file can be saved."""
    script.says("subtotal")
    before = "def price(items):\n    return round(sum(items) * 2, 1)\n"
    cart.write_text(before, encoding="utf-8")
    neovim = start(cart, script=script)
    neovim.goto("round(")
    neovim.keys("<Esc>")
    neovim.mode("n")
    neovim.keys("lv9l")
    neovim.mode("v")
    act(neovim, "refactor.extract.variable")
    neovim.until(lambda: "subtotal" in neovim.text(), "the edit")
    neovim.keys("<Esc>")
    neovim.mode("n")
    neovim.command("write")
    assert cart.read_text(encoding="utf-8") == (
        "def price(items):\n    subtotal = sum(items)\n    return round(subtotal * 2, 1)\n"
    )
    neovim.keys("u")
    neovim.until(lambda: neovim.text() + "\n" == before, "the text as it was")


def test_a_function_is_documented(start: Start, package: Path) -> None:
    """With the model: nothing but a docstring is added, and it names every parameter of the signature."""
    file = package / "workspace" / "workspace.py"
    before = file.read_text(encoding="utf-8")
    neovim = start(file)
    neovim.goto("def remove_text_document")
    neovim.keys("<Esc>")
    neovim.mode("n")
    act(neovim, "refactor.rewrite.documentation")
    neovim.until(lambda: neovim.text() + "\n" != before, "the edit")
    neovim.command("write")
    after = file.read_text(encoding="utf-8")
    added = after[after.index("def remove_text_document") :][:400]
    assert "doc_uri" in added.split('"""')[1]
    assert without_docstrings(after) == without_docstrings(before)


def without_docstrings(text: str) -> str:
    """What Python makes of a text, its documentation left out."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        if isinstance(node, documented) and ast.get_docstring(node) is not None:
            del node.body[0]
    return ast.dump(tree)


def test_a_refused_action_says_why(start: Start, cart: Path, script: Script) -> None:
    """Nothing changes, and the reason is one message."""
    script.says("")
    before = "def price():\n    pass\n"
    cart.write_text(before, encoding="utf-8")
    neovim = start(cart, script=script)
    neovim.goto("def price")
    neovim.keys("<Esc>")
    neovim.mode("n")
    act(neovim, "refactor.rewrite.documentation")
    neovim.until(neovim.told, "a message")
    assert neovim.text() + "\n" == before


def test_checkhealth_runs(start: Start, cart: Path, script: Script) -> None:
    """The report names Neovim, the server, Python and the model, and another provider of ghost text."""
    other = "package.loaded['copilot'] = {}"
    neovim = start(cart, script=script, before=other)
    neovim.command("checkhealth codehearth")
    report = neovim.text()
    assert "OK Neovim 0." in report
    assert "OK codehearth " in report
    assert f"OK Python {sys.version_info.major}.{sys.version_info.minor}" in report
    assert "OK Model: " in report
    assert "WARNING copilot.lua shows ghost text, too." in report
    assert "ERROR" not in report


def test_help_has_every_topic(program: Path, tmp_path: Path) -> None:
    """The help file has no tag twice, and what other pages name is found in it."""
    copy = tmp_path / "help"
    shutil.copytree(PLUGIN / "doc", copy / "doc", ignore=shutil.ignore_patterns("tags"))
    with Neovim(program, tmp_path / "neovim", setup=f"vim.opt.runtimepath:append([[{copy}]])") as neovim:
        neovim.command(f"helptags {copy / 'doc'}")
        page = (PLUGIN / "doc" / "codehearth.txt").read_text(encoding="utf-8")
        for topic in [*re.findall(r"\|(codehearth[-\w]*)\|", page), ":Codehearth"]:
            neovim.command(f"help {topic}")
            assert f"*{topic}*" in neovim.lua("return vim.api.nvim_get_current_line()")


def test_the_command_is_missing(program: Path, cart: Path, tmp_path: Path) -> None:
    """One message with the next step when a source file is opened, and the same in the health report; no server."""
    setup = "require('codehearth').setup({ cmd = { 'no-such-codehearth', 'serve' } })"
    with Neovim(program, tmp_path / "neovim", file=cart, setup=setup) as neovim:
        neovim.until(neovim.told, "a message")
        neovim.command("edit! %")
        assert len(neovim.told()) == 1
        assert "The command `no-such-codehearth` was not found." in neovim.told()[0]
        assert "codehearth checkout" in neovim.told()[0]
        assert neovim.status() == ""
        neovim.command("checkhealth codehearth")
        assert "ERROR The command `no-such-codehearth` was not found." in neovim.text()


def test_an_old_neovim_is_told_what_it_needs(program: Path, cart: Path, tmp_path: Path) -> None:
    """Without inline completion nothing is started, and one sentence says which version has it."""
    setup = "vim.fn.has = function() return 0 end\nrequire('codehearth').setup()"
    with Neovim(program, tmp_path / "neovim", file=cart, setup=setup) as neovim:
        assert len(neovim.told()) == 1
        assert "Install Neovim 0.12 or newer." in neovim.told()[0]
        assert neovim.lua("return #vim.lsp.get_clients()") == 0


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("{ setings = {} }", "setup() knows no option `setings`"),
        ("{ cmd = 'codehearth' }", "The option `cmd` of setup() must be a table, not a string."),
        ("{ keymaps = { acept = '<Tab>' } }", "setup() knows no map `acept`"),
        ("{ keymaps = { accept = 3 } }", "The map `accept` of setup() must be a key or false."),
    ],
)
def test_wrong_options_are_named(program: Path, tmp_path: Path, options: str, sentence: str) -> None:
    """A mistake in `setup()` is one message, not a stack trace."""
    with Neovim(program, tmp_path / "neovim", setup=f"require('codehearth').setup({options})") as neovim:
        assert [message for message in neovim.told() if sentence in message] == neovim.told()
        assert len(neovim.told()) == 1


def test_settings_of_the_wrong_type_cost_themselves_only(start: Start, cart: Path, script: Script) -> None:
    """The server names the bad value, and suggests all the same."""
    neovim = start(cart, script=script, options="settings = { eagerness = 'wild', completion = { maxLines = 4 } }")
    told: list[Any] = neovim.until(neovim.told, "a message")
    assert "`eagerness` must be one of calm, balanced, eager" in "".join(told)
    neovim.goto("    return ")
    neovim.until(neovim.ghost, "ghost text")
