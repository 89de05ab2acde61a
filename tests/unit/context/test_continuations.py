"""What the repository goes on with at a place, shown on golden pages, and the promises of every answer."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsp_server.context import continuations
from lsp_server.context.continuations import MOST_GROUPS, Attested, attested
from lsp_server.context.gather import Place
from lsp_server.context.places import ENOUGH, FARTHEST, LEAST, Sought, all_said
from lsp_server.context.telling import LONGEST_LINE
from tests.house import Golden, cursor, goldens
from tests.unit.context.small_index import SmallIndex


def place_of(page: Golden) -> tuple[Place, SmallIndex, int]:
    """Every block with a path is a file; the one with `<CURSOR>` asks, for so many `lines`."""
    files = {block.options["path"]: block.text for block in page.blocks if "path" in block.options}
    own = next(path for path, text in files.items() if "<CURSOR>" in text)
    options = next(block.options for block in page.blocks if block.options.get("path") == own)
    text, offset = cursor(files[own])
    files[own] = text
    return Place(own, text, offset), SmallIndex(files), int(options.get("lines", "1"))


def shown(found: tuple[Attested, ...]) -> str:
    return "\n".join(
        f"{each.path}:{each.line + 1}, {each.matched} tokens\n├{each.continuation.text}┤" for each in found
    )


def told(marked: str, files: dict[str, str] | None = None, *, lines: int = 1) -> list[str]:
    """The texts at `<CURSOR>`."""
    text, offset = cursor(marked)
    reader = SmallIndex(files) if files is not None else None
    found = continuations.continuations(Place("own.py", text, offset), reader, lines=lines)
    return [each.text for each in found]


@pytest.mark.parametrize("page", goldens("continuations"), ids=lambda page: page.path.stem)
def test_golden(page: Golden, update: bool) -> None:
    """Each page shows one rule of what is told."""
    place, reader, lines = place_of(page)
    page.check(shown(attested(place, reader, lines=lines)), update=update)


@pytest.mark.parametrize("page", goldens("continuations"), ids=lambda page: page.path.stem)
@given(moved=st.integers(-200, 0), lines=st.integers(1, 6))
@settings(max_examples=25, deadline=None)
def test_every_answer_keeps_its_promises(page: Golden, moved: int, lines: int) -> None:
    """Wherever it is asked: equal states have equal answers, the likeliest first, whole short lines, no copies."""
    place, reader, _ = place_of(page)
    place = Place(place.path, place.text, max(0, place.offset + moved))
    found = attested(place, reader, lines=lines)
    assert found == attested(place, reader, lines=lines)
    texts = [each.continuation.text for each in found]
    assert len(set(texts)) == len(texts) <= MOST_GROUPS
    probabilities = [each.continuation.probability for each in found]
    assert probabilities == sorted(probabilities, reverse=True)
    assert sum(probabilities) < 1
    assert all(each.matched >= LEAST for each in found)
    assert all(text.endswith("\n") and text.count("\n") <= lines for text in texts)


def test_windows_line_ends_are_not_told() -> None:
    """A document with them has the continuations of one without."""
    text = (
        "def f(x):\n    if check(x):\n        go(x)\n        stop(x)\n\n\ndef g(x):\n    if check(x):\n        <CURSOR>"
    )
    assert told(text, lines=2)[0] == "go(x)\n        stop(x)\n"
    assert told(text.replace("\n", "\r\n"), lines=2) == told(text, lines=2)


def test_a_long_line_is_cut() -> None:
    """What is longer than a line of code is told without its end, and without what follows."""
    row = "table = [" + "1, " * 200 + "]\n"
    (text,) = told(f"{row}other = 2\n\ntable = [<CURSOR>", lines=3)
    assert row.startswith(f"table = [{text}")
    assert len(text) == LONGEST_LINE


def test_the_end_of_a_line_is_told() -> None:
    """Where nothing follows on the line there, nothing is what follows here."""
    assert told("go(a)\nstop(a)\ngo(a)<CURSOR>\nend(a)\n") == ["\n"]


def test_below_the_cursor_counts_too() -> None:
    """Whoever writes a function above a similar one."""
    assert told("first = make_point(<CURSOR>\n\nsecond = make_point(1, 2)\n") == ["1, 2)\n"]


def test_an_identifier_is_no_part_of_another() -> None:
    """`on` is not the end of `button`."""
    assert told("button = red\n\non = <CURSOR>\n") == []


def test_short_matches_are_looked_for_only_where_long_ones_are_few() -> None:
    """Places enough that agree on much leave no room for those that agree on little."""
    lines = "".join(f"    row = table.fetch(name, {number})\n" for number in range(ENOUGH))
    texts = told(f"def f(table, name):\n{lines}    other.fetch(name, None)\n    row = table.fetch(name, <CURSOR>")
    assert "None)\n" not in texts
    assert len(texts) == MOST_GROUPS


def test_without_an_index_the_document_is_enough() -> None:
    """A file outside every folder, or an index that is being built."""
    assert told("a = compute(1)\nb = compute(<CURSOR>") == ["1)\n"]


def test_nothing_is_asked_of_an_empty_document() -> None:
    assert told("<CURSOR>", {"a.py": "def f():\n    return 1\n"}) == []


@pytest.mark.parametrize("missing", [0, 1])
def test_the_farthest_places_of_a_long_document_are_not_looked_for(missing: int) -> None:
    """Above the cursor and below it; the nearer ones have the numbers of their lines."""
    # A line end, the place's line and the lines between are FARTHEST characters, or one more.
    pad = "#" * (FARTHEST - len("\ngo(above)\n") - 1 + missing) + "\n"
    below = "\n" + "#" * (FARTHEST - len("\n\ngo(below)\n") + missing) + "\ngo(below)\n"
    text, offset = cursor(f"# first\n\ngo(above)\n{pad}go(<CURSOR>{below}end\n")
    found = attested(Place("own.py", text, offset), None, lines=1)
    near = {("above)\n", 2), ("below)\n", 6)}
    assert {(each.continuation.text, each.line) for each in found} == (set() if missing else near)


def test_much_white_space_is_as_good_as_little() -> None:
    """Nothing is left to compare before it, but so much agreed that the place was found."""
    text, offset = cursor(f"table = {' ' * 1000}[1]\nother\ntable = <CURSOR>")
    (found,) = attested(Place("own.py", text, offset), None, lines=1)
    assert (found.continuation.text, found.matched) == ("[1]\n", LEAST)


def test_a_secret_before_the_cursor_takes_no_other_names_place() -> None:
    marked = "def fit(width, height):\n    a.width = check(width)\n    a.{} = <CURSOR>\n"
    assert "check(height)\n" in told(marked.format("height"))
    assert not any("AKIA" in text for text in told(marked.format("AKIAIOSFODNN7EXAMPLE")))


def test_half_a_name_is_not_ended_with_another_name() -> None:
    """What follows in the word that the cursor touches is the end of that word, whatever is called so."""
    assert "x(y, 0)\n" in told("self.x = max(x, 0)\nself.y = ma<CURSOR>\n")


@pytest.mark.parametrize(
    "marked",
    [
        "def post(letter, box):\n    fresh(<CURSOR>",
        "def post(fresh):\n    fresh(<CURSOR>\n    stamp(letter)\n",
    ],
    ids=["in another order above", "in the line below"],
)
def test_pieces_that_share_names_are_asked(marked: str) -> None:
    """No run of the last names is in them."""
    text, offset = cursor(marked)
    reader = SmallIndex({"b.py": "def send(box, letter):\n    stamp(letter)\n    drop(box)\n", "c.py": "def f(): 1\n"})
    assert [chunk.path for chunk in continuations.related(Place("a.py", text, offset), reader)] == ["b.py"]


def test_a_run_of_the_names_below_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where no piece shares enough names to be similar."""
    text, offset = cursor("def post(fresh):\n    fresh(<CURSOR>\n    stamp(letter)\n")
    reader = SmallIndex({"b.py": "def send(box, letter):\n    stamp(letter)\n"})
    monkeypatch.setattr(reader, "similar", lambda words, *, exclude, limit: [])
    assert [chunk.path for chunk in continuations.related(Place("a.py", text, offset), reader)] == ["b.py"]


