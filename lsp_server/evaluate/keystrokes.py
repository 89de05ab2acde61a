"""Editing traces: what a person typed into a held-out file, key by key, as the editor tells a server about it.

A trace is one UTF-8 file of JSON lines. The first line is the header (`Header`), then one `{"path", "text"}` per file
of the workspace as it stands before the first key, then one line per key (`Key`). Replaying every key turns the edited
file into the text whose SHA-256 the header holds. This module reads and writes; it neither types nor measures.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, get_args

import attrs
import cattrs

from lsp_server.errors import ServerError

VERSION = 1

KeyKind = Literal["type", "close", "over", "enter", "indent", "backspace", "delete", "paste", "undo", "popup", "jump"]
"""type: a character; close: an opening bracket or quote to which the editor adds its partner; over: typing over such
a partner; enter: a line end with the editor's indentation; indent: the Tab key; backspace and delete: also whole
indentation steps and empty pairs; paste; undo; popup: the rest of a name taken from the editor's own list; jump: the
caret moves and nothing changes."""

ASKS: frozenset[str] = frozenset(get_args(KeyKind)) - {"paste", "undo", "jump"}
"""After which kinds an editor asks for an inline completion, as VS Code does: not after paste, undo or a jump."""


@attrs.frozen
class Header:
    """Where a trace comes from. `licence` is the SPDX name of the files' licence; its text lies beside the trace."""

    trace: int
    package: str
    version: str
    licence: str
    path: str
    """The edited file, relative to the workspace, with `/`."""
    seed: int
    final: str
    """SHA-256 of the edited file's text after the last key."""


@attrs.frozen
class Key:
    """One key: the text at [at, at + remove) becomes `insert`, then the caret stands at `caret`. Offsets of `str`.

    run: keys of one run belong together (typing in one place); an accepted suggestion may stand for several keys of
    one run, never across runs.
    """

    kind: KeyKind
    at: int
    remove: int
    insert: str
    caret: int
    run: int

    @property
    def asks(self) -> bool:
        return self.kind in ASKS

    @property
    def changes(self) -> bool:
        return bool(self.remove or self.insert)

    def applied(self, text: str) -> str:
        return text[: self.at] + self.insert + text[self.at + self.remove :]


@attrs.frozen
class EditingTrace:
    """A whole trace. `files` maps paths relative to the workspace to their texts before the first key."""

    header: Header
    files: Mapping[str, str]
    keys: tuple[Key, ...]

    @property
    def text(self) -> str:
        """The edited file before the first key."""
        return self.files[self.header.path]

    def lay_out(self, folder: Path) -> Path:
        """Writes the workspace into `folder`, leaving alone what is there already. Returns the edited file's path."""
        for name, text in self.files.items():
            path = folder / name
            content = text.encode("utf-8")
            if not path.is_file() or path.read_bytes() != content:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        return folder / self.header.path


def shipped() -> Path:
    """The trace that travels in the package; its licence notice lies beside it."""
    return Path(__file__).parent / "traces" / "attrs.jsonl"


def load(path: Path) -> EditingTrace:
    """Reads a trace. Raises ServerError where the file is missing, is not a trace or does not end as it promises."""
    try:
        with path.open(encoding="utf-8", newline="\n") as lines:
            header = cattrs.structure(json.loads(next(lines)), Header)
            if header.trace != VERSION:
                raise ServerError(f"The trace {path} has format {header.trace}; this version reads {VERSION}.")
            files: dict[str, str] = {}
            keys: list[Key] = []
            for line in lines:
                record = json.loads(line)
                if "path" in record:
                    files[record["path"]] = record["text"]
                else:
                    keys.append(cattrs.structure(record, Key))
        trace = EditingTrace(header, files, tuple(keys))
        final = trace.text
    except (OSError, ValueError, KeyError, StopIteration, cattrs.BaseValidationError) as error:
        raise ServerError(
            f"The trace {path} cannot be read ({type(error).__name__}).", "Install codehearth anew."
        ) from error
    for key in trace.keys:
        final = key.applied(final)
    if fingerprint(final) != header.final:
        raise ServerError(f"The trace {path} does not end in the text it promises.", "Install codehearth anew.")
    return trace


def save(trace: EditingTrace, path: Path) -> None:
    """Writes a trace; the same trace gives the same bytes."""
    records: Iterable[object] = (
        cattrs.unstructure(trace.header),
        *({"path": name, "text": text} for name, text in trace.files.items()),
        *(cattrs.unstructure(key) for key in trace.keys),
    )
    content = "".join(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n" for record in records)
    path.write_bytes(content.encode("utf-8"))


def fingerprint(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
