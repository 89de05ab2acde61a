"""Answers questions about one workspace's index: the `IndexReader` that context asks. Never writes.

Each thread has a connection of its own. A question that cannot be answered now (no index yet, being rebuilt, locked)
is answered with nothing, as absence is no error.
"""

import logging
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import attrs

from lsp_server.index import database
from lsp_server.index.database import Connection, transaction
from lsp_server.index.resolve import Root, resolve
from lsp_server.index.store import read_lines
from lsp_server.index.values import Chunk, Coverage, Import, ScoredChunk, Symbol
from lsp_server.index.words import IDENTIFIER, words_in, words_of
from lsp_server.syntax.languages import language_of

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

_MOST_WORDS = 96
"""Words of a question that are looked up, 10 µs each; callers give the nearest identifiers first."""

_MOST_MATCHES = 1500
"""Chunks that a question may score, 2 to 3 µs each: the rarest words first, until their counts add up to this."""

_MOST_HOPS = 4
"""How far a name is followed through files that only pass it on (`__init__.py`, `index.ts`)."""

_NO_INODE = -1

_SYMBOL = (
    "s.name, s.kind, f.path, s.line, s.end_line, s.container, s.signature FROM symbols s JOIN files f ON f.id = s.file"
)


class Reader:
    """The index in the file that `location` names at the moment of the question; see `IndexReader` for the questions.

    `on_damage` is called when a question failed because the file is damaged, with the file's inode, so that the writer
    rebuilds it, and rebuilds it once; or because it is gone, with -1.
    """

    def __init__(self, location: Callable[[], Path | None], on_damage: Callable[[int], None]) -> None:
        self._location = location
        self._on_damage = on_damage
        self._own = threading.local()
        self._lock = threading.Lock()
        self._opened: list[Connection] = []
        self._closed = False

    def close(self) -> None:
        """Closes the connections of all threads; every later question is answered with nothing."""
        with self._lock:
            self._closed = True
            opened, self._opened = self._opened, []
        for connection in opened:
            connection.close()

    @property
    def generation(self) -> int:
        return self._ask(0, lambda ask: int(_one(ask, "SELECT value FROM meta WHERE key = 'generation'") or 0))

    @property
    def coverage(self) -> Coverage:
        def answer(connection: Connection) -> Coverage:
            facts = dict(connection.execute("SELECT key, value FROM meta WHERE key LIKE 'coverage.%'"))
            done, total = facts.get("coverage.files_done", 0), facts.get("coverage.files_total", 0)
            return Coverage(int(done), int(total), bool(facts.get("coverage.finished", 0)))

        return self._ask(Coverage(0, 0, False), answer)

    def definitions(self, name: str, *, limit: int = 20) -> list[Symbol]:
        """See `IndexReader`. In order of path and line."""
        question = f"SELECT {_SYMBOL} WHERE s.name = ? ORDER BY f.path, s.line, s.id LIMIT ?"
        return self._symbols(question, name, limit)

    def symbols(self, path: str) -> list[Symbol]:
        return self._symbols(f"SELECT {_SYMBOL} WHERE f.path = ? ORDER BY s.line, s.id", path)

    def members(self, path: str, container: str) -> list[Symbol]:
        question = f"SELECT {_SYMBOL} WHERE f.path = ? AND s.container = ? ORDER BY s.line, s.id"
        return self._symbols(question, path, container)

    def imports(self, path: str) -> list[Import]:
        return self._ask([], lambda connection: _imports(connection, path))

    def resolve(self, path: str, imported: Import) -> str | None:
        """See `IndexReader`. A name that the file only passes on is followed to the file that defines it. A Go import,
        which names a folder, is answered with one file of it, the same one every time."""
        return self._ask(None, lambda connection: _resolve(connection, path, imported))

    def similar(self, words: list[str], *, exclude: str | None, limit: int) -> list[ScoredChunk]:
        """See `IndexReader`. Only the rarest words count, as many as can be scored in a few milliseconds; words that
        half the repository has are ignored, and where all are like that the answer is empty."""
        return self._ask([], lambda connection: _similar(connection, words, exclude, limit))

    def holding(self, identifiers: list[str], *, exclude: str | None, limit: int) -> list[Chunk]:
        """See `IndexReader`. Where more chunks hold them than `limit`, those that were indexed first."""
        return self._ask([], lambda connection: _holding(connection, identifiers, exclude, limit))

    def text(self, path: str, line: int, end_line: int) -> str | None:
        """See `IndexReader`. Line ends are `\\n`, the last line's included; lines after the last one are left away."""

        def answer(connection: Connection) -> str | None:
            file = _one(connection, "SELECT id FROM files WHERE path = ? AND left_out IS NULL", path)
            return None if file is None else "".join(read_lines(connection, file, max(line, 0), end_line))

        return self._ask(None, answer)

    def paths(self) -> list[str]:
        """All indexed files, in order."""
        question = "SELECT path FROM files WHERE left_out IS NULL ORDER BY path"
        return self._ask([], lambda connection: [path for (path,) in connection.execute(question)])

    def totals(self) -> "Totals":
        """Counts over the whole workspace; takes longer than the other questions."""

        def answer(connection: Connection) -> Totals:
            files, lines = connection.execute(
                "SELECT count(*), coalesce(sum(lines), 0) FROM files WHERE left_out IS NULL"
            ).fetchone()
            symbols = connection.execute("SELECT count(*) FROM symbols").fetchone()[0]
            chunks = connection.execute("SELECT count(*) FROM chunks").fetchone()[0]
            question = (
                "SELECT left_out, count(*) FROM files WHERE left_out IS NOT NULL GROUP BY left_out ORDER BY left_out"
            )
            return Totals(files, lines, symbols, chunks, dict(connection.execute(question)))

        return self._ask(Totals(0, 0, 0, 0, {}), answer)

    def _symbols(self, question: str, *values: str | int) -> list[Symbol]:
        return self._ask([], lambda connection: [Symbol(*row) for row in connection.execute(question, values)])

    def _ask(self, absent: Answer, answer: Callable[[Connection], Answer]) -> Answer:
        """The answer over one snapshot of the index, or `absent` where there is none to ask."""
        try:
            connection = self._connection()
            if connection is None:
                return absent
            with transaction(connection, "DEFERRED"):
                return answer(connection)
        except database.DatabaseError as error:
            trouble = database.trouble(error)
            logger.debug("The index could not answer: %s", trouble)
            if trouble in ("damaged", "unusable"):
                inode = self._drop()
                if trouble == "damaged" and inode is not None:
                    self._on_damage(inode)
            return absent
        except OSError:
            # The file is gone: somebody has emptied the cache folder.
            self._on_damage(_NO_INODE)
            return absent

    def _connection(self) -> Connection | None:
        path = self._location()
        if path is None:
            return None
        facts = path.stat()
        # A rebuilt index is another file of the same name.
        identity = (path, facts.st_dev, facts.st_ino)
        if getattr(self._own, "identity", None) != identity:
            self._drop()
            connection = database.open_to_read(path)
            with self._lock:
                if self._closed:
                    connection.close()
                    return None
                self._opened.append(connection)
            self._own.connection, self._own.identity = connection, identity
        own: Connection = self._own.connection
        return own

    def _drop(self) -> int | None:
        """Closes this thread's connection; the inode of the file that it had open."""
        connection = getattr(self._own, "connection", None)
        inode = self._own.identity[2] if connection is not None else None
        self._own.__dict__.clear()
        if connection is not None:
            with self._lock:
                if connection in self._opened:
                    self._opened.remove(connection)
            connection.close()
        return inode


