"""Which workspace file an import refers to, by the rules of each language. Asks which files are indexed, reads none.

Project files (`go.mod`, `tsconfig.json`, `jsconfig.json`) are read by `roots_in` when the workspace is crawled and
become rows: a pattern of module names and the place in the workspace that it leads to.
"""

import json
import posixpath
import re
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

import attrs

from lsp_server.index.values import Import

PROJECT_FILES = frozenset({"go.mod", "tsconfig.json", "jsconfig.json"})

_MOST_BYTES = 1 << 20
_PYTHON_SUFFIXES = (".py", ".pyi")
_SCRIPT_SUFFIXES = (".ts", ".tsx", ".d.ts", ".js", ".jsx", ".mts", ".cts", ".mjs", ".cjs")
_WRITTEN_AS = {".js": (".ts", ".tsx", ".jsx"), ".jsx": (".tsx",), ".mjs": (".mts",), ".cjs": (".cts",)}
"""TypeScript imports a module by the name that its output will have."""


@attrs.frozen
class Root:
    """What one project file says: in files below the folder `scope`, modules like `pattern` lie at `target`."""

    language: str
    """"go", or "typescript" for JavaScript too."""
    scope: str
    pattern: str
    """A module name; for TypeScript with at most one `*`, for Go the head of the names."""
    target: str
    """Path in the workspace, with the `*` of the pattern if it has one."""


class Files(Protocol):
    """What resolving asks of the index."""

    def has(self, path: str) -> bool: ...

    def roots(self, language: str) -> list[Root]: ...

    def sources_in(self, folder: str, language: str) -> list[str]:
        """Paths of the indexed files directly in a folder, those with the most definitions first, then by name."""
        ...


def resolve(files: Files, path: str, language: str, imported: Import) -> str | None:
    """The file that an import in `path` refers to, or `None` where it lies outside the workspace."""
    rule = _RULES.get(language)
    return None if rule is None else rule(files, path, imported)


def roots_in(folder: Path, path: str) -> list[Root]:
    """What the project file at `path` of a workspace says about imports; nothing when it cannot be read."""
    place = folder / path
    try:
        if place.stat().st_size > _MOST_BYTES:
            return []
        text = place.read_text(encoding="utf-8-sig", errors="replace")
    except (OSError, ValueError):
        return []
    inside = posixpath.dirname(path)
    if place.name == "go.mod":
        found = re.search(r'^\s*module\s+"?([^\s"]+)', text, re.MULTILINE)
        return [Root("go", "", found[1], inside)] if found else []
    return list(_script_roots(inside, _json_with_comments(text)))


def _python(files: Files, path: str, imported: Import) -> str | None:
    dots = len(imported.module) - len(imported.module.lstrip("."))
    parts = [part for part in imported.module[dots:].split(".") if part]
    if dots:
        folder = posixpath.dirname(path)
        for _ in range(dots - 1):
            if not folder:
                return None
            folder = posixpath.dirname(folder)
        return _python_module(files, folder, parts, imported.name)
    for folder in _python_folders(files, path):
        found = _python_module(files, folder, parts, imported.name)
        if found is not None:
            return found
    return None


def _python_folders(files: Files, path: str) -> Iterator[str]:
    """Folders that may be on the path of modules, the most likely first: those that hold the package of `path`, up to
    the workspace folder, and the `src` folder of each."""
    folder = posixpath.dirname(path)
    while True:
        if not folder or not any(files.has(f"{folder}/__init__{suffix}") for suffix in _PYTHON_SUFFIXES):
            yield folder
            yield posixpath.join(folder, "src")
        if not folder:
            return
        folder = posixpath.dirname(folder)


