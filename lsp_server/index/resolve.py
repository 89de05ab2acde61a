"""Which workspace file an import refers to, by the rules of each language. Asks which files are indexed, reads none.

Project files (`go.mod`, `tsconfig.json`, `jsconfig.json`, `Cargo.toml`, `composer.json`) are read by `roots_in` when
the workspace is crawled and become rows: a pattern of module names and the place in the workspace that it leads to. C#
and Swift import names that say nothing about files, so they have no rule here.
"""

import json
import posixpath
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

import attrs

from lsp_server.index.values import Import

PROJECT_FILES = frozenset({"go.mod", "tsconfig.json", "jsconfig.json", "Cargo.toml", "composer.json"})

_MOST_BYTES = 1 << 20
_PYTHON_SUFFIXES = (".py", ".pyi")
_SCRIPT_SUFFIXES = (".ts", ".tsx", ".d.ts", ".js", ".jsx", ".mts", ".cts", ".mjs", ".cjs")
_WRITTEN_AS = {".js": (".ts", ".tsx", ".jsx"), ".jsx": (".tsx",), ".mjs": (".mts",), ".cjs": (".cts",)}
"""TypeScript imports a module by the name that its output will have."""


@attrs.frozen
class Root:
    """What one project file says: in files below the folder `scope`, modules like `pattern` lie at `target`."""

    language: str
    """"go", "rust", "php", or "typescript" for JavaScript too."""
    scope: str
    pattern: str
    """A module name; for TypeScript with at most one `*`, for Go and PHP the head of the names."""
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
    if place.name == "Cargo.toml":
        return list(_rust_roots(inside, text))
    read = _json_with_comments(text)
    return list(_php_roots(inside, read) if place.name == "composer.json" else _script_roots(inside, read))


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


def _package(files: Files, path: str, imported: Import) -> str | None:
    """Java, Kotlin and Scala: packages are folders below a source folder, which is known by the importing file's own.

    Nested classes, static members and Kotlin's functions lie in the file of what they are named after.
    """
    parts = [part for part in imported.module.split(".") if part]
    if not parts:
        return None
    if imported.name and imported.name != "*":
        parts.append(imported.name)
    folders = posixpath.dirname(path).split("/")
    for level in (level for level, folder in enumerate(folders) if folder == parts[0]):
        for root in _source_folders(folders[:level]):
            for length in range(len(parts), max(0, len(parts) - 3), -1):
                found = _first(files, posixpath.join(root, *parts[:length]), _PACKAGE_SUFFIXES)
                if found is not None:
                    return found
            sources = files.sources_in(posixpath.join(root, *parts[:-1]), "kotlin") if imported.name != "*" else []
            if len(sources) == 1:
                return sources[0]
    return None


_PACKAGE_SUFFIXES = (".java", ".kt", ".scala")
_PACKAGE_FOLDERS = ("java", "kotlin", "scala")


def _source_folders(folders: list[str]) -> Iterator[str]:
    """The source folder itself, then those of the other languages and, for tests, of what they test."""
    yield "/".join(folders)
    if len(folders) > 1 and folders[-1] in _PACKAGE_FOLDERS:
        for half in dict.fromkeys((folders[-2], "main")):
            for kind in _PACKAGE_FOLDERS:
                yield "/".join([*folders[:-2], half, kind])


def _rust(files: Files, path: str, imported: Import) -> str | None:
    parts = [part for part in imported.module.split("::") if part]
    if imported.name and imported.name != "*":
        parts.append(imported.name)
    here = posixpath.dirname(path)
    if posixpath.basename(path) not in _RUST_ROOTS:
        here = path.removesuffix(".rs")
    if not parts or parts[0] in ("std", "core", "alloc"):
        return None
    if parts[0] == "crate":
        here, parts = _crate(files, path), parts[1:]
    elif parts[0] in ("self", "super"):
        while parts and parts[0] in ("self", "super"):
            here = posixpath.dirname(here) if parts[0] == "super" else here
            parts = parts[1:]
    elif (root := next((root for root in files.roots("rust") if root.pattern == parts[0]), None)) is not None:
        here, parts = root.target, parts[1:]
    else:  # a module beside this one, or another crate, of which nothing is here
        return _rust_module(files, here, parts, least=1)
    return _rust_module(files, here, parts, least=0)


_RUST_ROOTS = ("mod.rs", "lib.rs", "main.rs")


def _crate(files: Files, path: str) -> str:
    """The folder of a file's crate: the nearest one upwards with a root module."""
    folder = posixpath.dirname(path)
    while folder and not any(files.has(f"{folder}/{root}") for root in ("lib.rs", "main.rs")):
        folder = posixpath.dirname(folder)
    return folder