@attrs.frozen
class Totals:
    """Counts of one workspace's index; `left_out` counts files by the reason."""

    files: int
    lines: int
    symbols: int
    chunks: int
    left_out: dict[str, int]


@attrs.frozen
class _IndexedFiles:
    """What `resolve.py` asks, answered from the index."""

    connection: Connection

    def has(self, path: str) -> bool:
        return _one(self.connection, "SELECT 1 FROM files WHERE path = ? AND left_out IS NULL", path) is not None

    def roots(self, language: str) -> list[Root]:
        question = "SELECT language, scope, pattern, target FROM roots WHERE language = ? ORDER BY rowid"
        return [Root(*row) for row in self.connection.execute(question, (language,))]

    def sources_in(self, folder: str, language: str) -> list[str]:
        prefix = f"{folder}/" if folder else ""
        rows = self.connection.execute(
            "SELECT f.path, (SELECT count(*) FROM symbols s WHERE s.file = f.id) AS definitions FROM files f "
            "WHERE f.path >= ? AND (? = '' OR f.path < ?) AND instr(substr(f.path, ?), '/') = 0 "
            "AND f.language = ? AND f.left_out IS NULL ORDER BY definitions DESC, f.path",
            (prefix, folder, f"{folder}0", len(prefix) + 1, language),
        )
        return [path for path, _ in rows]


def _imports(connection: Connection, path: str) -> list[Import]:
    rows = connection.execute(
        "SELECT i.module, i.name, i.alias, i.line FROM imports i JOIN files f ON f.id = i.file "
        "WHERE f.path = ? ORDER BY i.id",
        (path,),
    )
    return [Import(*row) for row in rows]


