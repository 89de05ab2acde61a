"""How far to trust what a repository says itself: how often it is right, by how much matched and how many agree.

Without a model, and on packages that are not those of the reported figures: lines are opened as people stop typing
(`holes.spans`), and what `context/continuations.py` says first is compared with the rest of the line; then, token by
token along the right line, what the votes of `engine/votes.py` were for. What comes out are the constants of these two
files; the product reads nothing here.
"""

import argparse
import gzip
import json
import random
import re
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs

from lsp_server.context import continuations
from lsp_server.context.continuations import Attested
from lsp_server.context.gather import Place
from lsp_server.engine.votes import WEIGHING
from lsp_server.index.values import Chunk
from models.evaluation import holes
from models.train.examples.rendering import indexed

BANDS = (2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 26)
"""Lower ends of the bands of matched tokens."""

AGREED, CONTESTED = 0.95, 0.67
"""The first vote's share at or above which the votes agree, and below which they do not."""

MOST_PER_FILE = 0.05
"""Of one package's lines, so that no file decides a figure."""

_LEXICAL = re.compile(r"[^\S\n]*(?:\w+|[^\w\s]|\n)")


@attrs.frozen
class Asked:
    """One opened line: what was found, what is right, the processor's seconds, and what all files would say first."""

    found: tuple[Attested, ...]
    truth: str
    seconds: float
    exhaustive: str | None


@attrs.frozen
class Step:
    """One token of the right line for which something voted.

    matched: tokens that agree by then, those of the answer so far included. right: the share of the votes that was for
    this token. top: the share of the first vote. first: whether it is the answer's first token.
    """

    matched: int
    right: float
    top: float
    first: bool


def packages(corpus: Path, split: str, names: Sequence[str]) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Name and files (path to text) of the corpus's Python packages of one split, or of those named."""
    for listed in json.loads((corpus / "packages.json").read_text(encoding="utf-8")):
        if listed["split"] == split and (not names or listed["name"] in names) and listed["language"] == "python":
            packed = corpus / "packages" / f"{listed['kind']}-{listed['name']}.jsonl.gz"
            with gzip.open(packed, "rt", encoding="utf-8") as rows:
                yield listed["name"], {row["path"]: row["text"] for row in map(json.loads, rows)}


