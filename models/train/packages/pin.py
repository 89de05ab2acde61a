"""Writes manifests anew: what the named packages are today, with licences and hashes. Reads no source text."""

from pathlib import Path

import attrs

from models.train.packages import licences
from models.train.packages.fetch import fetch
from models.train.packages.heldout import is_held
from models.train.packages.manifest import Entry, write_manifest
from models.train.packages.registries import REGISTRIES
from models.train.packages.sources import stated_licence
from models.train.packages.stdlib import digest_of_library, standard_library
from models.train.stage import TrainingError, console, progress, sha256


def pin(names: Path, manifest: Path, held: frozenset[tuple[str, str]], held_manifest: Path, artefacts: Path) -> None:
    """Pins the packages of a list: the held-out ones in their own manifest, the others where their licence allows.

    Raises TrainingError where the list cannot be read or nothing can be fetched at all.
    """
    asked = read_names(names)
    for kept_out, path in ((False, manifest), (True, held_manifest)):
        wanted = [entry for entry in asked if is_held(entry, held) == kept_out]
        if not wanted:
            continue
        place = artefacts / "heldout" if kept_out else artefacts
        place.mkdir(exist_ok=True)
        pinned, left_out = _pinned(wanted, place, any_licence=kept_out)
        write_manifest(path, pinned)
        for sentence in left_out:
            console.print(f"Left out: {sentence}", highlight=False)
        console.print(f"{len(pinned)} packages are in {path.name}.")


def read_names(path: Path) -> list[Entry]:
    try:
        lines = [line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise TrainingError(f"The list {path.name} cannot be read.", "Name a file with --pin.") from error
    asked = []
    for line in filter(None, lines):
        kind, _, rest = line.partition(" ")
        name, _, version = rest.strip().partition("==")
        if kind not in {*REGISTRIES, "stdlib"} or not name:
            raise TrainingError(
                f"`{line}` in {path.name} names no package.", "Write `pypi NAME` or `npm NAME==VERSION`."
            )
        asked.append(Entry(kind, name.strip(), version.strip()))
    return asked


def _pinned(asked: list[Entry], artefacts: Path, any_licence: bool) -> tuple[list[Entry], list[str]]:
    left_out: list[str] = []
    pinned = []
    if any(entry.kind == "stdlib" for entry in asked):
        library, folder = standard_library()
        pinned.append(attrs.evolve(library, sha256=digest_of_library(library, folder)))
    wanted = [entry for entry in asked if entry.kind != "stdlib"]
    with progress() as bar:
        task = bar.add_task("fetching", total=len(wanted))
        found = fetch(
            wanted,
            artefacts,
            REGISTRIES,
            lambda count: bar.advance(task, count),
            lambda entry, problem: left_out.append(problem.sentence),
        )
    versions = {
        (kind, path): version
        for kind in REGISTRIES
        for (_, version), path in REGISTRIES[kind].named(artefacts).items()
        if version
    }
    for entry, path in found.items():
        licence = stated_licence(entry, path)
        if not any_licence and (licence is None or not licences.allowed(licence)):
            left_out.append(f"{entry.name} is under {licence or 'a licence that was not recognised'}.")
            continue
        version = versions[entry.kind, path]
        pinned.append(attrs.evolve(entry, version=version, licence=licence or "", sha256=sha256(path)))
    return pinned, left_out
