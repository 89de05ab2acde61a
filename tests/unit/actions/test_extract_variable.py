"""Extract variable: what is offered, how the text looks afterwards, and every reason to refuse."""

import pytest

from lsp_server.actions import extract_variable
from lsp_server.actions.edits import applied
from lsp_server.actions.extract_variable import ALL, ONE, ExtractVariable
from lsp_server.actions.values import Ask, Filled, Offer, Proposal, Refusal, Selection, Tools
from lsp_server.errors import EngineUnavailable
from lsp_server.settings import Settings
from lsp_server.text import Span
from tests import house


def selection(marked: str) -> Selection:
    """What stands between ├ and ┤ is selected."""
    text, start, inner = house.inserted(marked)
    text = text[:start] + inner + text[start:]
    return Selection(house.document(text), Span(start, start + len(inner)), Settings())


def offers(marked: str) -> list[Offer]:
    asked = selection(marked)
    tree = house.tree(asked.document.text)
    assert tree is not None
    return ExtractVariable().offers(asked, tree)


def extracted(marked: str, name: str = "new", key: str = ONE) -> str:
    """The text after the offer with this key, with a name that everybody agrees on."""
    asked = selection(marked)
    tree = house.tree(asked.document.text)
    assert tree is not None
    found = extract_variable.extractions(asked, tree)
    assert not isinstance(found, str), found
    edits = extract_variable.proven_edits(found[key], name, tree)
    assert edits is not None
    return applied(asked.document.text, edits)


def reason(marked: str) -> str:
    """Why it is refused."""
    (offer,) = offers(marked)
    assert offer.reason
    return offer.reason


