"""Which paths of a workspace are not the user's own source: ignore files, vendored code, build output, secrets.

The only module that imports pathspec. It reads ignore files and folder listings, never source. Paths here are
relative to the workspace folder, with `/`.

What decides about a path, the first opinion wins:

1. a secret-looking name: left out, always;
2. the setting `index.exclude`: left out;
3. `.codehearthignore` and `.gitignore` of the deepest folder, then of its parents, up to the repository's root; a
   negation (`!build/`) takes a path in again, as git has it, unless a folder above it is left out;
4. `.git/info/exclude`;
5. hidden folders, vendored folders, virtual environments, build output: left out.
"""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

import pathspec

IGNORE_FILES = (".gitignore", ".codehearthignore")
"""In one folder the later file's patterns win."""

_VENDORED = frozenset({
    "node_modules", "bower_components", "jspm_packages", "site-packages", "dist-packages", "vendor", "vendored",
    "_vendor", "third_party", "third-party", "thirdparty", "3rdparty", "Pods", "Carthage", "__pycache__",
    "__pypackages__",
})  # fmt: skip
_VENDORED_SUFFIXES = (".egg-info", ".dist-info", ".egg")

_OUTPUT = frozenset({"build", "dist", "out", "target", "_build", "coverage", "htmlcov", "bazel-out"})
"""Build output where a project's manifest lies beside it; elsewhere they are ordinary names of packages."""

_MANIFESTS = (
    "pyproject.toml", "setup.py", "setup.cfg", "package.json", "go.mod", "Cargo.toml", "pom.xml", "build.gradle",
    "build.gradle.kts", "CMakeLists.txt", "Makefile",
)  # fmt: skip

_SECRETS = (
    ".env", ".env.*", "*.env", "*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "*.ppk", "*.gpg",
    "*.asc", "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", ".netrc", "_netrc", ".npmrc", ".pypirc", ".htpasswd",
    ".pgpass", ".git-credentials", "credentials", "credentials.json", "secrets.json", "secrets.y*ml", "secrets.toml",
    "service-account*.json", "service_account*.json", "*.tfvars", "*.tfstate", "*.tfstate.*", ".dockercfg",
)  # fmt: skip


def looks_secret(name: str) -> bool:
    """Whether a file of this name usually holds keys or passwords."""
    lower = name.lower()
    return any(fnmatchcase(lower, pattern) for pattern in _SECRETS)


class IgnoreRules:
    """The opinion of one workspace about its paths. Ignore files are read once: make a new one after they change."""

    def __init__(self, folder: Path, exclude: Iterable[str] = ()) -> None:
        self._folder = folder
        self._exclude = _spec(exclude)
        self._specs: dict[str, pathspec.GitIgnoreSpec | None] = {}
        self._folders: dict[str, bool] = {"": False}
        self._above = _above(folder)

    def ignores_folder(self, path: str) -> bool:
        """Whether the folder, or one that holds it, is left out. The workspace folder itself never is."""
        known = self._folders.get(path)
        if known is None:
            parent = _parent(path)
            known = self._folders[path] = self.ignores_folder(parent) or self._leaves_out(path, folder=True)
        return known

    def ignores_file(self, path: str) -> bool:
        return self.ignores_folder(_parent(path)) or self._leaves_out(path, folder=False)

    def _leaves_out(self, path: str, *, folder: bool) -> bool:
        name = PurePosixPath(path).name
        if looks_secret(name):
            return True
        marked = f"{path}/" if folder else path
        if self._exclude is not None and self._exclude.check_file(marked).include:
            return True
        opinion = self._opinion(marked)
        if opinion is not None:
            return opinion
        return folder and self._foreign(path, name)

    def _opinion(self, marked: str) -> bool | None:
        """What the ignore files say, the deepest first; `None` when none of them has a matching pattern."""
        parent = _parent(marked.rstrip("/"))
        while True:
            spec = self._spec_of(parent)
            if spec is not None:
                said = spec.check_file(marked[len(parent) + 1 :] if parent else marked).include
                if said is not None:
                    return said
            if not parent:
                break
            parent = _parent(parent)
        for prefix, spec in self._above:
            said = spec.check_file(prefix + marked).include
            if said is not None:
                return said
        return None

    def _spec_of(self, folder: str) -> pathspec.GitIgnoreSpec | None:
        if folder not in self._specs:
            self._specs[folder] = _spec_in(self._folder / folder)
        return self._specs[folder]

    def _foreign(self, path: str, name: str) -> bool:
        if name.startswith(".") or name in _VENDORED or name.endswith(_VENDORED_SUFFIXES):
            return True
        place = self._folder / path
        if name in _OUTPUT:
            output = place.parent == self._folder or any((place.parent / mark).exists() for mark in _MANIFESTS)
            return output and not (place / "__init__.py").exists()
        return (place / "pyvenv.cfg").exists()


def _above(folder: Path) -> list[tuple[str, pathspec.GitIgnoreSpec]]:
    """The specs outside the workspace that git would apply to it, the nearest first, with the prefix that the
    workspace's paths get under them. None of them where they ignore the workspace folder itself: it was opened."""
    root = next((place for place in (folder, *folder.parents) if (place / ".git").exists()), None)
    if root is None:
        return []
    found: list[tuple[str, pathspec.GitIgnoreSpec]] = []
    for place in () if root == folder else folder.parents:
        spec = _spec_in(place)
        if spec is not None:
            found.append((f"{folder.relative_to(place).as_posix()}/", spec))
        if place == root:
            break
    prefix = "" if root == folder else f"{folder.relative_to(root).as_posix()}/"
    spec = _spec(_lines(root / ".git" / "info" / "exclude"))
    if spec is not None:
        found.append((prefix, spec))
    return [] if any(place and said.check_file(place).include for place, said in found) else found


def _spec_in(folder: Path) -> pathspec.GitIgnoreSpec | None:
    return _spec(line for name in IGNORE_FILES for line in _lines(folder / name))


def _spec(lines: Iterable[str]) -> pathspec.GitIgnoreSpec | None:
    """The spec of some patterns, `None` when there are none. A pattern that cannot be read is skipped, as git does."""
    patterns = [line for line in lines if line.strip() and not line.startswith("#")]
    if not patterns:
        return None
    try:
        return pathspec.GitIgnoreSpec.from_lines(patterns)
    except (ValueError, re.error):
        return pathspec.GitIgnoreSpec.from_lines([line for line in patterns if _readable(line)])


def _readable(pattern: str) -> bool:
    try:
        pathspec.GitIgnoreSpec.from_lines([pattern])
    except (ValueError, re.error):
        return False
    return True


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError:
        return []


def _parent(path: str) -> str:
    return path.rpartition("/")[0]
