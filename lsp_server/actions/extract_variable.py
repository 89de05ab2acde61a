"""*Extract variable*: gives a selected Python expression a name, where that changes nothing else.

What may be taken out, and where it goes, the rules of `extract_variable_place` decide; the name comes from the model,
or from the expression where the model has no usable word. Nothing is offered that `verify.extracts` has not proven.
"""

import ast
import asyncio
import re
from collections.abc import Iterator
from functools import lru_cache

import attrs

from lsp_server.actions import extract_variable_occurrences as occurrences
from lsp_server.actions import extract_variable_place as places
from lsp_server.actions import naming, verify
from lsp_server.actions.edits import applied, indentation_at, indentation_unit, joined, line_end, line_start
from lsp_server.actions.extract_variable_effects import is_harmless
from lsp_server.actions.extract_variable_place import Place
from lsp_server.actions.source import LARGEST, Source, equal, parsed, read
from lsp_server.actions.values import EXTRACT_VARIABLE as KIND
from lsp_server.actions.values import Filled, Offer, Proposal, Refusal, Replacement, Selection, Tools
from lsp_server.errors import ServerError
from lsp_server.syntax.trees import SyntaxTree
from lsp_server.text import Span

TITLE = "Extract variable"
ONE, ALL = "one", "all"

NAME_TOKENS = 12
"""Longest name asked for; identifiers are a few tokens."""

STOP = ("\n", "=", ":", "(", ",", "#")
"""What ends a name where somebody assigns to it. Not a blank: some vocabularies begin words with one."""

LEAST_LOGPROB = -2.0
"""Mean per token. Below it the model guesses among seven words or more, and the expression's own word is better."""

UNPROVEN = "It could not be proven that the program stays the same."
TOO_DEEP = "The file is nested too deeply to be analysed."


@attrs.frozen(eq=False)
class Extraction:
    """One way to do it: evaluated at `place`, for `nodes`, of which `selected` may lose its parentheses (`spans`)."""

    source: Source
    place: Place
    nodes: tuple[ast.expr, ...]
    selected: ast.expr
    spans: tuple[Span, ...]
    used: frozenset[str]

    @property
    def constant(self) -> bool:
        """Is it a literal of the whole module, which Python writes in capitals?"""
        return isinstance(self.place.scope, ast.Module) and is_harmless(self.selected)

    def plain_name(self) -> str:
        holder = self.source.holder(self.selected)
        parent = holder.node if holder is not None else None
        return naming.from_expression(self.selected, parent, self.used, constant=self.constant)


class ExtractVariable:
    """Implements `values.Action`."""

    kind = KIND
    languages = frozenset({"python"})

    def offers(self, selection: Selection, tree: SyntaxTree) -> list[Offer]:
        """For the selected place, and for all that may share its value; nothing for a bare cursor."""
        if not selection.document.text[selection.span.start : selection.span.end].strip():
            return []
        try:
            found = extractions(selection, tree)
            if isinstance(found, str):
                return [Offer(KIND, TITLE, ONE, found)]
            proven = {key: one for key, one in found.items() if proven_edits(one, one.plain_name(), tree) is not None}
        except RecursionError:
            return [Offer(KIND, TITLE, ONE, TOO_DEEP)]
        if not proven:
            return [Offer(KIND, TITLE, ONE, UNPROVEN)]
        return [
            Offer(KIND, TITLE if key == ONE else f"{TITLE} ({len(one.nodes)} occurrences)", key)
            for key, one in proven.items()
        ]

    async def propose(self, selection: Selection, offer: Offer, tree: SyntaxTree, tools: Tools) -> Proposal | Refusal:
        try:
            found = await asyncio.to_thread(extractions, selection, tree)
            if isinstance(found, str):
                return Refusal(found)
            if (extraction := found.get(offer.key)) is None:
                return Refusal("This can no longer be done here.")
            tools.progress("Choosing a name", None)
            name, notes = await _named(extraction, tools)
            edits = await asyncio.to_thread(proven_edits, extraction, name, tree)
        except RecursionError:
            return Refusal(TOO_DEEP)
        if edits is None:
            return Refusal(UNPROVEN)
        count = len(extraction.nodes)
        return Proposal(edits, f"Extract {name}" + (f" from {count} places" if count > 1 else ""), notes)


def extractions(selection: Selection, tree: SyntaxTree) -> dict[str, Extraction] | str:
    """The ways to extract what is selected, by the key of their offers; or why there is none."""
    text = selection.document.text
    if len(text) > LARGEST:
        return "The file is too large to be analysed."
    span = places.trimmed(text, selection.span)
    source = _read(text) or read(text, span)
    if source is None:
        return "The file has a syntax error."
    selected = places.selected(source, span, tree)
    if isinstance(selected, str):
        return selected
    place = places.placed(source, selected.node)
    scope = places.scope_of(source, selected.node)
    found = {}
    if scope is not None:
        used = places.used_names(source, scope)
        if not isinstance(place, str):
            found[ONE] = Extraction(source, place, (selected.node,), selected.node, selected.spans, used)
        if (more := occurrences.shared(source, selected.node, scope)) is not None:
            found[ALL] = Extraction(source, more[0], more[1], selected.node, selected.spans, used)
    return found or (place if isinstance(place, str) else UNPROVEN)