@pytest.mark.parametrize(
    ("marked", "expected"),
    [
        pytest.param("y = ├f(x)┤ + 1\n", "new = f(x)\ny = new + 1\n", id="a line of its own before the statement"),
        pytest.param(
            "def g(x):\n    # why\n    return ├x.a┤[0]\n",
            "def g(x):\n    # why\n    new = x.a\n    return new[0]\n",
            id="comments stay above",
        ),
        pytest.param("def g(x):\n\treturn ├x.a┤ + 1\n", "def g(x):\n\tnew = x.a\n\treturn new + 1\n", id="tabs"),
        pytest.param("y = ├f(x)┤ + 1\r\nz = 2\r\n", "new = f(x)\r\ny = new + 1\r\nz = 2\r\n", id="CRLF"),
        pytest.param("\ufeffy = ├f(x)┤ + 1\n", "\ufeffnew = f(x)\ny = new + 1\n", id="a byte order mark"),
        pytest.param("y = ├f(x)┤ + 1", "new = f(x)\ny = new + 1", id="no line end at all"),
        pytest.param(
            "name = 'é𝄞'; y = ├f('é')┤ + 1\n", "name = 'é𝄞'; new = f('é'); y = new + 1\n", id="behind a semicolon"
        ),
        pytest.param(
            "if x: y = ├f(x)┤ + 1\n", "if x:\n    new = f(x)\n    y = new + 1\n", id="a body on its header's line"
        ),
        pytest.param(
            "if x:\n\tfor y in z: g(├y.a┤)\n",
            "if x:\n\tfor y in z:\n\t\tnew = y.a\n\t\tg(new)\n",
            id="such a body with tabs",
        ),
        pytest.param(
            "try: a()\nexcept E: y = ├f(x)┤ + 1\n",
            "try: a()\nexcept E:\n    new = f(x)\n    y = new + 1\n",
            id="such a handler",
        ),
        pytest.param(
            "match x:\n  case 1: y = ├f(x)┤ + 1\n",
            "match x:\n  case 1:\n    new = f(x)\n    y = new + 1\n",
            id="such a case",
        ),
        pytest.param("if x: a(); b(├c.d┤)\n", "if x: a(); new = c.d; b(new)\n", id="the second of such a body"),
        pytest.param("y = ├(a + b)┤ * 2\n", "new = a + b\ny = new * 2\n", id="selected parentheses go"),
        pytest.param("y = (├a + b┤) * 2\n", "new = a + b\ny = (new) * 2\n", id="others stay"),
        pytest.param("y = f├(a)┤\n", "new = a\ny = f(new)\n", id="a call keeps its own"),
        pytest.param(
            "def g(a):\n    return├(a.b)┤\n",
            "def g(a):\n    new = a.b\n    return(new)\n",
            id="words do not grow together",
        ),
        pytest.param("y = (├ a + b ┤) * 2\n", "new = a + b\ny = ( new ) * 2\n", id="white space"),
        pytest.param(
            "y = sum(├x for x in xs┤)\n",
            "new = (x for x in xs)\ny = sum(new)\n",
            id="a generator without its parentheses",
        ),
        pytest.param("├g(x)┤\n", "new = g(x)\n", id="a statement gets a name"),
        pytest.param(
            "async def g():\n    return (├await h()┤).x\n",
            "async def g():\n    new = await h()\n    return (new).x\n",
            id="await",
        ),
        pytest.param(
            "@d\ndef g(a):\n    return 1 + ├a.b┤\n",
            "@d\ndef g(a):\n    new = a.b\n    return 1 + new\n",
            id="inside a decorated function",
        ),
        pytest.param(
            "def f():\n    def g(a):\n        return 1 + ├a.b┤\n    return g\n",
            "def f():\n    def g(a):\n        new = a.b\n        return 1 + new\n    return g\n",
            id="inside a nested function",
        ),
        pytest.param(
            "while f(├3┤):\n    pass\n", "new = 3\nwhile f(new):\n    pass\n", id="a literal from a condition"
        ),
        pytest.param(
            "if a:\n    pass\nelif f(├3┤):\n    pass\n",
            "new = 3\nif a:\n    pass\nelif f(new):\n    pass\n",
            id="a literal past an elif",
        ),
        pytest.param("g(lambda: ├3┤)\n", "new = 3\ng(lambda: new)\n", id="a literal from a lambda"),
        pytest.param(
            "self.items.append(├make()┤)\n", "new = make()\nself.items.append(new)\n", id="the argument of a method"
        ),
        pytest.param(
            "super().add(├make()┤)\n", "new = make()\nsuper().add(new)\n", id="the argument of super's method"
        ),
        pytest.param("a[├i + 1┤] = v\n", "new = i + 1\na[new] = v\n", id="an index that is assigned to"),
        pytest.param(
            "for x in ├f(y)┤:\n    pass\n", "new = f(y)\nfor x in new:\n    pass\n", id="what a loop goes through"
        ),
        pytest.param("with ├f(y)┤ as z:\n    pass\n", "new = f(y)\nwith new as z:\n    pass\n", id="a context"),
        pytest.param(
            "y = [x for x in ├f(z)┤ if x]\n",
            "new = f(z)\ny = [x for x in new if x]\n",
            id="what a comprehension goes through",
        ),
        pytest.param("y = ├f(x)┤ and g()\n", "new = f(x)\ny = new and g()\n", id="the first operand"),
        pytest.param("y = a if ├f(x)┤ else b\n", "new = f(x)\ny = a if new else b\n", id="the test of a condition"),
        pytest.param("x = f'{a}' + ├f'{b}'┤\n", "new = f'{b}'\nx = f'{a}' + new\n", id="a whole f-string"),
        pytest.param(
            "def broken(:\n\ny = ├f(x)┤ + 1\n",
            "def broken(:\n\nnew = f(x)\ny = new + 1\n",
            id="a file that is broken elsewhere",
        ),
    ],
)
def test_the_text_afterwards(marked: str, expected: str) -> None:
    """The assignment goes where the expression was evaluated first, and nothing else changes."""
    assert extracted(marked) == expected


def test_lines_of_the_expression_move_with_it() -> None:
    """Indented as they were relative to its first line."""
    marked = "def g():\n    return call(\n        ├make(\n            1,  # one\n        )┤,\n    )\n"
    assert extracted(marked) == (
        "def g():\n    new = make(\n        1,  # one\n    )\n    return call(\n        new,\n    )\n"
    )


