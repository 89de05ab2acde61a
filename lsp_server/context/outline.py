"""The import outline: signatures and members of what the current file imports, the names nearest to the cursor first.

Of all sources of context this one names the needed member most often (EVALUATION.md section 2). It holds heads of
definitions only, never their bodies.
"""

import re
from collections.abc import Iterator

import attrs

from lsp_server.context.nearby import Nearby
from lsp_server.context.snippet import Snippet
from lsp_server.index.values import Import, IndexReader, Symbol

MOST_IMPORTS = 24
"""Imports that are resolved, nearest first: each costs a few queries, and the whole has 20 ms."""

MOST_HOPS = 3
"""A package may hand a name on from its `__init__`, and that from another."""

MOST_MEMBERS = 80
"""Members of one definition, or names of one module, that are considered, the nearest first."""

SHORT = 60
"""Characters up to which the signature of a member that is not named close by is left as it is."""

NEAREST = 6
"""How many times the equal share of the room one import gets, the nearest first: 2 finds the needed member for 54 % of
the mined holes of one repository at 512 tokens, 4 for 70 %, 6 for 74 %, 14 for 77 % and then less on another."""

LEAST_SIGNATURE = 8
"""Characters below which no signature fits any more."""

FAR = 1_000_000
_HOLDERS = frozenset({"class", "interface", "enum", "type", "module"})


@attrs.frozen
class _Entry:
    """What one import contributes: a head and members, the most wanted first. A module has no head of its own."""

    path: str
    line: int
    name: str
    head: str
    members: tuple[Symbol, ...]
    rank: int

    def text(self, nearby: Nearby, room: int) -> str:
        """At most `room` characters. Every member is named before any has its signature: that it exists is the most
        useful thing about it. Members that are named close by keep their types."""
        indent = "    " if self.head else ""
        left = room - len(self.head) - (len(self.head) > 0)
        named: list[Symbol] = []
        left -= len(indent)
        for member in self.members:
            left -= len(member.name) + 2
            if left < 0:
                break
            named.append(member)
        left = max(left, 0)
        lines: dict[int, str] = {}
        for place, member in enumerate(named):
            if left < LEAST_SIGNATURE:
                break
            close = member.name in nearby.rank
            if member.kind in ("variable", "constant") and not close:
                continue
            signature = member.signature if close else compact(member.signature)
            extra = len(indent) + len(signature) + 1 - len(member.name) - 2
            if extra <= left:
                left -= extra
                lines[place] = signature
        rest = dict.fromkeys(member.name for place, member in enumerate(named) if place not in lines)
        signatures = sorted((named[place].line, signature) for place, signature in lines.items())
        parts = [self.head, indent + ", ".join(rest) if rest else "", *(indent + text for _, text in signatures)]
        text = "\n".join(part for part in parts if part)
        return text if len(text) <= room else ""


def outline(path: str, reader: IndexReader, nearby: Nearby, budget: int) -> list[Snippet]:
    """One snippet for each imported file, within `budget` characters; the file with the nearest name first."""
    entries = list(
        {(entry.path, entry.line): entry for entry in reversed(list(_entries(path, reader, nearby)))}.values()
    )
    entries.reverse()
    chosen: dict[str, list[tuple[_Entry, str]]] = {}
    left = budget
    for place, entry in enumerate(entries):
        # The nearest gets most, and what it does not need goes to the next.
        room = left * NEAREST // (len(entries) - place + NEAREST - 1) - (
            1 if entry.path in chosen else len(entry.path) + 8
        )
        text = entry.text(nearby, room)
        if text:
            left -= len(text) + (1 if entry.path in chosen else len(entry.path) + 8)
            chosen.setdefault(entry.path, []).append((entry, text))
    return [_snippet(target, parts) for target, parts in chosen.items()]


def _snippet(path: str, parts: list[tuple[_Entry, str]]) -> Snippet:
    parts = sorted(parts, key=lambda part: part[0].line)
    names = ", ".join(dict.fromkeys(entry.name for entry, _ in parts))
    names = names if len(names) <= 54 else names[:53] + "…"
    text = "\n".join(text for _, text in parts)
    nearest = min(entry.rank for entry, _ in parts)
    return Snippet(path, text, "outline", f"defines {names}, imported here", None, -float(nearest))


