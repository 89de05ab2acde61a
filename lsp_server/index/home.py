"""Where one workspace's database lives: in the user's cache, or in a private temporary folder; and who may write it."""

import hashlib
import os
import shutil
import stat
import tempfile
import time
from pathlib import Path

import attrs
from filelock import FileLock, Timeout

_TEMPORARY = "codehearth-index-"
_YOUNG_SECONDS = 60.0


@attrs.frozen
class Home:
    """The right to write the database at `path`, held until `release`."""

    path: Path
    temporary: bool
    _lock: FileLock

    def release(self) -> None:
        """Lets another server write. A temporary home is deleted."""
        self._lock.release()
        if self.temporary:
            shutil.rmtree(self.path.parent, ignore_errors=True)


def database_path(cache: Path, folder: Path) -> Path:
    """The database of a workspace folder, below the user's cache folder."""
    name = hashlib.sha256(str(folder.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:24]
    return cache / "index" / f"{name}.sqlite"


def at(path: Path) -> Home | None:
    """The home of the database at this path, or `None` while another server writes it. `OSError` where no file can be
    made there."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return _locked(path, temporary=False)


def temporary() -> Home:
    """A home that lasts until it is released, private to the user. `OSError` where there is none to be had.

    What a server that was killed has left behind is deleted.
    """
    for left in Path(tempfile.gettempdir()).glob(f"{_TEMPORARY}*"):
        try:
            stale = _locked(left / "index.sqlite", temporary=True) if _is_ours_and_old(left) else None
        except OSError:
            continue
        if stale is not None:
            stale.release()
    home = _locked(Path(tempfile.mkdtemp(prefix=_TEMPORARY)) / "index.sqlite", temporary=True)
    if home is None:
        raise OSError("A folder that was just made is in use.")
    return home


def _is_ours_and_old(folder: Path) -> bool:
    """Old, because a server that is just starting makes its folder a moment before it locks it; and a real folder of
    this user, because anybody may put links into the temporary directory."""
    facts = folder.lstat()
    ours = not hasattr(os, "getuid") or facts.st_uid == os.getuid()
    return ours and stat.S_ISDIR(facts.st_mode) and facts.st_mtime < time.time() - _YOUNG_SECONDS


def _locked(path: Path, *, temporary: bool) -> Home | None:
    lock = FileLock(path.with_suffix(".lock"), mode=0o600, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return None
    except NotImplementedError as error:
        raise OSError("This file system has no locks.") from error
    return Home(path, temporary, lock)
