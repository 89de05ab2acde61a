"""What is held out: names that are never trained on in any version, and the versions that overlaps are sought with."""

from collections.abc import Iterable
from pathlib import Path

from models.train.packages.manifest import Entry, canonical, read_manifest
from models.train.stage import TrainingError

_DEBIAN = {"python": "pypi", "node": "npm", "rust": "cargo"}
"""The prefixes of Debian's source packages and the registries that they were taken from."""


def read_heldout(path: Path) -> frozenset[tuple[str, str]]:
    """The (kind, canonical name) pairs of heldout.txt. Raises TrainingError where it cannot be read."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        pairs = [line.split() for line in lines if line.strip() and not line.startswith("#")]
        return frozenset((kind, canonical(name)) for kind, name in pairs)
    except (OSError, ValueError) as error:
        raise TrainingError(
            f"The list of held-out packages {path.name} cannot be read.",
            "Each line is `KIND NAME`; name another file with --heldout.",
        ) from error


def is_held(entry: Entry, held: frozenset[tuple[str, str]]) -> bool:
    """Whether the package may not be trained on, whatever its version; Debian's copy of it is the same package."""
    names = [(entry.kind, canonical(entry.name).split("/")[-1]), (entry.kind, canonical(entry.name))]
    prefix, _, rest = canonical(entry.name).partition("-")
    if entry.kind == "debian" and prefix in _DEBIAN:
        names.append((_DEBIAN[prefix], rest))
    return any(name in held or ("any", name[1]) in held for name in names)


def beside(path: Path) -> Path:
    """The manifest of the held-out packages, in the format of any manifest."""
    return path.with_suffix(".jsonl")


def read_pinned(path: Path, held: frozenset[tuple[str, str]], kinds: Iterable[str]) -> list[Entry]:
    """The held-out packages of these kinds. Raises TrainingError where one of them has no version."""
    wanted = {(kind, name) for kind, name in held if kind in set(kinds) & {"pypi", "npm"}}
    if not wanted:
        return []
    pinned = [entry for entry in read_manifest(path) if (entry.kind, canonical(entry.name)) in wanted]
    missing = sorted(wanted - {(entry.kind, canonical(entry.name)) for entry in pinned})
    if missing:
        raise TrainingError(
            f"{path.name} has no version of {' '.join(missing[0])}, which is held out, so no overlap with it is found.",
            "Add it with `corpus --pin NAMES`, in which held-out names go to their own manifest.",
        )
    return pinned