def _python_module(files: Files, folder: str, parts: list[str], name: str | None) -> str | None:
    """`from a import b` is the module b of the package a where there is one, else a."""
    place = posixpath.join(folder, *parts)
    modules = [posixpath.join(place, name)] if name and name != "*" else []
    modules += [place] if parts else []
    candidates = [stem for module in modules for stem in (posixpath.join(module, "__init__"), module)]
    if not parts:
        candidates.append(posixpath.join(place, "__init__"))
    files_there = (f"{candidate}{suffix}" for candidate in candidates for suffix in _PYTHON_SUFFIXES)
    return next(filter(files.has, files_there), None)


def _script(files: Files, path: str, imported: Import) -> str | None:
    if imported.module.startswith("."):
        place = posixpath.normpath(posixpath.join(posixpath.dirname(path), imported.module))
        return None if place.startswith("..") else _script_module(files, place)
    roots = [root for root in files.roots("typescript") if not root.scope or path.startswith(f"{root.scope}/")]
    for root in sorted(roots, key=lambda root: (-len(root.scope), -len(root.pattern))):
        head, star, tail = root.pattern.partition("*")
        module = imported.module
        if star and len(module) >= len(head) + len(tail) and module.startswith(head) and module.endswith(tail):
            place = root.target.replace("*", module[len(head) : len(module) - len(tail)], 1)
        elif module == root.pattern:
            place = root.target
        else:
            continue
        found = _script_module(files, posixpath.normpath(place))
        if found is not None:
            return found
    return None


def _script_module(files: Files, place: str) -> str | None:
    place = "" if place == "." else place
    stem, suffix = posixpath.splitext(place)
    candidates = [place, *(stem + other for other in _WRITTEN_AS.get(suffix, ()))]
    candidates += [place + other for other in _SCRIPT_SUFFIXES]
    candidates += [posixpath.join(place, f"index{other}") for other in _SCRIPT_SUFFIXES]
    return next((file for file in candidates if file and files.has(file)), None)


def _script_roots(inside: str, options: Any) -> Iterator[Root]:
    """`paths` and `baseUrl`; what a configuration `extends` is not followed."""
    compiler = options.get("compilerOptions") if isinstance(options, dict) else None
    if not isinstance(compiler, dict):
        return
    base = compiler.get("baseUrl")
    home = posixpath.join(inside, base) if isinstance(base, str) else inside
    paths = compiler.get("paths")
    for pattern, targets in paths.items() if isinstance(paths, dict) else ():
        for target in targets if isinstance(targets, list) else ():
            if isinstance(target, str):
                yield Root("typescript", inside, str(pattern), posixpath.join(home, target))
    if isinstance(base, str):
        yield Root("typescript", inside, "*", posixpath.join(home, "*"))


def _json_with_comments(text: str) -> Any:
    """Strings are matched first: `"@/*"` opens no comment."""
    string = r'("(?:\\.|[^"\\])*")'
    without = re.sub(rf"{string}|//[^\n]*|/\*.*?\*/", lambda found: found[1] or "", text, flags=re.DOTALL)
    without = re.sub(rf"{string}|,(?=\s*[}}\]])", lambda found: found[1] or "", without)
    try:
        return json.loads(without)
    except (ValueError, RecursionError):
        return None


def _go(files: Files, path: str, imported: Import) -> str | None:
    """A Go import names a folder: of its files the one named like it, else the one with the most definitions."""
    del path
    for root in sorted(files.roots("go"), key=lambda root: (-len(root.pattern), root.target)):
        if imported.module != root.pattern and not imported.module.startswith(f"{root.pattern}/"):
            continue
        folder = posixpath.join(root.target, imported.module[len(root.pattern) + 1 :]).rstrip("/")
        sources = [file for file in files.sources_in(folder, "go") if not file.endswith("_test.go")]
        if sources:
            named = posixpath.join(folder, f"{PurePosixPath(imported.module).name}.go")
            return named if named in sources else sources[0]
    return None


_RULES: dict[str, Callable[[Files, str, Import], str | None]] = {
    "python": _python,
    "typescript": _script,
    "tsx": _script,
    "javascript": _script,
    "jsx": _script,
    "go": _go,
}
