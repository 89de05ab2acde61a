"""Where codehearth keeps things for this user, and file URIs. The only module that imports platformdirs.

`CODEHEARTH_HOME`, when set, moves all five folders below one place: tests and benchmarks use it to stay apart
from the user's own engine and caches.
"""

import hashlib
import os
import stat
import tempfile
import warnings
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes, urlsplit

import platformdirs

from lsp_server.errors import ServerError

HOME_VARIABLE = "CODEHEARTH_HOME"


def cache_folder() -> Path:
    """Indexes and downloaded data that can be rebuilt. Private to the user."""
    return _private(_below_home("cache") or platformdirs.user_cache_path("codehearth", appauthor=False))


def config_folder() -> Path:
    """The user's own choices, e.g. which model to use. Private to the user."""
    return _private(_below_home("config") or platformdirs.user_config_path("codehearth", appauthor=False))


def data_folder() -> Path:
    """What the user gave us to keep and cannot be rebuilt, e.g. imported models. Private to the user."""
    return _private(_below_home("data") or platformdirs.user_data_path("codehearth", appauthor=False))


def log_folder() -> Path:
    """Logs of detached processes. Private to the user."""
    return _private(_below_home("log") or platformdirs.user_log_path("codehearth", appauthor=False))


def runtime_folder() -> Path:
    """The engine's socket, lock and key: mode 0700 and owned by this user, or `ServerError`.

    A Unix socket's path may have at most 104 characters on some systems, so a long home falls back to a short
    folder named after it in the temporary directory. So does a machine where no session manager made a runtime
    folder: the substitute that platformdirs names lies two levels below the temporary directory, and only in its
    first level does the sticky bit keep others from moving what is ours.
    """
    own = _below_home("run")
    folder = own or _platform_runtime_folder()
    shared = Path(tempfile.gettempdir())
    substitute = own is None and folder.parent.parent == shared
    if substitute or len(str(folder)) > 80 or not os.access(_existing_parent(folder), os.W_OK):
        name = hashlib.sha256(f"{folder}:{_user()}".encode()).hexdigest()[:12]
        folder = shared / f"codehearth-{name}"
    return _private(folder)


def path_of_uri(uri: str) -> Path | None:
    """The local path of a `file:` URI, or `None` for every other scheme."""
    parts = urlsplit(uri)
    if parts.scheme != "file":
        return None
    path = os.fsdecode(unquote_to_bytes(parts.path))
    if os.name == "nt":
        path = path.lstrip("/") if not parts.netloc else f"//{parts.netloc}{path}"
    return Path(path)


def uri_of_path(path: Path) -> str:
    """The `file:` URI of an absolute path, percent-encoded as editors do; names that are no UTF-8 survive as bytes."""
    posix = path.as_posix()
    return "file://" + quote(os.fsencode(posix if posix.startswith("/") else f"/{posix}"), safe="/~")


def _below_home(name: str) -> Path | None:
    home = os.environ.get(HOME_VARIABLE)
    return Path(home) / name if home else None


def _platform_runtime_folder() -> Path:
    """platformdirs warns where no session manager made a runtime folder; `runtime_folder` answers that."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return platformdirs.user_runtime_path("codehearth", appauthor=False)


def _existing_parent(folder: Path) -> Path:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def _private(folder: Path) -> Path:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.name == "posix":
            facts = folder.lstat()
            if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid():
                raise ServerError(f"{folder} belongs to somebody else.", "Remove it or set CODEHEARTH_HOME.")
            if facts.st_mode & 0o077:
                folder.chmod(0o700)
    except OSError as error:
        raise ServerError(
            f"The folder {folder} cannot be used ({error.strerror}).", "Make it writable or set CODEHEARTH_HOME."
        ) from error
    return folder


def _user() -> str:
    return str(os.getuid()) if os.name == "posix" else os.environ.get("USERNAME", "user")
