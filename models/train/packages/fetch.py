"""Fetches artefacts by name and version and verifies them; never installs or runs what it has fetched.

An artefact takes its name in the folder only when it is complete and its hash is right, so an interrupted download
leaves nothing behind. How each registry is asked is written in `registries.py`.
"""

import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from models.train.packages.manifest import Entry, canonical
from models.train.stage import TrainingError, disk_trouble, need_room, sha256

ROOM_BYTES = 200_000_000
"""Free room below which no batch is begun: a large batch of wheels."""

BATCH = 40
"""Packages per call of a registry's command: its start costs more than most downloads."""

_NO_NETWORK = re.compile(
    r"NewConnectionError|NameResolutionError|Network is unreachable|ProxyError|ConnectTimeout"
    r"|ENOTFOUND|ECONNREFUSED|EAI_AGAIN|ETIMEDOUT|ENETUNREACH"
    r"|Temporary failure resolving|Could not resolve|Unable to connect|Could not connect"
)
_OTHER_HASH = re.compile(r"DO NOT MATCH THE HASHES")
_NO_ROOM = re.compile(r"No space left on device|ENOSPC|You don't have enough free space")


class Registry(Protocol):
    """How artefacts of one kind are asked for and recognised."""

    @property
    def kind(self) -> str: ...

    @property
    def absent(self) -> re.Pattern[str]:
        """What its command says where there is no such version."""

    def prepare(self, folder: Path) -> None:
        """What comes once before the first call. Raises TrainingError where the registry cannot be asked at all."""

    def command(self, entries: Sequence[Entry], incoming: Path) -> list[str]:
        """Fetches the artefacts into the folder, in which it is run; the newest where an entry names no version."""

    def named(self, folder: Path) -> dict[tuple[str, str], Path]:
        """The artefacts of a folder by canonical name and version, and by name and "" any one of them."""

    def files(self, artefact: Path) -> list[Path]:
        """All files of an artefact, itself last."""

    def whole(self, artefact: Path) -> bool:
        """Whether all its files are there, and are the ones that the artefact itself vouches for."""


def fetch(
    entries: Sequence[Entry],
    folder: Path,
    registries: Mapping[str, Registry],
    tell: Callable[[int], None],
    skip: Callable[[Entry, TrainingError], None] | None = None,
) -> dict[Entry, Path]:
    """The artefact of every entry, fetched where the folder does not hold it yet; `tell` hears how many more there are.

    An entry without a version takes the newest, one without a hash any. Raises TrainingError for the first package that
    cannot be had; where `skip` is given it is called with that package instead.
    """
    for left in folder.glob("incoming-*"):  # of a run that was killed
        shutil.rmtree(left, ignore_errors=True)
    have: dict[Entry, Path] = {}
    for kind in sorted({entry.kind for entry in entries}):
        registry = registries.get(kind)
        asked = [entry for entry in entries if entry.kind == kind]
        if registry is None:
            raise TrainingError(f"{asked[0].label} is of no kind that can be fetched.", "Correct the manifest.")
        here = registry.named(folder)
        for entry in asked:
            path = here.get((canonical(entry.name), entry.version))
            if path is not None and entry.sha256 in {"", sha256(path)} and registry.whole(path):
                have[entry] = path
        missing = [entry for entry in asked if entry not in have]
        tell(len(asked) - len(missing))
        if missing:
            registry.prepare(folder)
        for start in range(0, len(missing), BATCH):
            have |= _batch(registry, missing[start : start + BATCH], folder, tell, skip)
    return have


