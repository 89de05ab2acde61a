"""Append-only prompts: what stays byte-identical while a person types, and what begins a prompt anew."""

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsp_server.completion import burst as bursts
from lsp_server.completion import prompt
from lsp_server.completion.burst import Burst, Order
from lsp_server.documents.document import Document
from lsp_server.modelstore.card import FimFormat, ModelCard
from lsp_server.text import LineIndex

LAYOUTS: dict[Order, tuple[str, ...]] = {
    "psm": ("PRE", "prefix", "SUF", "suffix", "MID"),
    "spm": ("PRE", "SUF", "suffix", "MID", "prefix"),
}


def card(order: Order, tokens: int = 1024) -> ModelCard:
    fim = FimFormat(order, LAYOUTS[order], "<P>", "<S>", "<M>", "tokens", "<R>", "<F>", ())
    return ModelCard("test", "test.gguf", fim, None, tokens, 3.0, 1000.0, 100.0, "synthetic")


class Typist:
    """An editor with one cursor, and the prompts it would cause."""

    def __init__(self, marked: str, order: Order, tokens: int = 1024) -> None:
        self.order = order
        self.card = card(order, tokens)
        self.budget = prompt.budget(self.card, 0.35)
        self.cursor = marked.index("<CURSOR>")
        self.text = marked.replace("<CURSOR>", "")
        self.burst: Burst | None = None
        self.scope = "f"
        self.imports_end = 0

    def document(self) -> Document:
        return Document("file:///a.py", Path("/a.py"), "python", 1, self.text, LineIndex.of(self.text))

    def ask(self) -> str | None:
        """Brings the burst to here; returns why it was begun anew, if it was."""
        if self.burst is None:
            state: Burst | str = "first request"
        else:
            state = bursts.follow(self.burst, self.document(), self.cursor)
        if isinstance(state, Burst):
            self.burst = state
            return None
        self.burst = bursts.anchor(
            self.burst,
            state,
            self.document(),
            self.cursor,
            order=self.order,
            budget=self.budget,
            snippets=(),
            complete=True,
            scope=self.scope,
            imports_end=self.imports_end,
            header=lambda start: f"# from {start}\n" if start else "",
        )
        return state

    def prompt(self) -> str:
        """The rendered prompt as one string; special tokens are their own texts."""
        assert self.burst is not None
        return "".join(part.text for part in prompt.render(self.card, self.burst.parts("repo", "a.py")))

    def insert(self, text: str, closers: str = "") -> None:
        self.text = self.text[: self.cursor] + text + closers + self.text[self.cursor :]
        self.cursor += len(text)

    def overtype(self, count: int = 1) -> None:
        self.cursor += count

    def backspace(self, before: int = 1, after: int = 0) -> None:
        self.text = self.text[: self.cursor - before] + self.text[self.cursor + after :]
        self.cursor -= before


FILE = "import os\n\n\ndef f(items):\n    <CURSOR>\n\n\ndef g():\n    return 1\n"


@pytest.mark.parametrize("order", ["psm", "spm"])
def test_typing_only_appends_to_the_prompt(order: Order) -> None:
    """Typing with auto-closed pairs, Enter and backspace appends to the prompt or takes back what was appended."""
    typist = Typist(FILE, order)
    assert typist.ask() == "first request"
    first = typist.prompt()
    steps = [
        lambda: typist.insert("total = sum"),
        lambda: typist.insert("(", ")"),
        lambda: typist.insert("items"),
        lambda: typist.insert("[", "]"),
        lambda: typist.insert('"', '"'),
        lambda: typist.insert("a"),
        lambda: typist.overtype(),
        lambda: typist.overtype(),
        lambda: typist.overtype(),
        lambda: typist.insert("\n    "),
        lambda: typist.backspace(4),
        lambda: typist.insert("x = 1"),
    ]
    for step in steps:
        step()
        assert typist.ask() is None
        assert typist.prompt().startswith(first)
    assert typist.prompt().endswith('total = sum(items["a"])\nx = 1')


