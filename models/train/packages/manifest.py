"""Manifests: JSON-lines files, one package per line, with its licence and the SHA-256 of the artefact that was used.

Reads and writes them; fetches nothing.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path

import attrs

from models.train.stage import TrainingError, replacing


@attrs.frozen
class Entry:
    """One line of a manifest. `sha256` is the artefact's; `licence` an SPDX-like expression."""

    kind: str
    name: str
    version: str
    licence: str = ""
    sha256: str = ""

    @property
    def label(self) -> str:
        return f"{self.kind} {self.name} {self.version}".rstrip()

    @property
    def key(self) -> str:
        """A file name of its own for the package, whatever its version."""
        return f"{self.kind}-{re.sub(r'[^A-Za-z0-9.]+', '-', canonical(self.name)).strip('-')}"


def canonical(name: str) -> str:
    """A package's name as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_manifest(path: Path) -> list[Entry]:
    """The packages of a manifest. Raises TrainingError where it is absent or a line of it cannot be read."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise TrainingError(f"The manifest {path.name} cannot be read.", "Name another with --manifest.") from error
    entries = []
    for number, line in enumerate(lines, 1):
        try:
            fields = json.loads(line)
            entries.append(Entry(*(str(fields[name]) for name in ("kind", "name", "version", "licence", "sha256"))))
        except (ValueError, KeyError, TypeError) as error:
            raise TrainingError(
                f"Line {number} of the manifest {path.name} cannot be read.",
                "Each line needs kind, name, version, licence and sha256; write it anew with `corpus --pin NAMES`.",
            ) from error
    return entries


def write_manifest(path: Path, entries: Iterable[Entry]) -> None:
    lines = [json.dumps(attrs.asdict(entry)) for entry in sorted(entries, key=lambda entry: (entry.kind, entry.name))]
    with replacing(path) as temporary:
        temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
