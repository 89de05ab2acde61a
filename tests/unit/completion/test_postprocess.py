"""What is left of the model's text: one golden page per behaviour, and properties that hold for any text."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsp_server.completion import postprocess
from lsp_server.completion.query import Query
from lsp_server.settings import Settings
from tests import house


def check(golden: house.Golden, update: bool) -> None:
    source = golden.source()
    marked = source.text.removesuffix("\n")
    if source.options.get("newline") == "crlf":
        marked = marked.replace("\n", "\r\n")
    text, offset, answer = house.inserted(marked)
    document = house.document(text, source.kind)
    query = Query(document, offset, Settings(), None, True, source.options.get("popup"))
    mode = source.options["mode"]
    assert mode in ("line", "block")
    result = postprocess.run(answer, query, house.tree(text, source.kind), "block" if mode == "block" else "line")
    assert (result.silence is None) == bool(result.text)
    actual = f"├{result.text}┤".replace("\r", "␍") if result.silence is None else f"silence: {result.silence}"
    golden.check(actual, update=update)


@pytest.mark.parametrize("golden", house.goldens("postprocess"), ids=lambda golden: golden.path.stem)
def test_golden(golden: house.Golden, update: bool) -> None:
    check(golden, update)


PIECES = st.sampled_from(
    [
        "return",
        " ",
        "    ",
        "\n",
        "\n    ",
        "\t",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        '"',
        "'",
        "`",
        '"""',
        ":",
        ";",
        ",",
        "total",
        "# don't",
        "def f(a):",
        "if a:",
        "=",
        "+",
        "<|fim_middle|>",
        "\ufffd",
        "\r\n",
        "// x",
        "a.b",
    ]
)
PLACES = [
    ("python", "def f(a):\n    <CURSOR>\n"),
    ("python", "def f(a):\r\n    return g(<CURSOR>)\r\n"),
    ("python", "class A:\n    x = [<CURSOR>\n\n    def f(self):\n        pass\n"),
    ("typescript", "function f() {\n  <CURSOR>\n}\n"),
    ("typescript", 'const a = g("<CURSOR>");\n'),
    ("go", "package a\n\nfunc f() {\n\t<CURSOR>\n}\n"),
    ("plaintext", "Dear <CURSOR>\n"),
]


@settings(max_examples=120, deadline=None)
@given(st.lists(PIECES, max_size=24).map("".join), st.sampled_from(PLACES), st.sampled_from(["line", "block"]))
def test_any_text_keeps_the_promises(answer: str, place: tuple[str, str], mode: str) -> None:
    """Whatever a model writes: no exception, no marks, the document's line ends, one line in line mode."""
    language, marked = place
    query = house.query(marked, language)
    result = postprocess.run(
        answer, query, house.tree(query.document.text, language), "block" if mode == "block" else "line"
    )
    assert (result.silence is None) == bool(result.text.strip())
    assert "<|" not in result.text
    assert "\ufffd" not in result.text
    if mode == "line":
        assert "\n" not in result.text
    newline = "\r\n" if "\r\n" in query.document.text else "\n"
    assert result.text.replace(newline, "").count("\n") == 0


def test_processing_twice_changes_nothing_more() -> None:
    """What came out is accepted as it is: the cache may be checked again."""
    for golden in house.goldens("postprocess"):
        source = golden.source()
        text, offset, answer = house.inserted(source.text)
        query = Query(house.document(text, source.kind), offset, Settings(), None, True)
        mode = "block" if source.options["mode"] == "block" else "line"
        tree = house.tree(text, source.kind)
        once = postprocess.run(answer, query, tree, mode)
        if once.silence is None:
            assert postprocess.run(once.text, query, tree, mode).text == once.text, golden.path.name


def test_every_reason_has_a_sentence() -> None:
    query = house.query("print(<CURSOR>)\n")
    for answer in ("", "  ", ")", "\n", "total <|fim_pad|>"):
        result = postprocess.run(answer, query, house.tree(query.document.text, "python"), "line")
        assert result.silence is None or result.detail.endswith(".")


def test_the_tree_is_not_needed() -> None:
    """The same repairs without a tree, for languages that have none."""
    query = house.query("fn main() {\n    let total = add(<CURSOR>\n}\n", "rust")
    assert postprocess.run("1, 2", query, None, "line").text == "1, 2)"
    assert postprocess.run("1, 2)", query, None, "line").text == "1, 2)"


