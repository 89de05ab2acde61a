"""What an artefact holds: its source files by their path in the repository, and the licence that it states.

Reads archives without unpacking them, so no name inside can reach outside. Judges nothing but licences of single files,
where a Debian package states them.
"""

import email
import lzma
import re
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from email.message import Message
from pathlib import Path, PurePosixPath

import attrs

from models.train.packages import licences
from models.train.packages.manifest import Entry
from models.train.packages.registries import Debian, package_json
from models.train.stage import TrainingError

LANGUAGES = {
    **dict.fromkeys((".py", ".pyi"), "python"),
    **dict.fromkeys((".js", ".mjs", ".cjs", ".jsx"), "javascript"),
    **dict.fromkeys((".ts", ".mts", ".cts", ".tsx"), "typescript"),
    **dict.fromkeys((".c", ".h"), "c"),
    ".go": "go",
    ".rs": "rust",
    ".java": "java",
}

LARGEST_BYTES = 1_000_000
"""Nobody wrote a longer source file."""

_NOT_LIBRARY = re.compile(r"^(site-packages|dist-packages|config-[^/]*)/|^_sysconfigdata|(^|/)__pycache__/")
"""Beside the library, or written for one machine when its Python was built."""

_LICENCE_FILE = re.compile(r"(licen[cs]e|notice|copying)", re.IGNORECASE)


@attrs.frozen
class Copyright:
    """A debian/copyright file: the licence of each file by glob, the last that matches."""

    rules: tuple[tuple[re.Pattern[str], str], ...]

    @classmethod
    def read(cls, text: str) -> "Copyright":
        rules = []
        for paragraph in re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n")):
            fields = {name.lower(): value for name, value in email.message_from_string(paragraph.lstrip("\n")).items()}
            if "files" in fields and "license" in fields:
                name = licences.of_debian(fields["license"].strip().split("\n")[0])
                rules += [(_pattern(glob), name) for glob in fields["files"].split()]
        return cls(tuple(rules))

    def licence_of(self, path: str) -> str | None:
        return next((name for pattern, name in reversed(self.rules) if pattern.fullmatch(path)), None)


def language_of(path: str) -> str | None:
    """The language of a source file the corpus takes; None for any other file."""
    return LANGUAGES.get(PurePosixPath(path).suffix)


def sources(entry: Entry, artefact: Path) -> Iterator[tuple[str, bytes]]:
    """Every source file, the licence of which is not known to be another than one to learn from.

    Raises TrainingError where the artefact cannot be read.
    """
    yield from _read(entry, artefact, lambda path: language_of(path) is not None)


def licence_texts(entry: Entry, artefact: Path) -> Iterator[str]:
    """The licence files that the artefact carries."""
    for _, raw in _read(entry, artefact, lambda path: _LICENCE_FILE.match(path.split("/")[-1]) is not None):
        yield raw.decode("utf-8", "replace")


def stated_licence(entry: Entry, artefact: Path) -> str | None:
    """What the package says it is under; None where it says nothing that is known."""
    if entry.kind == "pypi":
        return licences.of_metadata(_metadata(entry, artefact))
    if entry.kind == "npm":
        return licences.of_package_json(package_json(artefact) or {})
    if entry.kind == "debian":
        return _copyright(entry, artefact).licence_of("any")
    return entry.licence


def _read(entry: Entry, artefact: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    try:
        if entry.kind == "stdlib":
            yield from _folder(artefact, wanted)
        elif entry.kind == "pypi":
            yield from _wheel(artefact, wanted)
        elif entry.kind == "npm":
            yield from _tarball(artefact, wanted)
        elif entry.kind == "debian":
            states = _copyright(entry, artefact)
            upstream = _upstream(entry, artefact)
            yield from _tarball(upstream, lambda path: wanted(path) and licences.allowed(states.licence_of(path) or ""))
    except (OSError, EOFError, tarfile.TarError, lzma.LZMAError, zipfile.BadZipFile) as error:
        raise _unreadable(entry, artefact) from error


def _folder(folder: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    for path in folder.rglob("*.py"):
        inside = path.relative_to(folder).as_posix()
        if wanted(inside) and not _NOT_LIBRARY.search(inside):
            yield inside, path.read_bytes()


def _wheel(path: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as wheel:
        for item in wheel.infolist():
            inside = item.filename
            if ".data/" in inside:  # purelib and platlib are unpacked into the root
                inside = inside.split("/", 2)[-1]
            if wanted(inside) and item.file_size <= LARGEST_BYTES:
                yield inside, wheel.read(item)


def _tarball(path: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """The regular files; the one folder that holds everything is not part of the paths."""
    with tarfile.open(path) as archive:
        for member in archive:
            inside = member.name.removeprefix("./").partition("/")[2]
            if member.isfile() and member.size <= LARGEST_BYTES and wanted(inside):
                file = archive.extractfile(member)
                if file is not None:
                    yield inside, file.read()


def _metadata(entry: Entry, path: Path) -> Message:
    try:
        with zipfile.ZipFile(path) as wheel:
            name = next(name for name in wheel.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name))
            return email.message_from_string(wheel.read(name).decode("utf-8", "replace"))
    except (OSError, StopIteration, zipfile.BadZipFile) as error:
        raise _unreadable(entry, path) from error


def _upstream(entry: Entry, dsc: Path) -> Path:
    """The tarball of what the authors published."""
    files = Debian().files(dsc)
    for pattern in (r".*\.orig\.tar\.\w+", r".*\.tar\.\w+"):
        for path in files:
            if re.fullmatch(pattern, path.name):
                return path
    raise _unreadable(entry, dsc)


def _copyright(entry: Entry, dsc: Path) -> Copyright:
    """Raises TrainingError where the packaging cannot be read; without rules where it is not in DEP-5's form."""
    packaging = next((path for path in Debian().files(dsc) if ".debian.tar." in path.name), None)
    try:
        with tarfile.open(packaging or _upstream(entry, dsc)) as archive:
            for member in archive:
                if member.isfile() and re.fullmatch(r"(\./)?([^/]+/)?debian/copyright", member.name):
                    file = archive.extractfile(member)
                    return Copyright.read(file.read().decode("utf-8", "replace") if file is not None else "")
    except (OSError, EOFError, tarfile.TarError, lzma.LZMAError) as error:
        raise _unreadable(entry, dsc) from error
    return Copyright(())


def _pattern(glob: str) -> re.Pattern[str]:
    """DEP-5's globs: `*` and `?` match slashes too."""
    literal = re.escape(glob.removeprefix("./"))
    return re.compile(literal.replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


def _unreadable(entry: Entry, artefact: Path) -> TrainingError:
    return TrainingError(
        f"The artefact of {entry.label} cannot be read.", f"Delete {artefact.name} from `artefacts` and run it again."
    )
