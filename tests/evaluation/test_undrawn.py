"""Packages that training read nothing of, and what is opened in them."""

import gzip
import json
import random
from pathlib import Path

import pytest

from lsp_server.modelstore import provenance, store
from models.evaluation import undrawn
from models.evaluation.holes import Hole, Opened

CODE = "\n".join(
    f"def function_{number}(first):\n    return compute(first, {number}) + other\n" for number in range(20)
)


def test_packages_that_lent_files_to_the_examples_are_left_out(tmp_path: Path) -> None:
    """Also to those of the model that ships, from which a training may go on."""
    corpus, pack = tmp_path / "corpus", tmp_path / "pack"
    corpus.mkdir()
    pack.mkdir()
    shipped = provenance.shipped(store.embedded())
    assert shipped is not None
    names = ("read", "unread", "small", shipped.packages[0][1])
    listed = [{"kind": "pypi", "name": name, "language": "python", "files": 9} for name in names]
    listed[2]["files"] = 1
    (corpus / "packages.json").write_text(json.dumps(listed))
    with gzip.open(pack / "sources.jsonl.gz", "wt") as rows:
        rows.write(json.dumps({"package": "pypi-read", "path": "read/a.py"}))
    assert undrawn.names(corpus, pack, 9, "4") == ["unread"]


def test_a_package_is_read_from_the_corpus(tmp_path: Path) -> None:
    (tmp_path / "packages").mkdir()
    listed = [{"kind": "pypi", "name": "one", "language": "python", "files": 1}]
    (tmp_path / "packages.json").write_text(json.dumps(listed))
    with gzip.open(tmp_path / "packages" / "pypi-one.jsonl.gz", "wt") as rows:
        rows.write(json.dumps({"path": "a.py", "text": "a = 1\n"}))
    assert undrawn.files(tmp_path, "one") == {"a.py": "a = 1\n"}
    assert undrawn.files(tmp_path, "other") == {}


def test_lines_are_opened_once_and_few_of_one_file() -> None:
    texts = {"a.py": CODE, "b.py": CODE}
    opened = list(undrawn.opened("one", texts, 100, "4"))
    assert [one.hole.path for one in opened].count("a.py") == 5
    assert len({(one.hole.path, one.hole.end) for one in opened}) == len(opened)
    assert all(one.before + one.truth + one.after == CODE for one in opened)
    assert opened == list(undrawn.opened("one", texts, 100, "4"))


def test_arguments_are_opened_too() -> None:
    opened = list(undrawn.opened("one", {"a.py": CODE}, 3, "4", kind="arguments"))
    assert len(opened) == 3
    assert all(one.truth.startswith("first, ") and one.after.startswith(")") for one in opened)


@pytest.mark.parametrize(
    ("after", "left"),
    [
        (")\n    b()\n\n    c()\n\n\ndef g():\n", ")\n\n\ndef g():\n"),
        ("\n        b()\n", "\n"),
        ("\ndef g():\n    c()", "\ndef g():\n    c()"),
    ],
)
def test_the_rest_of_a_block_is_not_written_yet(after: str, left: str) -> None:
    hole = Hole("one", "a.py", "", 13, 16, "line", "")
    one = undrawn.being_written(Opened(hole, "def f():\n    ", "a()", after))
    assert (one.before, one.truth, one.after) == ("def f():\n    ", "a()", left)


def test_more_of_the_line_may_be_typed() -> None:
    """To its end, where nothing is left of it; never into the next one."""
    one = Opened(Hole("one", "a.py", "", 4, 9, "line", ""), "x = ", "go(1)", "\ny\n")
    begun = [undrawn.begun(one, random.Random(number)) for number in range(50)]
    assert {each.truth for each in begun} == {"go(1)", "o(1)", "(1)", "1)", ")", ""}
    assert all(each.before + each.truth + each.after == "x = go(1)\ny\n" for each in begun)
    assert all(each.hole.start == len(each.before) for each in begun)