def proven_edits(extraction: Extraction, name: str, tree: SyntaxTree) -> tuple[Replacement, ...] | None:
    """The edits that give the expression this name and provably do nothing else; None where there are none."""
    source = extraction.source
    uses = 0 if extraction.place.whole else len(extraction.nodes)
    for edits in _attempts(extraction, name):
        after = verify.edited(source, edits)
        if after is not None and verify.extracts(source, after, extraction.place.scope, name, uses):
            return edits if not verify.new_errors(tree, applied(source.text, edits)) else None
    return None


@lru_cache(maxsize=2)
def _read(text: str) -> Source | None:
    """An editor asks again at every change of the selection, and then for the edits."""
    return read(text)


# The name


async def _named(extraction: Extraction, tools: Tools) -> tuple[str, tuple[str, ...]]:
    """The model's word, else one from the expression, with a note where there was no model to ask."""
    plain = extraction.plain_name()
    try:
        filled = await tools.ask.fill(*_hole(extraction), max_tokens=NAME_TOKENS, stop=STOP)
    except ServerError as error:
        return plain, (f"The name comes from the expression, because the model did not answer: {error.sentence}",)
    return _trusted(filled, extraction) or plain, ()


def _trusted(filled: Filled, extraction: Extraction) -> str | None:
    if filled.logprob is None or filled.logprob < LEAST_LOGPROB:
        return None
    return naming.cleaned(filled.text, extraction.used, constant=extraction.constant)


def _hole(extraction: Extraction) -> tuple[str, str]:
    """The file with an assignment whose target is missing: what stands before the hole, and after it."""
    mark = "\0"
    edits = [_evaluation(extraction, mark)]
    text = applied(extraction.source.text, joined(edits))
    before, _, after = text.partition(mark)
    return before, after


# The edits


def _attempts(extraction: Extraction, name: str) -> Iterator[tuple[Replacement, ...]]:
    """With the selection's own parentheses replaced, without, and with parentheses of ours (`return(a)`)."""
    source = extraction.source
    if extraction.place.whole:
        yield joined([_evaluation(extraction, name)])
        return
    spans = [source.span(node) for node in extraction.nodes if node is not extraction.selected]
    for word in (name, f"({name})"):
        for own in extraction.spans:
            uses = [Replacement(span, word) for span in (*spans, own)]
            yield joined([_evaluation(extraction, name), *uses])


def _evaluation(extraction: Extraction, name: str) -> Replacement:
    """The assignment: on a line of its own before the statement, in a block of its own where the statement stands
    behind its header (`if a: b`), or before the statement on its line where others stand there already."""
    source, place = extraction.source, extraction.place
    text = source.text
    start = source.span(place.statement).start
    if place.whole:
        return Replacement(Span(start, start), f"{name} = ")
    margin = max(line_start(text, start), source.part.start)
    assignment = f"{name} = {_value(source, place, start)}"
    end = line_end(text)
    if not text[margin:start].strip():
        return Replacement(Span(start, start), f"{assignment}{end}{text[margin:start]}")
    header = len(text[:start].rstrip(" \t"))
    if place.block[0] is place.statement and text[header - 1] == ":":
        indentation = _margin_of_holder(source, place.statement) + indentation_unit(text)
        return Replacement(Span(header, start), f"{end}{indentation}{assignment}{end}{indentation}")
    return Replacement(Span(start, start), f"{assignment}; ")


def _margin_of_holder(source: Source, statement: ast.stmt) -> str:
    """The indentation of the line on which the statement's `if`, `case`, `except`, … begins."""
    holder = source.holder(statement)
    node = holder.node if holder is not None else source.module
    at = node.pattern if isinstance(node, ast.match_case) else node
    return indentation_at(source.text, source.span(at).start)


def _value(source: Source, place: Place, start: int) -> str:
    """The expression's text for its new line: moved in or out as a whole where it has several lines, in parentheses
    where it needs them."""
    own = source.span(place.node)
    text = source.text[own.start : own.end]
    old, new = indentation_at(source.text, own.start), indentation_at(source.text, start)
    lines = re.split(r"(?<=\n)", text)
    moved = lines[0] + "".join(new + line[len(old) :] if line.startswith(old) else line for line in lines[1:])
    wanted = ast.Expression(place.node)
    for candidate in (moved, f"({moved})", text):
        read_again = parsed(f"_ = {candidate}\n")
        match read_again:
            case ast.Module(body=[ast.Assign(value=value)]) if equal(ast.Expression(value), wanted):
                return candidate
    return f"({text})"
