"""The proof that a change documented one definition, exactly, and did nothing else. Only compares; changes nothing."""

import ast
from collections.abc import Iterator, Sequence

from lsp_server.actions import docstring_reading as reading
from lsp_server.actions import signature, verify
from lsp_server.actions.docstring import Docstring
from lsp_server.actions.docstring_writing import missing
from lsp_server.actions.signature import Definition
from lsp_server.actions.source import Source
from lsp_server.actions.values import Replacement


def fault(before: Source, definition: Definition, edits: Sequence[Replacement]) -> str:
    """What is wrong with the edits, as the end of a sentence; empty where everything is proven."""
    after = verify.edited(before, edits)
    if after is None:
        return "the file would no longer parse"
    if not same_program(before, after, definition):
        return "more than the documentation would change"
    fresh = next((each for each in signature.definitions(after) if each.number == definition.number), None)
    if fresh is None or fresh.literal is None:
        return "the documentation would not stand where it belongs"
    written = Docstring.of(after.text[fresh.literal.start : fresh.literal.end])
    if written is None:
        return "the documentation would not be one string"
    old = _old_lines(before, definition)
    if not _holds_in_order(old, [line.strip() for line in written.lines]):
        return "documentation that is there would change"
    present = reading.read(written.lines, written.margin(""))
    if missing(fresh, present):
        return "the documentation would not be complete"
    if not old and not exact(fresh, present):
        return "the documentation would not match the signature"
    return ""


def same_program(before: Source, after: Source, definition: Definition) -> bool:
    """Are both the same, node by node and every other documentation string included, but for this definition's?"""
    return _dump_without(before, definition) == _dump_without(after, definition)


def exact(definition: Definition, present: reading.Reading) -> bool:
    """Are exactly the parameters (of a class: the attributes) documented, each once, in order?"""
    listed = definition.attributes if definition.kind == "class" else definition.parameters
    return present.names("parameters", "attributes") == tuple(each.name for each in listed)


def _dump_without(source: Source, definition: Definition) -> str:
    node = signature.node_of(source, definition)
    kept = node.body
    if signature.documentation_of(node) is not None:
        node.body = kept[1:]
    try:
        return ast.dump(source.module)
    finally:
        node.body = kept


def _old_lines(before: Source, definition: Definition) -> list[str]:
    if definition.literal is None:
        return []
    old = Docstring.of(before.text[definition.literal.start : definition.literal.end])
    return [line.strip() for line in old.lines if line.strip()] if old is not None and not old.blank else []


def _holds_in_order(old: Sequence[str], new: Sequence[str]) -> bool:
    rest: Iterator[str] = iter(new)
    return all(line in rest for line in old)
