"""How each registry is asked for an artefact: PyPI wheels by pip, npm tarballs by npm, Debian sources by apt-get.

The commands use whatever index, mirror or local folder they are configured with; nothing here names a host.
"""

import json
import re
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

import attrs

from models.train.packages.fetch import Registry
from models.train.packages.manifest import Entry, canonical
from models.train.stage import TrainingError, sha256

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


class _OneFile:
    """Artefacts that are one file each, of a registry that can be asked at once."""

    def prepare(self, folder: Path) -> None:
        pass

    def files(self, artefact: Path) -> list[Path]:
        return [artefact]

    def whole(self, artefact: Path) -> bool:
        return True


@attrs.frozen
class PyPI(_OneFile):
    """Wheels, whose METADATA states the licence."""

    kind: str = "pypi"
    absent: re.Pattern[str] = re.compile(r"No matching distribution|Could not find a version")

    def command(self, entries: Sequence[Entry], incoming: Path) -> list[str]:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", *WHEELS]
        wanted = _wanted(entries, "==")
        if all(entry.version and entry.sha256 for entry in entries):
            # A version may have several wheels for one machine, and which of them pip likes best depends on the index.
            pinned = incoming / "requirements.txt"
            rows = (f"{name} --hash=sha256:{entry.sha256}\n" for name, entry in zip(wanted, entries, strict=True))
            pinned.write_text("".join(rows), encoding="utf-8")
            wanted = ["--requirement", str(pinned)]
        return [*command, "--disable-pip-version-check", "--no-input", "--dest", str(incoming), *wanted]

    def named(self, folder: Path) -> dict[tuple[str, str], Path]:
        found = {}
        for path in sorted(folder.glob("*.whl")):
            name, version = path.name.split("-")[:2]
            found[canonical(name), version] = found[canonical(name), ""] = path
        return found


@attrs.frozen
class Npm(_OneFile):
    """Tarballs, whose package.json states name, version and licence."""

    kind: str = "npm"
    absent: re.Pattern[str] = re.compile(r"ETARGET|E404|No matching version|notarget")

    def command(self, entries: Sequence[Entry], incoming: Path) -> list[str]:
        wanted = _wanted(entries, "@")
        return ["npm", "pack", "--ignore-scripts", "--pack-destination", str(incoming), *wanted]

    def named(self, folder: Path) -> dict[tuple[str, str], Path]:
        found = {}
        for path in sorted(folder.glob("*.tgz")):
            stated = package_json(path)
            if stated is not None:
                name = canonical(str(stated.get("name")))
                found[name, str(stated.get("version"))] = found[name, ""] = path
        return found


@attrs.frozen
class Debian:
    """Source packages: the .dsc file vouches for the tarballs beside it.

    Asks the distribution that this machine is set up for, in which source entries need not be enabled.
    """

    kind: str = "debian"
    absent: re.Pattern[str] = re.compile(r"Unable to find a source package|Can not find version|404 +Not Found")
    sources: tuple[Path, ...] = (Path("/etc/apt/sources.list"), Path("/etc/apt/sources.list.d"))

    def prepare(self, folder: Path) -> None:
        """Reads the lists of source packages into a folder of its own; the machine's apt stays as it is."""
        parts = folder / "apt" / "parts"
        for needed in (parts, folder / "apt" / "lists" / "partial", folder / "apt" / "cache" / "archives" / "partial"):
            needed.mkdir(parents=True, exist_ok=True)
        given = [path for place in self.sources for path in (sorted(place.iterdir()) if place.is_dir() else [place])]
        for path in given:
            if path.suffix in {".list", ".sources"} and path.is_file():
                text = path.read_text(encoding="utf-8", errors="replace")
                text = re.sub(r"^Types:.*\bdeb\b.*$", "Types: deb-src", text, flags=re.MULTILINE)
                (parts / path.name).write_text(re.sub(r"^deb ", "deb-src ", text, flags=re.MULTILINE), encoding="utf-8")
        try:
            command = ["apt-get", *self._options(folder), "update", "--error-on=any"]
            ended = subprocess.run(command, capture_output=True, text=True, errors="replace")
        except FileNotFoundError as error:
            raise TrainingError(
                "Debian source packages need `apt-get`, which is not installed.",
                "Run the stage on Debian or Ubuntu, or take the packages of kind debian out of the manifest.",
            ) from error
        if ended.returncode != 0:
            raise TrainingError(
                "The lists of Debian source packages were not fetched.",
                "Check the network and the distribution's sources, and run the command again.",
            )

    def command(self, entries: Sequence[Entry], incoming: Path) -> list[str]:
        wanted = _wanted(entries, "=")
        fetch = ["apt-get", *self._options(incoming.parent), "source", "--download-only", "--only-source", "--quiet"]
        return [*fetch, *wanted]

    def named(self, folder: Path) -> dict[tuple[str, str], Path]:
        found = {}
        for path in sorted(folder.glob("*.dsc")):
            stated = path.read_text(encoding="utf-8", errors="replace")
            name, version = (re.search(rf"^{field}: *(\S+)", stated, re.MULTILINE) for field in ("Source", "Version"))
            if name is not None and version is not None:
                found[canonical(name[1]), version[1]] = found[canonical(name[1]), ""] = path
        return found

    def files(self, artefact: Path) -> list[Path]:
        return [*(artefact.with_name(name) for name in _vouched(artefact)), artefact]

    def whole(self, artefact: Path) -> bool:
        vouched = {artefact.with_name(name): value for name, value in _vouched(artefact).items()}
        return bool(vouched) and all(path.is_file() and sha256(path) == value for path, value in vouched.items())

    def _options(self, folder: Path) -> list[str]:
        apt = (folder / "apt").resolve()
        options = {
            "Dir::Etc::sourcelist": "/dev/null",
            "Dir::Etc::sourceparts": apt / "parts",
            "Dir::State::lists": apt / "lists",
            "Dir::Cache": apt / "cache",
        }
        return [part for name, value in options.items() for part in ("-o", f"{name}={value}")]


REGISTRIES: dict[str, Registry] = {registry.kind: registry for registry in (PyPI(), Npm(), Debian())}


def package_json(path: Path) -> dict[str, object] | None:
    """What an npm tarball states about itself; None where it is not one."""
    try:
        with tarfile.open(path) as archive:
            member = next((item for item in archive if re.fullmatch(r"[^/]+/package\.json", item.name)), None)
            file = archive.extractfile(member) if member is not None else None
            stated = json.load(file) if file is not None else None
    except (OSError, ValueError, EOFError, tarfile.TarError):
        return None
    return stated if isinstance(stated, dict) else None


def _wanted(entries: Sequence[Entry], joint: str) -> list[str]:
    """As a command takes them: the name, and the version where one is given."""
    return [f"{entry.name}{joint}{entry.version}" if entry.version else entry.name for entry in entries]


def _vouched(dsc: Path) -> dict[str, str]:
    """The SHA-256 of each file of a Debian source package, by name."""
    text = dsc.read_text(encoding="utf-8", errors="replace")
    section = re.search(r"^Checksums-Sha256: *\n((?: .*\n)+)", text, re.MULTILINE)
    rows = (line.split() for line in section[1].splitlines()) if section is not None else ()
    return {row[2]: row[0] for row in rows if len(row) == 3 and "/" not in row[2]}
