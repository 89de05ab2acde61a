"""Reads what the corpus stage left: its list of packages and the files of one package. Writes nothing."""

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import attrs

from models.train.packages.manifest import Entry
from models.train.stage import TrainingError, Workplace

Split = Literal["train", "valid"]


@attrs.frozen
class Package:
    """One package of the corpus. `path` is its file of sources, `characters` their length."""

    kind: str
    name: str
    path: Path
    characters: int

    @property
    def label(self) -> str:
        return f"{self.kind}-{self.name}"

    @property
    def repository(self) -> str:
        """What the folder of a checkout would be called."""
        return self.name.rpartition("/")[2]


@attrs.frozen
class File:
    """One file of a package; `path` is relative to the root of the repository."""

    path: str
    text: str


def packages(workplace: Workplace, split: Split) -> list[Package]:
    """The packages of one split, in the order of the corpus. Raises TrainingError where the list is broken."""
    folder = workplace.root / "corpus"
    try:
        listed: list[dict[str, Any]] = json.loads((folder / "packages.json").read_text(encoding="utf-8"))
        return [
            Package(each["kind"], each["name"], folder / "packages" / _file_name(each), int(each["characters"]))
            for each in listed
            if each["split"] == split
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _broken("packages.json") from error


def files(package: Package) -> Iterator[File]:
    """The files of a package, in their order. Raises TrainingError where they cannot be read."""
    try:
        with gzip.open(package.path, "rt", encoding="utf-8", newline="\n") as lines:
            for line in lines:
                entry = json.loads(line)
                yield File(entry["path"], entry["text"])
    except (OSError, EOFError, ValueError, KeyError, TypeError, zlib.error) as error:
        raise _broken(f"packages/{package.path.name}") from error


def _file_name(entry: dict[str, Any]) -> str:
    return f"{Entry(entry['kind'], entry['name'], entry['version'], entry['licence']).key}.jsonl.gz"


def _broken(name: str) -> TrainingError:
    return TrainingError(f"The corpus cannot be read: {name}.", "Run `python -m models.train corpus` again.")