def test_lines_of_a_string_are_left_as_they_are() -> None:
    """Moving them would change the string."""
    marked = 'def g():\n    return call(\n        ├f("""a\n        b""")┤,\n    )\n'
    assert 'new = f("""a\n        b""")' in extracted(marked)


def test_several_lines_without_brackets_get_parentheses() -> None:
    """They would not be one expression otherwise."""
    assert extracted("y = (├a +\n     b┤) * 2\n") == "new = (a +\n     b)\ny = (new) * 2\n"


@pytest.mark.parametrize(
    ("marked", "why"),
    [
        ("y = fo├o(1)┤\n", "cuts a word"),
        ("y = ├foo(1┤0)\n", "cuts a word"),
        ("y = 'a├b'┤\n", "cuts a word, a number or a string"),
        ("├y = 1\nz = 2┤\n", "more than one statement"),
        ("x = ├f(1)\ny = 2┤\n", "more than one statement"),
        ("├y = 1┤\n", "a statement, not an expression"),
        ("y = a + ├b * c + d┤\n", "not one whole expression"),
        ("├y┤ = 1\n", "assigned to"),
        ("del ├y.a┤\n", "assigned to or deleted"),
        ("for ├y┤ in z:\n    pass\n", "assigned to"),
        ("for a[├i.j┤] in z:\n    pass\n", "assigned to"),
        ("f(├*a┤)\n", "unpacking"),
        ("a[├1:2┤]\n", "slice"),
        ("y = a and ├f(x)┤\n", "only when"),
        ("y = a if b else ├f(x)┤\n", "conditional expression"),
        ("y = a < b < ├f(x)┤\n", "first comparison"),
        ("y = [├f(x)┤ for x in z]\n", "every element"),
        ("y = [x for x in z if ├f(x)┤]\n", "every element"),
        ("y = [x for w in z for x in ├f(w)┤]\n", "every element"),
        ("y = lambda: ├f(x)┤\n", "every call of the lambda"),
        ("def g(a=├f(x)┤):\n    pass\n", "default"),
        ("@d(├f(x)┤)\ndef g():\n    pass\n", "decorator"),
        ("def g(a: ├list[int]┤):\n    pass\n", "annotation"),
        ("def g() -> ├list[int]┤:\n    pass\n", "annotation"),
        ("y: ├list[int]┤ = 1\n", "annotation"),
        ("class A(├f(x)┤):\n    pass\n", "header"),
        ("class A:\n    y = ├f(x)┤ + 1\n", "attribute"),
        ("match x:\n    case ├1┤:\n        pass\n", "pattern"),
        ("match x:\n    case 1 if ├f(x)┤:\n        pass\n", "guard"),
        ("while ├f(x)┤ > 1:\n    pass\n", "every turn"),
        ("if a:\n    pass\nelif ├f(x)┤:\n    pass\n", "elif"),
        ("try:\n    pass\nexcept ├a.B┤:\n    pass\n", "exceptions"),
        ("assert ├f(x)┤\n", "assertion"),
        ("with a() as b, ├f(b)┤:\n    pass\n", "earlier context"),
        ("y = f'{├a.b┤}'\n", "f-string"),
        ("y = ├(n := f(x))┤ + 1\n", ":="),
        ("def g():\n    y = ├(yield 1)┤ + 1\n", "yield"),
        ("def g():\n    ├'''Text.'''┤\n", "documentation"),
        ("y = f(a(), ├b()┤)\n", "evaluated before it"),
        ("y = a.b + ├f(x)┤\n", "evaluated before it"),
        ("a.b += ├f(x)┤\n", "evaluated before it"),
        ("a[i] = b[├f(x)┤] = c\n", ""),
        ("a, b[├i + 1┤] = c\n", "evaluated before it"),
        ("y = {f(): 1, ├g()┤: 2}\n", "evaluated before it"),
        ("def g():\n    y = ├f(x)┤ + 1\n    return locals()\n", "own variables"),
        ("def g(:\n    y = ├f(x)┤ + 1\n", "syntax error"),
        ("n = 0\ndef f():\n    global n\n    n = 1\ny = n + ├f()┤\n", "evaluated before it"),
    ],
)
def test_it_is_refused_with_a_reason(marked: str, why: str) -> None:
    """Where the selection is no expression, or where evaluating it earlier could mean something else."""
    assert why in reason(marked)