@pytest.mark.parametrize("order", ["psm", "spm"])
def test_identical_state_gives_the_identical_prompt(order: Order) -> None:
    """Asking twice at one place gives byte-equal segments, and so does typing a character and taking it back."""
    typist = Typist(FILE, order)
    typist.ask()
    first = typist.prompt()
    assert typist.ask() is None
    assert typist.prompt() == first
    typist.insert("x")
    typist.ask()
    typist.backspace()
    assert typist.ask() is None
    assert typist.prompt() == first


def test_enter_between_brackets_keeps_the_burst() -> None:
    """Enter moves the auto-inserted bracket to a line of its own, which is not shown to the model either."""
    typist = Typist("const a = <CURSOR>;\nb();\n", "psm")
    typist.ask()
    typist.insert("{", "}")
    assert typist.ask() is None
    typist.insert("\n  ", "\n")
    assert typist.ask() is None
    assert typist.burst is not None
    assert typist.burst.hidden == "\n}"
    assert typist.burst.suffix == ";\nb();\n"


def test_closers_at_the_end_of_the_line_are_hidden_from_the_start() -> None:
    """A prompt begun inside an auto-closed pair equals one begun before it, so that overtyping appends."""
    inside = Typist("print(<CURSOR>)\nrest()\n", "spm")
    inside.ask()
    assert inside.burst is not None
    assert (inside.burst.hidden, inside.burst.suffix) == (")", "\nrest()\n")
    inside.insert("x")
    inside.overtype()
    assert inside.ask() is None


def test_a_real_rest_of_the_line_is_shown() -> None:
    """Closers before further code belong to the suffix."""
    typist = Typist("call(<CURSOR>), 2\n", "psm")
    typist.ask()
    assert typist.burst is not None
    assert typist.burst.suffix == "), 2\n"


def test_a_jump_begins_anew() -> None:
    """A cursor that moved without typing says so."""
    typist = Typist(FILE, "psm")
    typist.ask()
    typist.cursor = len("import os\n")
    assert typist.ask() == "jump"


def test_an_edit_after_the_cursor_begins_anew() -> None:
    """The suffix the model has read is no longer there."""
    typist = Typist(FILE, "psm")
    typist.ask()
    typist.text = typist.text.replace("return 1", "return 2")
    assert typist.ask() == "edit after the cursor"


def test_an_edit_inside_the_prefix_begins_anew() -> None:
    """The prefix the model has read is no longer there."""
    typist = Typist(FILE, "psm")
    typist.ask()
    typist.text = typist.text.replace("import os", "import re")
    assert typist.ask() == "edit elsewhere"


def test_an_edit_above_the_prefix_goes_on() -> None:
    """Lines added far above move the prefix; the prompt stays as it is."""
    above = "".join(f"line_{number} = {number}\n" for number in range(400))
    typist = Typist(above + FILE, "psm")
    typist.ask()
    before = typist.prompt()
    typist.text = "import re\n" + typist.text
    typist.cursor += len("import re\n")
    assert typist.ask() is None
    assert typist.prompt() == before


def test_backspace_past_the_anchor_anchors_at_the_line_once() -> None:
    """In PSM order the first backspace past the anchor moves it to the line's start, so that the next ones append."""
    typist = Typist("def f():\n    return compute<CURSOR>\n", "psm")
    typist.ask()
    typist.backspace()
    assert typist.ask() == "backspace past the anchor"
    for _ in range(10):
        typist.backspace()
        assert typist.ask() is None


def test_backspace_in_spm_order_shortens_the_prefix() -> None:
    """The prefix is the end of the prompt: taking characters back needs no new anchor."""
    typist = Typist("def f():\n    return compute<CURSOR>\n", "spm")
    typist.ask()
    for _ in range(12):
        typist.backspace()
        assert typist.ask() is None


def test_undo_and_acceptance_stay_in_the_burst() -> None:
    """An accepted block is appended; undoing it takes it back."""
    typist = Typist(FILE, "psm")
    typist.ask()
    before = typist.prompt()
    block = "for item in items:\n        print(item)"
    typist.insert(block)
    assert typist.ask() is None
    assert typist.prompt() == before + block
    typist.backspace(len(block))
    assert typist.ask() is None
    assert typist.prompt() == before