def _rust_module(files: Files, folder: str, parts: list[str], least: int) -> str | None:
    """The module that is named by as many of the parts as possible; what is left names something inside it."""
    for length in range(len(parts), least - 1, -1):
        place = posixpath.join(folder, *parts[:length])
        found = _first(files, place, (".rs", "/mod.rs") if length else (".rs", *(f"/{root}" for root in _RUST_ROOTS)))
        if found is not None:
            return found
    return None


def _rust_roots(inside: str, text: str) -> Iterator[Root]:
    try:
        package = tomllib.loads(text).get("package")
    except tomllib.TOMLDecodeError:
        return
    name = package.get("name") if isinstance(package, dict) else None
    if isinstance(name, str):
        yield Root("rust", "", name.replace("-", "_"), posixpath.join(inside, "src"))


def _include(files: Files, path: str, imported: Import) -> str | None:
    """C and C++: beside the file where it is quoted, else below a folder upwards or its `include` or `src`."""
    module = imported.module.strip("<>")
    if module == imported.module and (found := _beside(files, path, module, ("",))) is not None:
        return found
    if module != imported.module and "/" not in module:
        return None  # the standard library's
    return _upwards(files, path, module, ("", "include", "src"), ("",))


def _ruby(files: Files, path: str, imported: Import) -> str | None:
    if imported.module.startswith("./"):
        return _beside(files, path, imported.module, (".rb", ""))
    return _upwards(files, path, imported.module, ("lib", ""), (".rb",))


def _lua(files: Files, path: str, imported: Import) -> str | None:
    return _upwards(files, path, imported.module.replace(".", "/"), ("", "lua", "src"), (".lua", "/init.lua"))


def _bash(files: Files, path: str, imported: Import) -> str | None:
    """What a variable or a command at the beginning stands for is nearly always the script's own folder."""
    module = re.sub(r"^(?:\$\{[^}]*\}|\$\(.*\)|\$\w+)/", "", imported.module)
    return _beside(files, path, module, ("",)) or _beside(files, "", module, ("",))


def _php(files: Files, path: str, imported: Import) -> str | None:
    """A file as written, or a class where `composer.json` says that its namespace lies (PSR-4)."""
    if imported.name is None:
        module = imported.module.lstrip("/")
        return _beside(files, path, module, ("",)) or _beside(files, "", module, ("",))
    full = f"{imported.module}\\{imported.name}"
    for root in sorted(files.roots("php"), key=lambda root: -len(root.pattern)):
        if full.startswith(root.pattern):
            found = _beside(files, f"{root.target}/", full[len(root.pattern) :].replace("\\", "/"), (".php",))
            if found is not None:
                return found
    return None


def _php_roots(inside: str, options: Any) -> Iterator[Root]:
    for section in ("autoload", "autoload-dev"):
        found = options.get(section) if isinstance(options, dict) else None
        spaces = found.get("psr-4") if isinstance(found, dict) else None
        for pattern, targets in spaces.items() if isinstance(spaces, dict) else ():
            for target in targets if isinstance(targets, list) else [targets]:
                if isinstance(target, str):
                    yield Root("php", inside, pattern, posixpath.normpath(posixpath.join(inside, target)))


def _beside(files: Files, path: str, module: str, endings: tuple[str, ...]) -> str | None:
    place = posixpath.normpath(posixpath.join(posixpath.dirname(path), module))
    return None if place.startswith("..") else _first(files, place, endings)


def _upwards(files: Files, path: str, module: str, folders: tuple[str, ...], endings: tuple[str, ...]) -> str | None:
    """The module below one of these folders of the nearest folder upwards that has it."""
    here = posixpath.dirname(path)
    while True:
        for folder in folders:
            found = _first(files, posixpath.normpath(posixpath.join(here, folder, module)), endings)
            if found is not None:
                return found
        if not here:
            return None
        here = posixpath.dirname(here)


def _first(files: Files, place: str, endings: tuple[str, ...]) -> str | None:
    return next(filter(files.has, (place + ending for ending in endings)), None)


_RULES: dict[str, Callable[[Files, str, Import], str | None]] = {
    "python": _python,
    "typescript": _script,
    "tsx": _script,
    "javascript": _script,
    "jsx": _script,
    "go": _go,
    "java": _package,
    "kotlin": _package,
    "scala": _package,
    "rust": _rust,
    "c": _include,
    "cpp": _include,
    "ruby": _ruby,
    "lua": _lua,
    "bash": _bash,
    "php": _php,
}