def ask(files: Mapping[str, str], count: int, seed: str, *, exhaustive: bool) -> Iterator[Asked]:
    """Opens `count` lines of a package, uniformly, few of one file, and asks at each. `exhaustive`: also without the
    index, of all files."""
    with TemporaryDirectory(prefix="codehearth-calibration-") as folder:
        for path, text in files.items():
            target = Path(folder, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8", newline="")
        everything = [Chunk(path, 0, text.count("\n"), "", text) for path, text in sorted(files.items())]
        with indexed(Path(folder)) as reader:
            for path, start, end in drawn(files, count, random.Random(seed)):
                text = files[path]
                place = Place(path, text[:start] + text[end:], start)
                began = time.thread_time()
                found = continuations.attested(place, reader, lines=1)
                seconds = time.thread_time() - began
                best = None
                if exhaustive:
                    others = [chunk for chunk in everything if chunk.path != path]
                    best = next(map(_line, continuations.among(place, others, lines=1)), "")
                yield Asked(found, text[start:end], seconds, best)


def drawn(files: Mapping[str, str], count: int, chance: random.Random) -> Iterator[tuple[str, int, int]]:
    """Path, start and end of the opened rests of lines."""
    by_line: dict[tuple[str, int], list[int]] = {}
    for path, text in sorted(files.items()):
        for start, end, kind, _ in holes.spans(text.encode("utf-8", "surrogatepass")):
            if kind == "line":
                by_line.setdefault((path, end), []).append(start)
    lines = sorted(by_line)
    chance.shuffle(lines)
    left = dict.fromkeys(files, max(4, round(count * MOST_PER_FILE)))
    for path, end in lines:
        if count and left[path]:
            left[path] -= 1
            count -= 1
            yield path, chance.choice(by_line[path, end]), end


def steps(one: Asked) -> Iterator[Step]:
    """Along the right line, the votes as `engine/votes.py` counts them, with lexical tokens for a model's."""
    truth = f"{one.truth}\n"
    said = 0
    for token in _LEXICAL.finditer(truth):
        voices = [each.continuation for each in one.found if each.continuation.text.startswith(truth[:said])]
        longest = max((voice.matched for voice in voices), default=0)
        votes: defaultdict[str, float] = defaultdict(float)
        for voice in voices:
            follows = _LEXICAL.match(voice.text, said)
            if follows is not None:
                votes[follows.group()] += voice.count * WEIGHING.precedence ** (voice.matched - longest)
        if votes:
            total = sum(votes.values())
            grown = len(_LEXICAL.findall(truth[:said]))
            yield Step(longest + grown, votes[token.group()] / total, max(votes.values()) / total, not said)
        said = token.end()


def table(asked: Sequence[Asked]) -> str:
    """By band of matched tokens: how many steps, and the mean share of their votes that was right."""
    taken = [step for one in asked for step in steps(one)]
    rows = [f"{'matched':<9}{'all':<14}{'first token':<14}{'later':<14}{'agreed':<14}{'contested':<14}"]
    for low, high in zip(BANDS, (*BANDS[1:], 1000), strict=True):
        band = [step for step in taken if low <= step.matched < high]
        columns = (
            band,
            [step for step in band if step.first],
            [step for step in band if not step.first],
            [step for step in band if step.top >= AGREED],
            [step for step in band if step.top < CONTESTED],
        )
        rows.append(f"from {low:<4}" + "".join(f"{_cell(column):<14}" for column in columns))
    return "\n".join(rows)


def summary(asked: Sequence[Asked]) -> str:
    """Exact lines, also of the searches of all files, and the time of a question."""
    times = sorted(one.seconds * 1000 for one in asked)
    known = [one for one in asked if one.exhaustive is not None]
    said = [
        f"{len(asked)} lines",
        f"something was found for {_percent(sum(bool(one.found) for one in asked), len(asked))}",
        f"the first is right for {_percent(sum(_first(one) == one.truth for one in asked), len(asked))}",
        f"one of them for {_percent(sum(one.truth in map(_line, one.found) for one in asked), len(asked))}",
        f"milliseconds of processor time: median {statistics.median(times):.2f}",
        f"95th percentile {times[len(times) * 95 // 100]:.2f}",
    ]
    if known:
        right = sum(one.exhaustive == one.truth for one in known)
        said.append(f"first of all files right for {_percent(right, len(known))}")
    return "; ".join(said)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("corpus", type=Path, help="folder with packages.json and packages/")
    parser.add_argument("--split", default="valid", help="of the corpus (default: %(default)s)")
    parser.add_argument("--name", action="append", default=[], help="only this package; may be repeated")
    parser.add_argument("--lines", type=int, default=400, help="opened per package (default: %(default)s)")
    parser.add_argument("--seed", default="4", help="of the drawing (default: %(default)s)")
    parser.add_argument("--exhaustive", action="store_true", help="also search all files, for what the index loses")
    given = parser.parse_args()
    everything: list[Asked] = []
    for name, files in packages(given.corpus, given.split, given.name):
        asked = list(ask(files, given.lines, f"{given.seed} {name}", exhaustive=given.exhaustive))
        if asked:
            print(f"{name}: {summary(asked)}", flush=True)
            everything += asked
    if everything:
        print(f"all: {summary(everything)}\n\n{table(everything)}")


def _line(found: Attested) -> str:
    return found.continuation.text.rstrip("\n").lstrip(" ")


def _first(one: Asked) -> str | None:
    return _line(one.found[0]) if one.found else None


def _cell(taken: Sequence[Step]) -> str:
    return f"{len(taken)}: {sum(step.right for step in taken) / len(taken):.2f}" if taken else "-"


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / max(whole, 1):.1f} %"


if __name__ == "__main__":
    main()