PERFECT = {
    "python": '''
import json
from pathlib import Path


class Store:
    """Values in a file."""

    def __init__(self, path: Path, default=None):
        self.path = path
        self.values = {"default": default, "it's": [1, 2, (3, 4)]}

    @property
    def size(self):
        return len(self.values) if self.values else 0

    def load(self):
        try:
            self.values = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            print(f"{self.path} cannot be read: {error}", end="\\n")  # and that's it
            return False
        for name, value in self.values.items():
            if not name.startswith("_"):
                self.check(name, value)
        return True
''',
    "typescript": """
import { readFile } from "node:fs/promises";

interface Options {
  depth?: number;
}

export class Store<T> {
  private values = new Map<string, T>();

  constructor(private readonly path: string, options?: Options) {
    this.depth = options?.depth ?? 3;
  }

  async load(): Promise<void> {
    const text = await readFile(this.path, { encoding: "utf-8" });
    for (const [name, value] of Object.entries(JSON.parse(text))) {
      if (!name.startsWith("_")) {
        this.values.set(name, value as T);
      } else {
        console.warn(`skipped ${name} in ${this.path}`);
      }
    }
    return names.map((name) => name.trim()).forEach((name) => this.check(name));
  }
}
""",
    "go": """
package store

import "fmt"

type Store struct {
	path   string
	values map[string]int
}

func (s *Store) Load(names []string) (int, error) {
	total := 0
	for index, name := range names {
		value, found := s.values[name]
		if !found {
			return 0, fmt.Errorf("%s: no value %q at %d", s.path, name, index)
		}
		total += value
	}
	return total, nil
}
""",
}


@pytest.mark.parametrize("language", PERFECT)
def test_a_perfect_line_survives(language: str) -> None:
    """At every place of real code, what was there comes back whole from an answer that runs on to the file's end."""
    text = PERFECT[language]
    for start, line in _lines(text):
        for column in range(len(line) - len(line.lstrip()), len(line) - 1, 3):
            offset, truth = start + column, line[column:]
            document = house.document(text[:offset] + text[offset + len(truth) :], language)
            query = Query(document, offset, Settings(), None, False)
            result = postprocess.run(text[offset:], query, house.tree(document.text, language), "line")
            assert result.text.strip() == truth.strip(), line[:column] + house.CURSOR + truth


@pytest.mark.parametrize("language", PERFECT)
def test_a_perfect_body_survives(language: str) -> None:
    """Every body that was taken out comes back whole, and nothing of what stands below it."""
    text = PERFECT[language]
    lines = list(_lines(text))
    bodies = 0
    for number, (_, header) in enumerate(lines[:-1]):
        level = _level(header)
        body = lines[number + 1 :]
        end = next((index for index, (_, line) in enumerate(body) if _level(line) <= level), len(body))
        if (
            not header.rstrip().endswith((":", "{"))
            or end == 0
            or header.lstrip().startswith(("class", "export class"))
        ):
            continue
        offset = body[0][0] + _level(body[0][1])
        stop = body[end - 1][0] + len(body[end - 1][1])
        document = house.document(text[:offset] + text[stop:], language)
        query = Query(document, offset, Settings(), None, True)
        result = postprocess.run(text[offset:], query, house.tree(document.text, language), "block")
        assert result.text == text[offset:stop], header
        bodies += 1
    assert bodies >= 3


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Offset and text of each line that is not blank."""
    start = 0
    for line in text.split("\n"):
        if line.strip():
            yield start, line
        start += len(line) + 1


def _level(line: str) -> int:
    return len(line) - len(line.lstrip())


def test_a_bracket_is_closed_in_broken_source() -> None:
    """Also where the number of errors does not tell whether it is."""
    query = house.query("def f(x):\n    if a:\n        raise b\niax<CURSOR>\n    else:\n        c()\n", "python")
    tree = house.tree(query.document.text, "python")
    assert postprocess.run(".get(a, b", query, tree, "line").text == ".get(a, b)"


@pytest.mark.parametrize(
    ("answer", "shown"),
    [("return None", ""), ("raise TypeError(", "raise TypeError("), ("if ready:", "if ready:")],
)
def test_what_stands_deeper_below_needs_an_opener(answer: str, shown: str) -> None:
    """A finished statement above indented lines does not parse in Python, whatever tree-sitter makes of it."""
    query = house.query("def f():\n    <CURSOR>\n        'one',\n        'two',\n    )\n", "python")
    tree = house.tree(query.document.text, "python")
    assert postprocess.run(answer, query, tree, "line").text == shown
