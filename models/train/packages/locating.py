"""The packages of a manifest on this disk: fetched, verified, and under the licence that the manifest names."""

from collections.abc import Sequence
from pathlib import Path

from models.train.packages import licences
from models.train.packages.fetch import fetch
from models.train.packages.manifest import Entry
from models.train.packages.registries import REGISTRIES
from models.train.packages.sources import stated_licence
from models.train.packages.stdlib import verified_library
from models.train.stage import TrainingError, progress


def locate(entries: Sequence[Entry], artefacts: Path, doing: str) -> dict[Entry, Path]:
    """The verified artefact of every package, in the order of the entries."""
    located: dict[Entry, Path] = {}
    for entry in entries:
        if entry.kind == "stdlib":
            located[entry] = verified_library(entry)
    wanted = [entry for entry in entries if entry.kind != "stdlib"]
    with progress() as bar:
        task = bar.add_task(doing, total=len(wanted))
        located |= fetch(wanted, artefacts, REGISTRIES, lambda count: bar.advance(task, count))
    return {entry: located[entry] for entry in entries}


def check_licences(located: dict[Entry, Path]) -> None:
    """Raises TrainingError for the first package whose artefact or manifest line states another licence."""
    for entry, path in located.items():
        stated = stated_licence(entry, path)
        if stated != entry.licence:
            raise TrainingError(
                f"The manifest says that {entry.label} is under {entry.licence or 'nothing'}, "
                f"and the package says {stated or 'nothing that is known'}.",
                "Take it out of the manifest, or pin the manifest again if the package was relicensed.",
            )
        if not licences.allowed(entry.licence):
            raise TrainingError(
                f"{entry.label} is under {entry.licence}, which is not among the licences to learn from.",
                "Take it out of the manifest.",
            )