def test_a_bare_cursor_offers_nothing() -> None:
    """There is nothing to extract, and nothing to complain about."""
    assert offers("y = f(├┤x)\n") == []
    assert offers("y = f(x)├\n\n┤") == []


@pytest.mark.parametrize(
    ("marked", "expected"),
    [
        pytest.param(
            "def g(o):\n    a = o.b.c\n    d = ├o.b.c┤ + 1\n    return o.b.c\n",
            "def g(o):\n    new = o.b.c\n    a = new\n    d = new + 1\n    return new\n",
            id="attributes",
        ),
        pytest.param(
            "def g(n):\n    return x[n - 1] + y[├n - 1┤]\n",
            "def g(n):\n    new = n - 1\n    return x[new] + y[new]\n",
            id="values used up at once",
        ),
        pytest.param(
            "a = 3.5\nb = ├3.5┤ + c()\nd = 3.5\n",
            "new = 3.5\na = new\nb = new + c()\nd = new\n",
            id="literals, whatever is between",
        ),
        pytest.param(
            "def g(o):\n    if o.b: return h(├o.b┤)\n",
            "def g(o):\n    new = o.b\n    if new: return h(new)\n",
            id="from the condition on",
        ),
        pytest.param(
            "def g(o):\n    return ├o.b┤ if o.b else 1\n",
            "def g(o):\n    new = o.b\n    return new if new else 1\n",
            id="the first that is always evaluated",
        ),
        pytest.param(
            "def g(s):\n    s.total = ├s.a┤ * s.a\n",
            "def g(s):\n    new = s.a\n    s.total = new * new\n",
            id="the target is stored afterwards",
        ),
        pytest.param(
            "def g(o):\n    a = o.b\n    c = ├o.b┤\n    h()\n    return o.b\n",
            "def g(o):\n    new = o.b\n    a = new\n    c = new\n    h()\n    return o.b\n",
            id="as many as are safe",
        ),
    ],
)
def test_all_equal_occurrences(marked: str, expected: str) -> None:
    """Evaluated once before the first, where nobody could tell the difference."""
    assert [offer.key for offer in offers(marked) if not offer.reason][-1] == ALL
    assert extracted(marked, key=ALL) == expected


def test_the_title_says_how_many() -> None:
    """So that a surprise is seen in the menu."""
    found = offers("def g(o):\n    a = o.b.c\n    d = ├o.b.c┤ + 1\n    return o.b.c\n")
    assert [offer.title for offer in found] == ["Extract variable", "Extract variable (3 occurrences)"]


@pytest.mark.parametrize(
    "marked",
    [
        pytest.param("def g(o):\n    a = o.f()\n    return ├o.f()┤\n", id="a call may differ"),
        pytest.param("def g(o):\n    a = o.b\n    h()\n    return ├o.b┤\n", id="a call between may change it"),
        pytest.param("def g(o):\n    a = o.b\n    o.b = 2\n    return ├o.b┤\n", id="it is assigned between"),
        pytest.param("def g(o, p):\n    a = o.b\n    o = p\n    return ├o.b┤\n", id="its name is rebound"),
        pytest.param(
            "def g(o):\n    a = o.b\n    for o in a: pass\n    return ├o.b┤\n", id="its name is a loop's target"
        ),
        pytest.param("def g(n):\n    a = n + 1\n    return ├n + 1┤\n", id="both may be kept and changed"),
        pytest.param("def g():\n    a = []\n    b = ├[]┤\n", id="two lists are two"),
        pytest.param("def g(o):\n    o.b[0] = h(├o.b┤)\n", id="a target is evaluated after the value"),
        pytest.param(
            "def g(o, c):\n    if c:\n        a = o.b\n    else:\n        a = ├o.b┤\n", id="in different branches"
        ),
        pytest.param("def g(o):\n    a = o.b\n    def h():\n        return ├o.b┤\n", id="in different scopes"),
        pytest.param("def g(o):\n    while x:\n        a = o.b\n    return ├o.b┤\n", id="in a loop that may not run"),
        pytest.param("def g(o):\n    a = o[0]\n    o += [1]\n    return ├o[0]┤\n", id="changed in place"),
    ],
)
def test_only_one_where_a_second_might_differ(marked: str) -> None:
    """Conservative: types are unknown."""
    assert [offer.key for offer in offers(marked)] == [ONE]


