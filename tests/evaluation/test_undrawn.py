"""Packages that training read nothing of, and what is opened in them."""

import gzip
import json
from pathlib import Path

from models.evaluation import undrawn

CODE = "\n".join(
    f"def function_{number}(first):\n    return compute(first, {number}) + other\n" for number in range(20)
)


def test_packages_that_lent_files_to_the_examples_are_left_out(tmp_path: Path) -> None:
    corpus, pack = tmp_path / "corpus", tmp_path / "pack"
    corpus.mkdir()
    pack.mkdir()
    listed = [{"kind": "pypi", "name": name, "language": "python", "files": 9} for name in ("read", "unread", "small")]
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
    opened = undrawn.opened("one", {"a.py": CODE}, 3, "4", kind="arguments")
    assert all(one.truth.startswith("first, ") and one.after.startswith(")") for one in opened)
