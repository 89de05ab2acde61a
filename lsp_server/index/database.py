"""Opens the index's SQLite file and says what its failures mean. The only module that imports sqlite3.

Connections are in autocommit mode (`BEGIN` and `COMMIT` are written out) and may move between threads; nobody uses
one from two threads at once.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import psutil

Connection = sqlite3.Connection
DatabaseError = sqlite3.Error

Trouble = Literal["damaged", "unusable", "busy", "closed"]

_WRITER_PATIENCE = 5.0
"""Seconds. Only another writer's transaction makes a writer wait, and the writers' lock keeps those away."""

_READER_PATIENCE = 0.1
"""Seconds. With WAL a reader never waits; without it an unanswered question is better than a late suggestion."""

_NETWORK_FILE_SYSTEMS = frozenset(
    "nfs nfs3 nfs4 cifs smbfs smb2 smb3 9p afs afpfs ceph glusterfs lustre sshfs fuse.sshfs webdav davfs vboxsf".split()  # noqa: SIM905
)

_SIDE_FILES = ("", "-wal", "-shm", "-journal")

SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
CREATE TABLE files (
    id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, language TEXT NOT NULL, digest TEXT NOT NULL,
    mtime_ns INTEGER NOT NULL, size INTEGER NOT NULL, lines INTEGER NOT NULL, left_out TEXT
);
CREATE TABLE symbols (
    id INTEGER PRIMARY KEY, file INTEGER NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL, line INTEGER NOT NULL,
    end_line INTEGER NOT NULL, container TEXT NOT NULL, signature TEXT NOT NULL
);
CREATE INDEX symbols_name ON symbols (name);
CREATE INDEX symbols_file ON symbols (file);
CREATE TABLE imports (
    id INTEGER PRIMARY KEY, file INTEGER NOT NULL, module TEXT NOT NULL, name TEXT, alias TEXT, line INTEGER NOT NULL
);
CREATE INDEX imports_file ON imports (file);
CREATE TABLE chunks (
    id INTEGER PRIMARY KEY, file INTEGER NOT NULL, line INTEGER NOT NULL, end_line INTEGER NOT NULL, name TEXT NOT NULL
);
CREATE INDEX chunks_file ON chunks (file);
-- id = file * 2^20 + number of the block: one look-up, no second index.
CREATE TABLE blocks (id INTEGER PRIMARY KEY, text BLOB NOT NULL);
-- What project files (go.mod, tsconfig.json) say about where imports lead.
CREATE TABLE roots (
    source TEXT NOT NULL, language TEXT NOT NULL, scope TEXT NOT NULL, pattern TEXT NOT NULL, target TEXT NOT NULL
);
-- Words of so many chunks that counting them at every question would be slow.
CREATE TABLE common (word TEXT PRIMARY KEY, chunks INTEGER NOT NULL) WITHOUT ROWID;
-- Contentless: the words can be made from the text again, which is stored compressed. `detail=full`, because bm25()
-- of a contentless table is always 0 with less.
CREATE VIRTUAL TABLE search USING fts5 (words, content='', tokenize="ascii tokenchars '_'");
CREATE VIRTUAL TABLE vocabulary USING fts5vocab (search, 'row');
"""


def open_to_write(path: Path) -> Connection:
    """The writer's connection. Creates the file, private to the user, and the schema where they are missing."""
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    connection = _connect(path, _WRITER_PATIENCE)
    try:
        _choose_journal(connection, path)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA secure_delete = OFF")
        connection.execute("PRAGMA cache_size = -8000")
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone():
            connection.executescript(f"BEGIN IMMEDIATE; {SCHEMA} COMMIT;")
    except BaseException:
        connection.close()
        raise
    return connection


def open_to_read(path: Path) -> Connection:
    """A reader's connection to an existing file."""
    connection = _connect(path, _READER_PATIENCE)
    try:
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA cache_size = -8000")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: Connection, kind: Literal["DEFERRED", "IMMEDIATE"]) -> Iterator[None]:
    """One snapshot for a reader (`DEFERRED`), all or nothing for the writer (`IMMEDIATE`)."""
    connection.execute(f"BEGIN {kind}")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def remove(path: Path) -> None:
    """Deletes the database with its side files. `OSError` where that is not possible."""
    for suffix in _SIDE_FILES:
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def trouble(error: sqlite3.Error) -> Trouble:
    """What an error means: throw the file away, keep the index elsewhere, ask again later, or we are closing."""
    code = getattr(error, "sqlite_errorcode", None)
    primary = code & 0xFF if isinstance(code, int) else None
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return "busy"
    if primary == sqlite3.SQLITE_INTERRUPT or isinstance(error, sqlite3.ProgrammingError):
        return "closed"
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISMATCH):
        # SQLITE_ERROR is "no such table": the schema is not ours.
        return "damaged"
    return "unusable"


def damage(what: str) -> DatabaseError:
    """The error for content that SQLite read without complaint and that cannot be right."""
    error = sqlite3.DatabaseError(what)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def full_text_search_works() -> bool:
    """Whether this Python's SQLite has FTS5, without which there is no index."""
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute("CREATE VIRTUAL TABLE probe USING fts5 (words)")
    except sqlite3.OperationalError:
        return False
    finally:
        connection.close()
    return True


def _connect(path: Path, patience: float) -> Connection:
    # `mode=rw`: a reader must never create an empty database in place of one that is just being rebuilt.
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw", timeout=patience, isolation_level=None, check_same_thread=False, uri=True
    )


def _choose_journal(connection: Connection, path: Path) -> None:
    """WAL, so that readers never wait; but not on network file systems, where its shared memory does not work."""
    if not on_network(path):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            return
        except sqlite3.OperationalError as error:
            if trouble(error) == "damaged":
                raise
    connection.execute("PRAGMA journal_mode = DELETE")


def on_network(path: Path) -> bool:
    """Whether the path lies on a network file system, as far as the system tells."""
    try:
        mounts = psutil.disk_partitions(all=True)
    except (OSError, psutil.Error):
        return False
    resolved = path.resolve()
    holders = [mount for mount in mounts if resolved.is_relative_to(mount.mountpoint)]
    nearest = max(holders, key=lambda mount: len(mount.mountpoint), default=None)
    return nearest is not None and nearest.fstype.lower() in _NETWORK_FILE_SYSTEMS