def _batch(
    registry: Registry,
    entries: Sequence[Entry],
    folder: Path,
    tell: Callable[[int], None],
    skip: Callable[[Entry, TrainingError], None] | None,
) -> dict[Entry, Path]:
    need_room(folder, ROOM_BYTES)
    with TemporaryDirectory(prefix="incoming-", dir=folder) as name:
        incoming = Path(name).absolute()  # the command is run in it
        command = registry.command(entries, incoming)
        try:
            ended = subprocess.run(
                command, cwd=incoming, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL
            )
        except FileNotFoundError as error:
            raise TrainingError(
                f"{entries[0].label} needs `{command[0]}`, which is not installed.",
                f"Install it, or take the packages of kind {registry.kind} out of the manifest.",
            ) from error
        if ended.returncode == 0:
            try:
                found = _moved(registry, entries, incoming, folder)
            except TrainingError as wrong:
                if skip is None or len(entries) > 1:
                    raise
                skip(entries[0], wrong)
                return {}
            tell(len(entries))
            return found
    output = ended.stdout + ended.stderr
    if len(entries) > 1:  # fetch the others, and find the one that is the matter
        split = _blamed(registry, entries, output) or (entries[: len(entries) // 2], entries[len(entries) // 2 :])
        found = _batch(registry, split[0], folder, tell, skip)
        return found | _batch(registry, split[1], folder, tell, skip)
    problem = trouble(registry, entries[0], output)
    if skip is None or _NO_NETWORK.search(output) or _NO_ROOM.search(output):
        raise problem
    skip(entries[0], problem)
    return {}


def _blamed(
    registry: Registry, entries: Sequence[Entry], output: str
) -> tuple[Sequence[Entry], Sequence[Entry]] | None:
    """The entries without the one that a command said is absent, and that one; None where it named none."""
    said = "\n".join(line for line in output.splitlines() if registry.absent.search(line))
    for entry in entries:
        if re.search(rf"(?<![\w.@/-]){re.escape(entry.name)}(?![\w-]|\.\w)", said):
            return [other for other in entries if other is not entry], [entry]
    return None


def _moved(registry: Registry, entries: Sequence[Entry], incoming: Path, folder: Path) -> dict[Entry, Path]:
    """The artefacts under their names, where each is the one that its entry names."""
    here = registry.named(incoming)
    found = {}
    for entry in entries:
        path = here.get((canonical(entry.name), entry.version))
        if path is None or not registry.whole(path):
            raise TrainingError(f"{entry.label} did not arrive whole.", "Run the command again.")
        verify(entry, path)
        try:
            for file in registry.files(path):
                file.replace(folder / file.name)
        except OSError as error:
            raise disk_trouble(error, path) from error
        found[entry] = folder / path.name
    return found


def verify(entry: Entry, path: Path) -> None:
    """Raises TrainingError where the artefact is not the one that the manifest names."""
    if entry.sha256 and sha256(path) != entry.sha256:
        raise _other_hash(entry)


def _other_hash(entry: Entry) -> TrainingError:
    return TrainingError(
        f"The artefact of {entry.label} does not have the hash of the manifest.",
        "It was changed or damaged on its way: run the command again, "
        "or write the manifest anew with `corpus --pin NAMES` if the change is known to be right.",
    )


def trouble(registry: Registry, entry: Entry, output: str) -> TrainingError:
    """What the words of a registry's command mean for someone who runs a stage."""
    if _NO_ROOM.search(output):
        return TrainingError(f"The disk is full: {entry.label} was not fetched.", "Make room and run it again.")
    if _NO_NETWORK.search(output):
        return TrainingError(
            f"No network: {entry.label} was not fetched.",
            "Connect and run it again (what was fetched is kept), or unpack a bundle with `corpus --unbundle DIR`.",
        )
    if _OTHER_HASH.search(output):
        return _other_hash(entry)
    if registry.absent.search(output):
        return TrainingError(
            f"{entry.label} is not to be had.",
            "Name another version in the manifest, or write it anew with `corpus --pin NAMES`.",
        )
    last = next((line for line in reversed(output.splitlines()) if line.strip()), "the command said nothing")
    return TrainingError(f"{entry.label} was not fetched: {last.strip()}", "Run the command again.")
