"""Fetches artefacts by name and version and verifies them; never installs or runs what it has fetched.

A manifest is a JSON-lines file, one package per line, with the SHA-256 of the artefact that was used. An artefact takes
its name in the folder only when it is complete and its hash is right, so an interrupted download leaves nothing behind.
"""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs

from models.train.stage import TrainingError, disk_trouble, need_room, replacing

ROOM_BYTES = 200_000_000
"""Free room below which no batch is begun: a large batch of wheels."""

BATCH = 40
"""Packages per call of pip: its start costs more than most downloads."""

WHEELS = (
    *("--python-version", "3.11", "--implementation", "cp"),
    *("--abi", "cp311", "--abi", "abi3", "--abi", "none"),
    *(
        part
        for tag in ("manylinux_2_28", "manylinux_2_17", "manylinux2014")
        for part in ("--platform", f"{tag}_x86_64")
    ),
)
"""Every machine fetches the same wheels, or their hashes would not be the manifest's."""


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
    except OSError as error:
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
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch_wheels(
    entries: Sequence[Entry], folder: Path, tell: Callable[[int], None], skip: Callable[[Entry], None] | None = None
) -> dict[Entry, Path]:
    """The wheel of every entry, fetched where the folder does not hold it yet; `tell` hears how many came.

    An entry without a version takes the newest, one without a hash any. Raises TrainingError for the first package
    that cannot be had; where `skip` is given it is called with that package instead.
    """
    have: dict[Entry, Path] = {}
    missing = []
    wheels = _wheels(folder)
    for entry in entries:
        path = wheels.get((canonical(entry.name), entry.version))
        if path is not None and entry.sha256 in {"", sha256(path)}:
            have[entry] = path
        else:
            missing.append(entry)
    tell(len(have))
    for start in range(0, len(missing), BATCH):
        have |= _batch(missing[start : start + BATCH], folder, tell, skip)
    return have


def standard_library() -> tuple[Entry, Path]:
    """The library of the Python that runs, without a hash, and its folder."""
    version = ".".join(map(str, sys.version_info[:3]))
    return Entry("stdlib", "python", version, "PSF-2.0"), Path(sysconfig.get_path("stdlib"))


def _batch(
    entries: Sequence[Entry], folder: Path, tell: Callable[[int], None], skip: Callable[[Entry], None] | None
) -> dict[Entry, Path]:
    need_room(folder, ROOM_BYTES)
    wanted = [f"{entry.name}=={entry.version}" if entry.version else entry.name for entry in entries]
    with TemporaryDirectory(prefix="incoming-", dir=folder) as incoming:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", *WHEELS]
        command += ["--disable-pip-version-check", "--no-input", "--dest", incoming, *wanted]
        ended = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        if ended.returncode != 0:
            if len(entries) > 1:  # find the one that is the matter
                middle = len(entries) // 2
                found = _batch(entries[:middle], folder, tell, skip)
                return found | _batch(entries[middle:], folder, tell, skip)
            problem = pip_trouble(entries[0], ended.stdout + ended.stderr)
            if skip is None or problem.sentence.startswith(("No network", "The disk")):
                raise problem
            skip(entries[0])
            return {}
        found = {}
        wheels = _wheels(Path(incoming))
        for entry in entries:
            path = wheels.get((canonical(entry.name), entry.version))
            if path is None:
                raise TrainingError(f"pip did not save {entry.label}.", "Run the command again.")
            verify(entry, path)
            try:
                found[entry] = Path(shutil.move(path, folder / path.name))
            except OSError as error:
                raise disk_trouble(error, path) from error
    tell(len(entries))
    return found


def verify(entry: Entry, path: Path) -> None:
    """Raises TrainingError where the artefact is not the one that the manifest names."""
    if entry.sha256 and sha256(path) != entry.sha256:
        raise TrainingError(
            f"The artefact of {entry.label} does not have the hash of the manifest.",
            "It was changed or damaged on its way: run the command again, "
            "or write the manifest anew with `corpus --pin NAMES` if the change is known to be right.",
        )


def pip_trouble(entry: Entry, output: str) -> TrainingError:
    """What pip's words mean for someone who runs a stage."""
    if "No space left on device" in output:
        return TrainingError(f"The disk is full: {entry.label} was not fetched.", "Make room and run it again.")
    if re.search(r"NewConnectionError|NameResolutionError|Network is unreachable|ProxyError|ConnectTimeout", output):
        return TrainingError(
            f"No network: {entry.label} was not fetched.",
            "Connect and run it again (what was fetched is kept), or unpack a bundle with `corpus --unbundle DIR`.",
        )
    if re.search(r"No matching distribution|Could not find a version", output):
        return TrainingError(
            f"{entry.label} is not to be had as a wheel.",
            "Name another version in the manifest, or write it anew with `corpus --pin NAMES`.",
        )
    last = next((line for line in reversed(output.splitlines()) if line.strip()), "pip said nothing")
    return TrainingError(f"{entry.label} was not fetched: {last.strip()}", "Run the command again.")


def _wheels(folder: Path) -> dict[tuple[str, str], Path]:
    """The wheels of a folder by canonical name and version; by name and "" the one with the last file name."""
    found = {}
    for path in sorted(folder.glob("*.whl")):
        name, version = path.name.split("-")[:2]
        found[canonical(name), version] = found[canonical(name), ""] = path
    return found
