"""Which line may come after one that uses a parameter."""

import pytest

from lsp_server.context.parameters import parameters, successors

BOX = """\
class Box:
    def __init__(
        self,
        width: int,
        *,
        height: dict[str, int] = {"a": (1, 2)},
        depth=None,
    ) -> None:
        \"\"\"A box (closed).\"\"\"
"""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("self.width = width", ["self.height = height"]),
        ("self._height = check(height)", ["self._depth = check(depth)"]),
        ("self.depth = depth", []),
        ("self.other = 1", []),
    ],
)
def test_the_next_parameter_takes_its_place(line: str, expected: list[str]) -> None:
    assert list(successors(f"{BOX}        {line}\n")) == expected


def test_a_line_that_uses_both_is_followed_by_neither() -> None:
    assert "scale(height, height)" not in list(successors(f"{BOX}        scale(width, height)\n"))


def test_of_several_the_last_one_goes_on_first() -> None:
    found = list(successors("def f(a, b, c, d):\n    use(a)[c]\n"))
    assert found == ["use(a)[d]", "use(b)[c]"]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("def f(a, b=(1, 2), *args, c: int = 3, **kwargs):", ("a", "b", "args", "c", "kwargs")),
        ("function f(a: string, b = [1, 2], ...rest) {", ("a", "b", "rest")),
        ("public Box(int width, List<String> names) {", ("width", "names")),
        ("fn f(&self, name: &str) -> u8 {", ("self", "name")),
        ("class Box:", ()),
        ("if ready:", ()),
        ("if isinstance(width, height):", ()),
        ("with open(path, mode) as f:", ()),
        ("} else if (a, b) {", ()),
        ("class A(Base, Mixin):", ()),
    ],
)
def test_parameters_are_named_without_types_and_defaults(header: str, expected: tuple[str, ...]) -> None:
    assert parameters([header], 4) == expected


def test_blocks_within_a_function_are_passed_over() -> None:
    lines = ["def f(width, height):", "    with open(width, mode) as file:", "        if file:"]
    assert parameters(lines, 12) == ("width", "height")


def test_a_class_within_a_function_has_none_of_its_parameters() -> None:
    assert parameters(["def f(width, height):", "    class A(Base, Mixin):"], 8) == ()


def test_a_long_line_is_data() -> None:
    assert list(successors("def f(width, height):\n    x = [width" + ", 1" * 80 + "]\n")) == []


def test_a_broken_header_has_none() -> None:
    assert parameters(["f) -> None:"], 4) == ()
    assert parameters([], 4) == ()


def test_blank_lines_are_passed_over() -> None:
    assert list(successors("def f(a, b):\n    use(a)\n\n\n")) == ["use(b)"]
    assert list(successors("\n\n")) == []
