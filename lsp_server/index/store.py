"""What the writer does to the index: put a file's facts in, take them out, count. Used on the index thread only.

Each public method that changes something is one transaction and grows the generation by one where it changed what
readers can see.
"""

import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from lsp_server.index import database
from lsp_server.index.database import Connection, transaction
from lsp_server.index.extract import BLOCK_LINES, ChunkRow, Extracted, FileFacts, lines_of
from lsp_server.index.resolve import Root
from lsp_server.index.values import Coverage
from lsp_server.index.words import words_in

_BLOCK_BITS = 20
"""Blocks per file: 2^20 blocks of 128 lines, more than the largest file that `index.maxFileKb` allows."""

UNSAVED = -1
"""In place of a time of change: an open document's text is indexed, and the file is read again later."""

_COMMON_CHUNKS = 64
"""A word of more chunks than this has its count stored: counting it takes longer than looking its count up."""

_RECOUNT = 1.25
"""The counts of common words are made anew when the number of chunks has changed by this factor: they only choose
which words of a question are worth asking."""

_OPTIMIZE_FILES = 200
"""After so many written files the full-text index is merged into one segment (0.4 s for a million lines), which
halves the time of a question."""


class Store:
    """One workspace's index, open for writing. Failures are `database.DatabaseError`; see `database.trouble`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._written = 0
        self._changed = False
        self._next_chunk = int(self._one("SELECT coalesce(max(id), 0) FROM chunks")) + 1

    @classmethod
    def open(cls, path: Path, folder: Path, version: str) -> "Store":
        """The store in this file. A file of another version, another folder or with damage at its root is replaced."""
        try:
            connection = database.open_to_write(path)
        except database.DatabaseError as error:
            if database.trouble(error) != "damaged":
                raise
            return cls._create(path, folder, version)
        try:
            identity = dict(connection.execute("SELECT key, value FROM meta WHERE key IN ('version', 'folder')"))
            if identity == {"version": version, "folder": str(folder)}:
                return cls(connection)
        except database.DatabaseError as error:
            if database.trouble(error) != "damaged":
                connection.close()
                raise
        connection.close()
        return cls._create(path, folder, version)

    @classmethod
    def _create(cls, path: Path, folder: Path, version: str) -> "Store":
        database.remove(path)
        connection = database.open_to_write(path)
        with transaction(connection, "IMMEDIATE"):
            facts = {"version": version, "folder": str(folder), "generation": 0, "counted": 0}
            connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", facts.items())
        return cls(connection)

    def close(self) -> None:
        self._connection.close()

    def interrupt(self) -> None:
        """Ends a statement that is running; the only method that any thread may call."""
        self._connection.interrupt()

    def known(self, under: str = "") -> dict[str, tuple[int, int]]:
        """(mtime_ns, size) by path of every file at or below `under`, files that were left out included."""
        rows = self._connection.execute(
            "SELECT path, mtime_ns, size FROM files WHERE ? = '' OR path = ? OR (path > ? AND path < ?)",
            (under, under, f"{under}/", f"{under}0"),  # "0" is the character after "/"
        )
        return {path: (mtime_ns, size) for path, mtime_ns, size in rows}

    def digest(self, path: str) -> str | None:
        """Of the content that is indexed for this path."""
        row = self._connection.execute("SELECT digest FROM files WHERE path = ?", (path,)).fetchone()
        return None if row is None else str(row[0])

    def write(self, files: Iterable[tuple[str, Extracted]]) -> None:
        """Makes the facts of these files what the index says about them."""
        with self._change():
            for path, extracted in files:
                self._write(path, extracted)

    def remove(self, paths: Iterable[str]) -> None:
        with self._change():
            for path in paths:
                row = self._connection.execute("SELECT id FROM files WHERE path = ?", (path,)).fetchone()
                if row is not None:
                    self._clear(row[0])
                    self._connection.execute("DELETE FROM files WHERE id = ?", row)
                    self._changed = True

    def set_roots(self, roots: dict[str, list[Root]]) -> None:
        """Replaces what all project files say; `roots` by the path of the project file."""
        wanted = [(source, *attrs.astuple(root)) for source in sorted(roots) for root in roots[source]]
        if list(self._connection.execute("SELECT * FROM roots ORDER BY rowid")) == wanted:
            return
        with self._change():
            self._connection.execute("DELETE FROM roots")
            self._connection.executemany("INSERT INTO roots VALUES (?, ?, ?, ?, ?)", wanted)
            self._changed = True

    def set_coverage(self, coverage: Coverage) -> None:
        with transaction(self._connection, "IMMEDIATE"):
            self._connection.executemany(
                "INSERT OR REPLACE INTO meta VALUES (?, ?)",
                [(f"coverage.{k}", int(v)) for k, v in attrs.asdict(coverage).items()],
            )

    def tidy(self) -> None:
        """Keeps questions fast after many changes; cheap when there were few."""
        if self._written >= _OPTIMIZE_FILES:
            self._connection.execute("INSERT INTO search (search) VALUES ('optimize')")
            self._written = 0
        chunks = int(self._one("SELECT count(*) FROM chunks"))
        counted = int(self._one("SELECT value FROM meta WHERE key = 'counted'"))
        if not counted / _RECOUNT <= chunks <= counted * _RECOUNT:
            with transaction(self._connection, "IMMEDIATE"):
                self._connection.execute("DELETE FROM common")
                self._connection.execute(
                    "INSERT INTO common SELECT term, doc FROM vocabulary WHERE doc > ?", (_COMMON_CHUNKS,)
                )
                self._connection.execute("UPDATE meta SET value = ? WHERE key = 'counted'", (chunks,))

    @contextmanager
    def _change(self) -> Iterator[None]:
        self._changed = False
        with transaction(self._connection, "IMMEDIATE"):
            yield
            if self._changed:
                self._connection.execute("UPDATE meta SET value = value + 1 WHERE key = 'generation'")

    def _write(self, path: str, extracted: Extracted) -> None:
        facts = extracted.facts
        row = self._connection.execute("SELECT id, digest, left_out FROM files WHERE path = ?", (path,)).fetchone()
        if facts is None or (row is not None and row[1:] == (facts.digest, facts.left_out)):
            if extracted.mtime_ns != UNSAVED:
                self._connection.execute(
                    "UPDATE files SET mtime_ns = ?, size = ? WHERE path = ?", (extracted.mtime_ns, extracted.size, path)
                )
            return
        facts_of_file = (facts.language, facts.digest, extracted.mtime_ns, extracted.size, facts.lines, facts.left_out)
        if row is None:
            file = self._connection.execute(
                "INSERT INTO files (path, language, digest, mtime_ns, size, lines, left_out) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (path, *facts_of_file),
            ).lastrowid
            assert file is not None
            self._write_chunks(file, facts.chunks)
        else:
            file = int(row[0])
            self._replace_chunks(file, facts)
            self._clear_rows(file)
            self._connection.execute(
                "UPDATE files SET language = ?, digest = ?, mtime_ns = ?, size = ?, lines = ?, left_out = ? "
                "WHERE id = ?",
                (*facts_of_file, file),
            )
        self._write_rows(file, facts)
        self._changed = True
        self._written += 1

    def _write_rows(self, file: int, facts: FileFacts) -> None:
        execute = self._connection.executemany
        execute(
            "INSERT INTO symbols (file, name, kind, line, end_line, container, signature) VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(file, *row) for row in facts.symbols],
        )
        execute(
            "INSERT INTO imports (file, module, name, alias, line) VALUES (?, ?, ?, ?, ?)",
            [(file, *row) for row in facts.imports],
        )
        first = file << _BLOCK_BITS
        execute(
            "INSERT INTO blocks VALUES (?, ?)", [(first + number, text) for number, text in enumerate(facts.blocks)]
        )

    def _write_chunks(self, file: int, chunks: Iterable[ChunkRow]) -> None:
        rows, words = [], []
        for line, end_line, name, text in chunks:
            rows.append((self._next_chunk, file, line, end_line, name))
            words.append((self._next_chunk, text))
            self._next_chunk += 1
        self._connection.executemany("INSERT INTO chunks VALUES (?, ?, ?, ?, ?)", rows)
        self._connection.executemany("INSERT INTO search (rowid, words) VALUES (?, ?)", words)

    def _replace_chunks(self, file: int, facts: FileFacts) -> None:
        """Keeps the search rows of pieces whose words are the same: an edit changes one piece and moves the others."""
        kept: dict[str, list[tuple[int, int, int, str]]] = defaultdict(list)
        for row, words in self._chunks(file):
            kept[words].append(row)
        moved: list[tuple[int, int, str, int]] = []
        fresh: list[ChunkRow] = []
        for chunk in facts.chunks:
            line, end_line, name, words = chunk
            if kept.get(words):
                identity, *place = kept[words].pop(0)
                if place != [line, end_line, name]:
                    moved.append((line, end_line, name, identity))
            else:
                fresh.append(chunk)
        self._connection.executemany("UPDATE chunks SET line = ?, end_line = ?, name = ? WHERE id = ?", moved)
        self._delete_chunks((row[0], words) for words, rows in kept.items() for row in rows)
        self._write_chunks(file, fresh)

    def _chunks(self, file: int) -> Iterator[tuple[tuple[int, int, int, str], str]]:
        """((id, line, end_line, name), words) of the stored chunks, the words as they were given to the search."""
        rows = self._connection.execute(
            "SELECT id, line, end_line, name FROM chunks WHERE file = ? ORDER BY line, id", (file,)
        ).fetchall()
        lines = read_lines(self._connection, file, 0, max((row[2] for row in rows), default=-1))
        for row in rows:
            yield row, words_in("".join(lines[row[1] : row[2] + 1]))

    def _clear(self, file: int) -> None:
        self._delete_chunks((row[0], words) for row, words in self._chunks(file))
        self._clear_rows(file)

    def _clear_rows(self, file: int) -> None:
        for table in ("symbols", "imports"):
            self._connection.execute(f"DELETE FROM {table} WHERE file = ?", (file,))
        first = file << _BLOCK_BITS
        self._connection.execute("DELETE FROM blocks WHERE id >= ? AND id < ?", (first, first + (1 << _BLOCK_BITS)))

    def _delete_chunks(self, chunks: Iterable[tuple[int, str]]) -> None:
        gone = list(chunks)
        # A contentless table forgets a row only when it is told the row's words.
        self._connection.executemany("INSERT INTO search (search, rowid, words) VALUES ('delete', ?, ?)", gone)
        self._connection.executemany("DELETE FROM chunks WHERE id = ?", [(identity,) for identity, _ in gone])

    def _one(self, question: str) -> int:
        row = self._connection.execute(question).fetchone()
        if row is None:
            raise database.damage("A row is missing.")
        return int(row[0])


def read_lines(connection: Connection, file: int, line: int, end_line: int) -> list[str]:
    """The stored lines `line` to `end_line`, both included, with their ends; lines that do not exist are left away."""
    if end_line < line or line < 0:
        return []
    first, last = line // BLOCK_LINES, end_line // BLOCK_LINES
    rows = connection.execute(
        "SELECT text FROM blocks WHERE id BETWEEN ? AND ? ORDER BY id",
        ((file << _BLOCK_BITS) + first, (file << _BLOCK_BITS) + min(last, (1 << _BLOCK_BITS) - 1)),
    )
    try:
        text = "".join(zlib.decompress(block).decode("utf-8") for (block,) in rows)
    except (zlib.error, UnicodeDecodeError) as error:
        raise database.damage("A block of text cannot be unpacked.") from error
    skipped = first * BLOCK_LINES
    return lines_of(text)[line - skipped : end_line - skipped + 1]
