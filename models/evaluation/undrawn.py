"""Packages of the corpus from which training drew no example, and lines opened in them: for choosing constants.

They are not the packages of the reported figures, which nothing is chosen on.
"""

import gzip
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs

from lsp_server.index.values import IndexReader
from lsp_server.modelstore import provenance, store
from models.evaluation import holes
from models.evaluation.holes import Hole, Kind, Opened
from models.train.examples.rendering import indexed

MOST_PER_FILE = 0.05
"""Of one package's holes, so that no file decides a figure."""

_FEWEST_FILES = 6
"""Of a package that is a repository, and not one module."""

_LEAST_PER_FILE = 4
"""So that small packages give something at all."""


def names(corpus: Path, pack: Path, count: int, seed: str) -> list[str]:
    """Of at most `count` Python packages that are repositories (some files) and lent no file to the examples, nor to
    those of the model that ships, from which a training may have gone on."""
    with gzip.open(pack / "sources.jsonl.gz", "rt", encoding="utf-8") as rows:
        read = {json.loads(row)["package"] for row in rows}
    shipped = provenance.shipped(store.embedded())
    read |= {f"{kind}-{name}" for kind, name, *_ in shipped.packages} if shipped is not None else set()
    found = sorted(
        each["name"]
        for each in _listed(corpus)
        if f"{each['kind']}-{each['name']}" not in read
        and each["kind"] == "pypi"
        and each["language"] == "python"
        and each["files"] >= _FEWEST_FILES
    )
    random.Random(seed).shuffle(found)
    return found[:count]


def files(corpus: Path, name: str) -> Mapping[str, str]:
    """Path to text of one package of PyPI."""
    found: dict[str, str] = {}
    for each in _listed(corpus):
        if each["name"] == name and each["kind"] == "pypi" and each["language"] == "python":
            packed = corpus / "packages" / f"pypi-{name}.jsonl.gz"
            with gzip.open(packed, "rt", encoding="utf-8") as rows:
                found |= {row["path"]: row["text"] for row in map(json.loads, rows)}
    return found


@contextmanager
def repository(texts: Mapping[str, str]) -> Iterator[tuple[Path, IndexReader]]:
    """The files in a folder of their own, and the product's index of it."""
    with TemporaryDirectory(prefix="codehearth-calibration-") as folder:
        for path, text in texts.items():
            target = Path(folder, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8", newline="")
        with indexed(Path(folder)) as reader:
            yield Path(folder), reader


def opened(name: str, texts: Mapping[str, str], count: int, seed: str, kind: Kind = "line") -> Iterator[Opened]:
    """So many holes of a kind in one package: each line at most once, few of one file, as people stop typing."""
    chance = random.Random(f"{seed} {name}")
    by_line: dict[tuple[str, int], list[tuple[int, int]]] = {}
    for path, text in sorted(texts.items()):
        for start, end, there, position in holes.spans(text.encode("utf-8", "surrogatepass")):
            if there == kind:
                by_line.setdefault((path, end), []).append((start, holes.WEIGHTS.get(position, 1)))
    lines = sorted(by_line)
    chance.shuffle(lines)
    left = dict.fromkeys(texts, max(_LEAST_PER_FILE, round(count * MOST_PER_FILE)))
    for path, end in lines:
        if count and left[path]:
            left[path] -= 1
            count -= 1
            starts, weights = zip(*by_line[path, end], strict=True)
            (start,) = chance.choices(starts, weights)
            text = texts[path]
            yield Opened(Hole(name, path, "", start, end, kind, ""), text[:start], text[start:end], text[end:])


def being_written(one: Opened) -> Opened:
    """The same before the rest of its block was written: without the lines below that are not less deep. Within
    brackets that span lines only what stands in them is taken away."""
    line, *below = one.after.split("\n")
    written = one.before.rsplit("\n", 1)[-1]
    deep = _width(written)
    kept = next((at for at, there in enumerate(below) if there.strip() and _width(there) < deep), len(below))
    # The blank lines in front of what is kept are there from the beginning.
    while 0 < kept <= len(below) and not below[kept - 1].strip():
        kept -= 1
    return attrs.evolve(one, after="\n".join((line, *below[kept:])))


def begun(one: Opened, chance: random.Random) -> Opened:
    """The same after some more was typed: the cursor anywhere in the rest of its line, in words and at its end."""
    typed = chance.randint(0, len(one.truth.split("\n", 1)[0]))
    hole = attrs.evolve(one.hole, start=one.hole.start + typed)
    return Opened(hole, one.before + one.truth[:typed], one.truth[typed:], one.after)


def _width(line: str) -> int:
    return len(line) - len(line.lstrip())


def _listed(corpus: Path) -> Sequence[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = json.loads((corpus / "packages.json").read_text(encoding="utf-8"))
    return rows
