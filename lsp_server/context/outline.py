"""The import outline: signatures and members of what the current file imports, the names nearest to the cursor first.

Of all sources of context this one names the needed member most often (EVALUATION.md section 2). It holds heads of
definitions only, never their bodies.
"""

from collections.abc import Iterator

import attrs

from lsp_server.context.nearby import Nearby
from lsp_server.context.snippet import Snippet
from lsp_server.index.values import Import, IndexReader, Symbol

MOST_IMPORTS = 24
"""Imports that are resolved, nearest first: each costs a few queries, and the whole has 20 ms."""

MOST_HOPS = 3
"""A package may hand a name on from its `__init__`, and that from another."""

MOST_MEMBERS = 40
MOST_MODULE_NAMES = 12
FAR = 1_000_000
_HOLDERS = frozenset({"class", "interface", "enum", "type"})


@attrs.frozen
class _Entry:
    """What one import contributes: lines of text in `path`, ordered there by `line`."""

    path: str
    line: int
    name: str
    text: str
    rank: int


def outline(path: str, reader: IndexReader, nearby: Nearby, budget: int) -> list[Snippet]:
    """One snippet for each imported file, within `budget` characters; the file with the nearest name first."""
    chosen: dict[str, list[_Entry]] = {}
    left = budget
    seen: set[tuple[str, int]] = set()
    for entry in _entries(path, reader, nearby, budget):
        room = left - (0 if entry.path in chosen else len(entry.path) + 8)
        text = _first_lines(entry.text, room)
        if (entry.path, entry.line) in seen or not text:
            continue
        seen.add((entry.path, entry.line))
        left = room - len(text) - 1
        chosen.setdefault(entry.path, []).append(attrs.evolve(entry, text=text))
    return [_snippet(target, entries) for target, entries in chosen.items()]


def _snippet(path: str, entries: list[_Entry]) -> Snippet:
    names = ", ".join(dict.fromkeys(entry.name for entry in entries))
    names = names if len(names) <= 54 else names[:53] + "…"
    text = "\n".join(entry.text for entry in sorted(entries, key=lambda entry: entry.line))
    return Snippet(path, text, "outline", f"defines {names}, imported here", None, -float(min(e.rank for e in entries)))


def _entries(path: str, reader: IndexReader, nearby: Nearby, budget: int) -> Iterator[_Entry]:
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
                    yield _Entry(found.path, found.line, found.name, _head(reader, found, nearby, budget), rank)
                continue
            if any(symbol.name == imported.name for symbol in reader.symbols(target)):
                continue
        yield from _module(reader, target, nearby, _local(imported), budget, rank)


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


def _module(reader: IndexReader, path: str, nearby: Nearby, local: str, budget: int, rank: int) -> Iterator[_Entry]:
    """Names of a module: first those that are used close by after its name and a dot, then what else it offers."""
    symbols = [symbol for symbol in reader.symbols(path) if not symbol.container]
    used = nearby.attributes.get(local, ())
    wanted = {name: place for place, name in enumerate(used)}
    for place, name in enumerate(nearby.rank):
        wanted.setdefault(name, len(used) + place)
    public = [symbol for symbol in symbols if symbol.name in wanted or not symbol.name.startswith("_")]
    public.sort(key=lambda symbol: (wanted.get(symbol.name, FAR), symbol.line))
    for symbol in public[:MOST_MODULE_NAMES]:
        text = _head(reader, symbol, nearby, budget) if symbol.name in wanted else symbol.signature
        yield _Entry(path, symbol.line, symbol.name, text, rank)


def _head(reader: IndexReader, symbol: Symbol, nearby: Nearby, budget: int) -> str:
    """A definition's signature and, for a class and its kin, those of its members, in at most half the budget."""
    if symbol.kind not in _HOLDERS:
        return symbol.signature
    members = reader.members(symbol.path, symbol.name)
    members.sort(key=lambda member: (nearby.rank.get(member.name, FAR), _hidden(member.name), member.line))
    chosen: list[Symbol] = []
    left = max(budget // 2, 200) - len(symbol.signature)
    for member in members[:MOST_MEMBERS]:
        left -= len(member.signature) + 5
        if left < 0:
            break
        chosen.append(member)
    chosen.sort(key=lambda member: member.line)
    return "\n".join([symbol.signature, *(f"    {member.signature}" for member in chosen)])


def _hidden(name: str) -> bool:
    """Private names are wanted less than public ones, but a constructor is wanted."""
    return name.startswith("_") and name != "__init__"


def _first_lines(text: str, room: int) -> str:
    """As many whole lines of `text` as fit into `room` characters."""
    if len(text) <= room:
        return text
    cut = text.rfind("\n", 0, max(room, 0) + 1)
    return text[:cut] if cut > 0 else ""
