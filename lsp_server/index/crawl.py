"""Which files of a workspace count, and where they are. Lists folders and asks for sizes; never reads a source file.

A file counts when its language is known, `ignore.py` does not leave it out, it is a regular file and not too large.
Symbolic links are never followed: what they show is either in the workspace already or not part of it, and loops
cannot happen. What only its content tells (binary, generated, minified) is decided by `extract.py`.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import attrs

from lsp_server.index.ignore import IgnoreRules
from lsp_server.index.resolve import PROJECT_FILES
from lsp_server.settings import IndexSettings
from lsp_server.syntax.languages import language_of


@attrs.frozen
class Found:
    """A file that counts; `path` is relative to the workspace folder, with `/`. Size in bytes."""

    path: str
    mtime_ns: int
    size: int
    project: bool = False
    """A project file (`resolve.PROJECT_FILES`): says where imports lead and is not indexed itself."""


class Crawler:
    """The files of one workspace folder under one state of its ignore files and settings. Not shared by threads."""

    def __init__(self, folder: Path, settings: IndexSettings) -> None:
        self._folder = folder
        self._rules = IgnoreRules(folder, settings.exclude)
        self._most_bytes = settings.max_file_kb * 1024

    def files(self, under: str = "") -> Iterator[Found]:
        """Every file that counts below the folder `under`, and every project file, in a stable order (files of a
        folder, then its folders, each by name). Folders that are missing or cannot be read are empty."""
        if under and self._rules.ignores_folder(under):
            return
        for folder in self._walk(under):
            for entry in _entries(self._folder / folder):
                found = self._found(f"{folder}/{entry.name}" if folder else entry.name, entry)
                if found is not None:
                    yield found

    def folders(self, under: str = "") -> Iterator[str]:
        """Every folder that is not ignored, `under` first."""
        if not under or not self._rules.ignores_folder(under):
            yield from self._walk(under)

    def file(self, path: str) -> Found | None:
        """The file at this path as it is now, or `None` when it is not there or does not count."""
        if not self.counts(path):
            return None
        try:
            facts = (self._folder / path).lstat()
        except (OSError, ValueError):
            return None
        regular = stat.S_ISREG(facts.st_mode) and facts.st_size <= self._most_bytes
        return Found(path, facts.st_mtime_ns, facts.st_size) if regular else None

    def counts(self, path: str) -> bool:
        """Whether a file at this path would count, by its name alone."""
        return language_of(Path(path), None) is not None and _storable(path) and not self._rules.ignores_file(path)

    def ignores_folder(self, path: str) -> bool:
        """Whether nothing in this folder counts."""
        return self._rules.ignores_folder(path)

    def fits(self, text: str) -> bool:
        """Whether the text of an open document is small enough."""
        return len(text) <= self._most_bytes

    def _walk(self, under: str) -> Iterator[str]:
        waiting = [under]
        while waiting:
            folder = waiting.pop()
            yield folder
            names = [entry.name for entry in _entries(self._folder / folder) if _is_folder(entry)]
            paths = [f"{folder}/{name}" if folder else name for name in names]
            waiting.extend(path for path in reversed(paths) if _storable(path) and not self._rules.ignores_folder(path))

    def _found(self, path: str, entry: "os.DirEntry[str]") -> Found | None:
        project = entry.name in PROJECT_FILES
        if not (project or language_of(Path(path), None)) or not _storable(path):
            return None
        try:
            if not entry.is_file(follow_symlinks=False) or self._rules.ignores_file(path):
                return None
            facts = entry.stat(follow_symlinks=False)
        except OSError:
            return None
        return Found(path, facts.st_mtime_ns, facts.st_size, project) if facts.st_size <= self._most_bytes else None


def _entries(folder: Path) -> "list[os.DirEntry[str]]":
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        # A junction of Windows is a folder to `is_dir` and a way to loop.
        return entry.is_dir(follow_symlinks=False) and not getattr(entry, "is_junction", bool)()
    except OSError:
        return False


def _storable(path: str) -> bool:
    """A name that is no text (bytes that are not UTF-8, on POSIX) could not be stored or sent to an editor."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