def _entries(path: str, reader: IndexReader, nearby: Nearby) -> Iterator[_Entry]:
    imports = {(item.module, item.name, item.alias): item for item in reader.imports(path)}.values()
    ranked = sorted(imports, key=lambda item: (nearby.rank.get(_local(item), FAR), item.line, _local(item)))
    for imported in ranked[:MOST_IMPORTS]:
        rank = nearby.rank.get(_local(imported), FAR)
        target = reader.resolve(path, imported)
        if target is None or target == path:
            continue
        if imported.name is not None and imported.name != "*":
            # A default export usually bears the name under which it is imported.
            name = imported.alias or imported.name if imported.name == "default" else imported.name
            found = _definition(reader, target, name, MOST_HOPS)
            if found is not None:
                if found.path != path:
                    yield _of_symbol(reader, found, nearby, rank)
                continue
            if any(symbol.name == imported.name for symbol in reader.symbols(target)):
                continue
        yield from _of_module(reader, target, nearby, _local(imported), rank)


def _local(imported: Import) -> str:
    """The name by which the file calls what it imports."""
    return imported.alias or imported.name or imported.module.replace("/", ".").rstrip(".").rpartition(".")[2]


def _definition(reader: IndexReader, path: str, name: str, hops: int) -> Symbol | None:
    """The top-level definition of a name in a file or in the file it takes the name from."""
    for symbol in reader.symbols(path):
        if symbol.name == name and not symbol.container:
            return symbol
    for imported in reader.imports(path) if hops else ():
        if name in (imported.alias, imported.name):
            target = reader.resolve(path, imported)
            if target is not None and target != path:
                return _definition(reader, target, imported.name or name, hops - 1)
    return None


def _of_module(reader: IndexReader, path: str, nearby: Nearby, local: str, rank: int) -> Iterator[_Entry]:
    """A module: the names used close by after its own name and a dot, each by itself, and what else it offers."""
    symbols = [symbol for symbol in reader.symbols(path) if not symbol.container]
    used = nearby.attributes.get(local, ())
    for symbol in sorted((symbol for symbol in symbols if symbol.name in used), key=lambda each: used.index(each.name)):
        yield _of_symbol(reader, symbol, nearby, rank)
    rest = [symbol for symbol in symbols if symbol.name not in used and not symbol.name.startswith("_")]
    if rest:
        yield _Entry(path, -1, local, "", _by_want(rest, nearby), rank)


def _of_symbol(reader: IndexReader, symbol: Symbol, nearby: Nearby, rank: int) -> _Entry:
    members = _by_want(reader.members(symbol.path, symbol.name), nearby) if symbol.kind in _HOLDERS else ()
    return _Entry(symbol.path, symbol.line, symbol.name, symbol.signature, members, rank)


def _by_want(symbols: list[Symbol], nearby: Nearby) -> tuple[Symbol, ...]:
    def want(symbol: Symbol) -> tuple[int, bool, int]:
        private = symbol.name.startswith("_") and symbol.name != "__init__"
        return nearby.rank.get(symbol.name, FAR), private, symbol.line

    first = {symbol.name: symbol for symbol in reversed(symbols)}  # an attribute is often assigned many times
    return tuple(sorted(first.values(), key=want)[:MOST_MEMBERS])


def compact(signature: str) -> str:
    """A signature without types and default values, if it is long: `def grid(self, *headers, padding, expand)`."""
    opening = signature.find("(")
    if signature.startswith("func ("):  # The receiver of a Go method.
        opening = signature.find("(", signature.find(")"))
    if len(signature) <= SHORT or opening < 0:
        return signature
    depth, names, start = 0, [], opening + 1
    for place in range(opening, len(signature)):
        character = signature[place]
        depth += (character in "([{") - (character in ")]}")
        if (character == "," and depth == 1) or depth == 0:
            names.append(re.split(r"[:=]", signature[start:place], maxsplit=1)[0].strip())
            start = place + 1
        if depth == 0:
            break
    if depth > 0:  # The index has cut it.
        names.append("…")
    kept = ", ".join(name for name in names if name)
    return f"{signature[:opening]}({kept if len(kept) <= SHORT else kept[: SHORT - 1] + '…'})"
