"""The name of the repository that a workspace folder belongs to: the one file this room reads from a workspace."""

import re
from pathlib import Path

_REMOTE = re.compile(r'^\[remote "([^"\n]+)"\]\s*$(.*?)(?=^\[|\Z)', re.MULTILINE | re.DOTALL)
_URL = re.compile(r"^\s*url\s*=\s*(\S+)\s*$", re.MULTILINE)
_GIT_FOLDER = re.compile(r"gitdir:\s*(.+)")
_MAXIMUM_CONFIG = 65_536
"""Characters; a git configuration is a few hundred, and this file is the workspace's, so it may be anything."""


def repository_name(folder: Path) -> str:
    """The last part of the remote `origin` (else of the first remote), else the folder's own name.

    It goes into prompts, so it is reduced to letters, digits, dots, dashes and underscores.
    """
    remotes = dict(_remotes(folder))
    url = remotes.get("origin") or next(iter(remotes.values()), "")
    name = re.split(r"[/:\\]", url.rstrip("/"))[-1].removesuffix(".git")
    return re.sub(r"[^\w.-]+", "-", name or folder.name).strip("-.") or "workspace"


def _remotes(folder: Path) -> list[tuple[str, str]]:
    for parent in (folder, *folder.parents):
        git = parent / ".git"
        if git.is_file() and (found := _GIT_FOLDER.match(_read(git))):  # A worktree or a submodule.
            git = (parent / found.group(1).strip()).resolve()
            if git.parent.name == "worktrees":
                git = git.parent.parent
        if git.is_dir():
            sections = _REMOTE.findall(_read(git / "config"))
            return [(name, url.group(1)) for name, body in sections if (url := _URL.search(body))]
    return []


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(_MAXIMUM_CONFIG)
    except OSError:
        return ""
