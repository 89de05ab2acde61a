"""A workspace that is only a list of files, for asking where imports lead."""

import posixpath

import attrs

from lsp_server.index.resolve import Root


@attrs.frozen
class Listed:
    """The files that exist, and what project files say."""

    paths: tuple[str, ...]
    said: tuple[Root, ...] = ()

    def has(self, path: str) -> bool:
        return path in self.paths

    def roots(self, language: str) -> list[Root]:
        return [root for root in self.said if root.language == language]

    def sources_in(self, folder: str, language: str) -> list[str]:
        here = [path for path in self.paths if posixpath.dirname(path) == folder]
        return sorted(path for path in here if path.endswith((".go", ".kt")))