def _resolve(connection: Connection, path: str, imported: Import) -> str | None:
    files = _IndexedFiles(connection)
    found = _resolve_once(files, path, imported)
    for _ in range(_MOST_HOPS):
        if found is None or imported.name in (None, "*") or _defines(connection, found, imported.name):
            break
        onward = _passed_on(files, found, imported)
        if onward is None or onward[0] == found:
            break
        found, imported = onward
    return found


def _passed_on(files: _IndexedFiles, path: str, imported: Import) -> tuple[str, Import] | None:
    """The file from which `path` itself has a name that it does not define, and the import by which it has it."""
    steps = _imports(files.connection, path)
    # `from .core import Thing as Public`: only the alias is visible outside.
    for step in (step for step in steps if (step.alias or step.name) == imported.name):
        found = _resolve_once(files, path, step)
        if found is not None:
            return found, step
    for step in (step for step in steps if step.name == "*"):
        found = _resolve_once(files, path, step)
        if found is not None and _defines(files.connection, found, imported.name):
            return found, imported
    return None


def _resolve_once(files: _IndexedFiles, path: str, imported: Import) -> str | None:
    language = language_of(Path(path), None)
    return None if language is None else resolve(files, path, language.name, imported)


def _defines(connection: Connection, path: str, name: str | None) -> bool:
    question = "SELECT 1 FROM symbols s JOIN files f ON f.id = s.file WHERE f.path = ? AND s.name = ? LIMIT 1"
    return connection.execute(question, (path, name)).fetchone() is not None


def _similar(connection: Connection, words: list[str], exclude: str | None, limit: int) -> list[ScoredChunk]:
    # Only identifiers: anything else could be read as the search's own syntax.
    identifiers = (identifier for word in words for identifier in IDENTIFIER.findall(word))
    terms = _rarest(connection, dict.fromkeys(word for identifier in identifiers for word in words_of(identifier)))
    if not terms or limit <= 0:
        return []
    # More than asked for, so that chunks of equal score at the cut are chosen by path and line, not by history.
    scored = connection.execute(
        "SELECT rowid, rank FROM search WHERE search MATCH ? AND rowid NOT IN "
        "(SELECT c.id FROM chunks c JOIN files f ON f.id = c.file WHERE f.path = ?) ORDER BY rank, rowid LIMIT ?",
        (" OR ".join(f'"{term}"' for term in terms), exclude or "", 2 * limit + 16),
    ).fetchall()
    found = [(-float(rank), _place(connection, identity)) for identity, rank in scored]
    found.sort(key=lambda pair: (-pair[0], pair[1]))
    return [ScoredChunk(_chunk(connection, place), score) for score, place in found[:limit]]


def _holding(connection: Connection, identifiers: list[str], exclude: str | None, limit: int) -> list[Chunk]:
    words = words_in(" ".join(identifiers))
    if not words or limit <= 0:
        return []
    # A phrase: the words lie in the index in the order in which they stand in the text.
    rows = connection.execute(
        "SELECT rowid FROM search WHERE search MATCH ? AND rowid NOT IN "
        "(SELECT c.id FROM chunks c JOIN files f ON f.id = c.file WHERE f.path = ?) ORDER BY rowid LIMIT ?",
        (f'"{words}"', exclude or "", limit),
    ).fetchall()
    return [_chunk(connection, place) for place in sorted(_place(connection, identity) for (identity,) in rows)]


_Place = tuple[str, int, int, str, int]
"""A chunk's path, first and last line, name, and the number of its file."""


def _place(connection: Connection, identity: int) -> _Place:
    row: _Place | None = connection.execute(
        "SELECT f.path, c.line, c.end_line, c.name, f.id FROM chunks c JOIN files f ON f.id = c.file WHERE c.id = ?",
        (identity,),
    ).fetchone()
    if row is None:
        raise database.damage("The search knows a chunk that does not exist.")
    return row


def _chunk(connection: Connection, place: _Place) -> Chunk:
    path, line, end_line, name, file = place
    return Chunk(path, line, end_line, name, "".join(read_lines(connection, file, line, end_line)))


def _rarest(connection: Connection, words: Iterable[str]) -> list[str]:
    """The words worth asking for, rarest first; among equally rare ones in alphabetical order."""
    wanted = list(words)[:_MOST_WORDS]
    marks = ", ".join("?" * len(wanted))
    counts = dict(connection.execute(f"SELECT word, chunks FROM common WHERE word IN ({marks})", wanted))
    for word in wanted:
        if word not in counts:
            counts[word] = _one(connection, "SELECT doc FROM vocabulary WHERE term = ?", word) or 0
    terms, matches = [], 0
    for count, word in sorted((count, word) for word, count in counts.items() if count):
        matches += count
        if matches > _MOST_MATCHES:
            break
        terms.append(word)
    return terms


def _one(connection: Connection, question: str, *values: str | int) -> int | None:
    row = connection.execute(question, values).fetchone()
    return None if row is None else int(row[0])