@pytest.mark.parametrize("order", ["psm", "spm"])
def test_an_outgrown_burst_keeps_its_suffix(order: Order) -> None:
    """When typing fills the room the prefix moves on, and the suffix stays as it was."""
    typist = Typist(FILE, order)
    typist.ask()
    assert typist.burst is not None
    suffix = typist.burst.suffix
    reasons = []
    for number in range(300):
        typist.insert(f"x{number} = {number}\n    ")
        reasons.append(typist.ask())
    assert set(reasons) == {None, "outgrown"}
    assert reasons.count("outgrown") <= 6
    assert typist.burst.suffix == suffix
    assert len(typist.burst.prefix + typist.burst.typed) <= typist.burst.room


def test_a_new_anchor_nearby_keeps_the_start_of_the_prefix() -> None:
    """A jump of a few lines changes what is near the cursor, not where the prompt begins."""
    lines = "".join(f"value_{number} = {number}\n" for number in range(300))
    typist = Typist(lines + "<CURSOR>\n" + lines, "psm")
    typist.ask()
    assert typist.burst is not None
    start = typist.burst.start
    assert start > 0
    typist.cursor += len("\nvalue_0 = 0\n")
    assert typist.ask() == "jump"
    assert typist.burst.start == start


@pytest.mark.parametrize("order", ["psm", "spm"])
@given(seed=st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_the_prompt_always_holds_the_document(order: Order, seed: int) -> None:
    """However a person edits: prefix and typed text end at the cursor, the suffix stands after it, and both fit."""
    source = random.Random(seed)
    typist = Typist("a = 1\n" * 40 + "<CURSOR>" + "\nb = 2" * 40, order, tokens=300)
    for _ in range(60):
        action = source.random()
        if action < 0.6:
            typist.insert(source.choice(["x", "y = ", "\n    ", "long_name ", "\n"]))
        elif action < 0.7:
            typist.insert("(", ")")
        elif action < 0.9:
            typist.backspace(min(source.randint(1, 6), typist.cursor))
        else:
            typist.cursor = source.randrange(len(typist.text))
        typist.ask()
        burst = typist.burst
        assert burst is not None
        shown = burst.prefix + burst.typed
        after = typist.text[typist.cursor :]
        assert typist.text[: typist.cursor].endswith(shown)
        assert after.startswith(burst.hidden + burst.suffix)
        assert len(shown) <= burst.room
        assert len(burst.suffix) <= typist.budget.suffix
        assert len(shown) + len(burst.suffix) <= typist.budget.total


@pytest.mark.parametrize("tokens", [256, 512, 2048])
@pytest.mark.parametrize("width", [12, 45, 400, 20_000])
def test_a_fresh_prefix_fills_most_of_its_room(tokens: int, width: int) -> None:
    """Whatever the lines' length, the window starts far enough back and leaves room to grow."""
    line = "x" * (width - 1) + "\n"
    typist = Typist(line * (40_000 // width) + "y = <CURSOR>\n", "spm", tokens)
    typist.ask()
    burst = typist.burst
    assert burst is not None
    least = burst.room // 2 if width < 100 else burst.room // 4 - 1
    assert least <= len(burst.prefix) <= burst.room * 3 // 4


def test_another_import_far_above_begins_anew() -> None:
    """Whoever goes up to add an import and comes back wants to use it; an edit below the imports changes nothing."""
    imports = "import os\nimport sys\n"
    body = "".join(f"value_{number} = {number}\n" for number in range(400))
    typist = Typist(f"{imports}{body}total = <CURSOR>\n", "spm")
    typist.imports_end = len(imports)
    typist.ask()
    assert typist.burst is not None
    assert typist.burst.start > len(imports)
    for place, line, reason in ((len(imports), "first = 1\n", None), (0, "import re\n", "other imports")):
        typist.text = typist.text[:place] + line + typist.text[place:]
        typist.cursor += len(line)
        assert typist.ask() == reason