def test_without_an_index_nothing_is_related() -> None:
    assert continuations.related(Place("a.py", "stamp(", 6), None) == []


SPANS = """\
def f(self, span):
    if span.days:
        self.parts.append("%s d" % span.days)
    if span.minutes:
        self.parts.append("%s m" % span.minutes)
    ABOVE
    <CURSOR>
        self.parts.append("%s h" % span.hours)
"""


@pytest.mark.parametrize("typed", ["", "i", "if sp"])
@pytest.mark.parametrize("above", ["x = 1", "x = hours", "hours"])
def test_only_names_that_stand_before_both_keep_their_meaning(above: str, typed: str) -> None:
    """Whatever stands at the end of the line above."""
    texts = told(SPANS.replace("ABOVE", above).replace("<CURSOR>", f"{typed}<CURSOR>"))
    assert texts[0].lstrip(" ") == "if span.hours:\n".removeprefix(typed)


def test_what_stands_below_another_block_names_nothing() -> None:
    """Its names are no sign of what is missing in this one."""
    texts = told(
        "def one(self, jd):\n    r = go(self, other)\n    return r\n\n\ndef two(self, other):\n    pass\n\n\n"
        "def three(self, jd):\n    r = <CURSOR>\n    return r\n\n\ndef four(self, some):\n    pass\n"
    )
    assert "go(self, other)\n" in texts
    assert "go(self, some)\n" not in texts


def test_a_last_line_without_an_end_counts() -> None:
    assert told(SPANS.replace("ABOVE", "x = 1").rstrip("\n"))[0].lstrip(" ") == "if span.hours:\n"


def test_a_secret_is_not_told_with_the_next_parameter() -> None:
    text, offset = cursor(
        "def f(password, long_account_holder_name_here):\n"
        '    self.password = "Zq8x9L2mV4n7B1c5Kd0P" or password.strip()\n'
        '    self.long_account_holder_name_here = "<CURSOR>'
    )
    place = Place("own.py", text, offset)
    found = [each for each in all_said(place, Sought.of(place), (), lines=1) if each.succeeds]
    assert found
    assert all(each.is_secret() for each in found)