class Saying:
    """A model that says one thing."""

    def __init__(self, text: str, logprob: float | None = -0.1) -> None:
        self.filled = Filled(text, logprob)
        self.asked: list[tuple[str, str]] = []

    async def fill(self, prefix: str, suffix: str, *, max_tokens: int, stop: object = ()) -> Filled:
        self.asked.append((prefix, suffix))
        return self.filled


class Absent:
    async def fill(self, prefix: str, suffix: str, *, max_tokens: int, stop: object = ()) -> Filled:
        raise EngineUnavailable("There is no engine.")


async def proposed(marked: str, ask: Ask) -> Proposal | Refusal:
    asked = selection(marked)
    tree = house.tree(asked.document.text)
    assert tree is not None
    return await ExtractVariable().propose(asked, ExtractVariable().offers(asked, tree)[0], tree, Tools(ask))


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("subtotal", "subtotal"),
        (" subTotal ", "sub_total"),
        ("class", "sum_result"),
        ("len", "sum_result"),
        ("x", "sum_result"),
        ("items", "sum_result"),
        ("a b", "sum_result"),
        ("", "sum_result"),
        ("_private", "private"),
        ("a" * 41, "sum_result"),
    ],
)
async def test_the_name_is_the_models_where_it_is_one(said: str, name: str) -> None:
    """Else the expression's own: no keywords, builtins, single letters, names in use or sentences."""
    outcome = await proposed("def g(items):\n    return ├sum(items)┤ * 2\n", Saying(said))
    assert isinstance(outcome, Proposal)
    assert outcome.summary == f"Extract {name}"
    assert outcome.notes == ()


async def test_a_guess_is_not_a_name() -> None:
    """A model that is not sure knows less than the expression."""
    outcome = await proposed("y = ├get_user(1)┤.name\n", Saying("thing", -4.0))
    assert isinstance(outcome, Proposal)
    assert outcome.summary == "Extract user"


async def test_the_model_sees_an_assignment_without_its_target() -> None:
    """In the place and with the indentation that it will have."""
    ask = Saying("subtotal")
    await proposed("def g(items):\n    return ├sum(items)┤ * 2\n", ask)
    assert ask.asked == [("def g(items):\n    ", " = sum(items)\n    return sum(items) * 2\n")]


async def test_without_a_model_it_is_done_all_the_same() -> None:
    """With a note for the person."""
    outcome = await proposed("y = ├get_user(1)┤.name\n", Absent())
    assert isinstance(outcome, Proposal)
    assert outcome.notes[0].endswith("There is no engine.")


async def test_an_offer_that_is_gone_is_refused() -> None:
    """The key may come from anywhere."""
    asked = selection("y = ├f(x)┤ + 1\n")
    tree = house.tree(asked.document.text)
    assert tree is not None
    offer = Offer(extract_variable.KIND, "Extract variable", ALL)
    assert isinstance(await ExtractVariable().propose(asked, offer, tree, Tools(Absent())), Refusal)


def test_a_name_of_another_function_is_free() -> None:
    """Only the scope itself and what lies in it could confuse it."""
    text = extracted("def f(new):\n    return new\n\ndef g(x):\n    return ├x.a┤ + 1\n", "new")
    assert text.endswith("def g(x):\n    new = x.a\n    return new + 1\n")


def test_deep_nesting_is_refused() -> None:
    """Python's parser and our own walks have limits."""
    assert reason(f"y = ├f({'-' * 3000}1)┤ + 1\n")
