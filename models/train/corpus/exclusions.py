"""What of the held-out packages and the evaluation data no text may contain. Fetches the former and reads both."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from models.train.corpus.overlap import Excluded, texts_under
from models.train.packages import stdlib
from models.train.packages.locating import locate
from models.train.packages.manifest import Entry
from models.train.packages.sources import licence_texts, sources
from models.train.stage import TrainingError

ANYBODY_S = {"test", "tests", "docs", "examples", "benchmarks", "scripts", "tools", "src", "lib"}
"""Folders of wheels that are no import packages."""


def exclusions(
    places: Iterable[Path], held: frozenset[tuple[str, str]], pinned: Sequence[Entry], artefacts: Path
) -> tuple[Excluded, frozenset[str]]:
    """What no text may contain, and the names of the folders that hold a copy of a held-out Python package."""
    place = artefacts / "heldout"
    place.mkdir(exist_ok=True)
    located = locate(pinned, place, "fetching what is held out")
    texts = [(path, raw.decode("utf-8", "replace")) for item in located.items() for path, raw in sorted(sources(*item))]
    modules = {name for kind, name in held if kind == "stdlib"}
    python = [item for item in located.items() if item[0].kind == "pypi"]
    own = {path.split("/")[0] for item in python for path, _ in sources(*item) if "/" in path} - ANYBODY_S
    _, shelf = stdlib.standard_library()
    for module in sorted(modules):
        files = [shelf / f"{module}.py", *sorted((shelf / module).rglob("*.py"))]
        texts += [(path.name, path.read_text(encoding="utf-8", errors="replace")) for path in files if path.is_file()]
    for data in places:
        if not data.exists():
            raise TrainingError(f"There is no evaluation data at {data}.", "Name its folders with --exclude.")
        texts += texts_under(data)
    harmless = [text for item in located.items() for text in licence_texts(*item)]
    named = {name.replace("-", "_") for kind, name in held if kind in {"pypi", "any"}}
    return Excluded.of(texts, harmless), frozenset(own | modules | named)
