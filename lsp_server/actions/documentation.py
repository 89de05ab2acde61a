"""The action *Add documentation* for a Python function, method or class; *Complete documentation* where there is some.

What is listed comes from the signature and the body's syntax; the model only fills holes in sentences, one after the
other, inside the quotes. What it says is used where it says more than the name; else a plain statement that the source
itself makes (a default, a condition, a returned expression), else the entry stands with its type alone. Where not even
the summary has a sentence, nothing is proposed. Stub files and definitions whose string was put together are refused.
"""

import asyncio
import re
from collections.abc import Sequence

import attrs

from lsp_server.actions import docstring_reading as reading
from lsp_server.actions import docstring_styles as styles
from lsp_server.actions import documentation_proof, documentation_words, signature
from lsp_server.actions import source as sources
from lsp_server.actions.docstring import Docstring
from lsp_server.actions.docstring_reading import Reading
from lsp_server.actions.docstring_styles import Style
from lsp_server.actions.docstring_writing import Layout, Part, missing, with_part
from lsp_server.actions.edits import indentation_at, indentation_unit, line_end, line_start
from lsp_server.actions.signature import Definition
from lsp_server.actions.source import Source
from lsp_server.actions.values import Ask, Offer, Proposal, Refusal, Replacement, Selection, Tools
from lsp_server.completion.prompts import path_of
from lsp_server.completion.query import Query
from lsp_server.errors import EngineUnavailable, ModelUnavailable, ServerError
from lsp_server.index.values import IndexReader
from lsp_server.syntax.trees import Scope, SyntaxTree
from lsp_server.text import LineIndex, Span

KIND = "refactor.rewrite.documentation"

SUMMARY_TOKENS = 48
ENTRY_TOKENS = 40
"""Longest answers; a sentence that needs more is no summary."""

NOTHING_BEYOND = "The model had nothing to say beyond the name."
_WIDTHS = (79, 88, 100)
_HOLE = "\x00"
_QUOTES = ('"""', "'''")
_OPENING = re.compile(r"[rRuU]?(\"{3}|'{3}|\"|')")
_WITNESSES = (["Args", "Returns", "Raises"], ["Parameters", "Returns", "Raises"], ["param", "returns", "rtype"])
"""Words that chunks documented in each of the styles hold."""


class AddDocumentation:
    """Implements `values.Action`."""

    kind = KIND
    languages = frozenset({"python"})

    def offers(self, selection: Selection, tree: SyntaxTree) -> list[Offer]:
        """One offer where the selection touches a header or a documentation string."""
        text, span = selection.document.text, _narrowed(selection)
        if not _may_touch(text, span, tree):
            return []
        source = _read(text, span, tree)
        if source is None:
            return [_offer("Add documentation", "", "The file does not parse here.")]
        definition = signature.touched(source, span)
        if definition is None:
            return []
        plan = _plan(selection, source, definition)
        verb = "Add" if definition.literal is None else "Complete"
        title = f"{verb} documentation of `{definition.name}`"
        return [_offer(title, definition.qualified, plan if isinstance(plan, str) else "")]

    async def propose(self, selection: Selection, offer: Offer, tree: SyntaxTree, tools: Tools) -> Proposal | Refusal:
        """Asks the model for each missing sentence; without a model, what the source says is written."""
        tools.progress("Reading the definition.", None)
        prepared = await asyncio.to_thread(_prepared, selection, tools.reader)
        if isinstance(prepared, str):
            return Refusal(prepared)
        writer = _Writer(prepared, tools.ask)
        for number, part in enumerate(prepared.plan.parts):
            tools.progress(_sentence(part), 100 * number // len(prepared.plan.parts))
            if not await writer.write(part):
                return Refusal(writer.trouble or NOTHING_BEYOND)
        edits = writer.edits()
        fault = await asyncio.to_thread(documentation_proof.fault, prepared.source, prepared.plan.definition, edits)
        if fault:
            return Refusal(f"Nothing is changed, because {fault}.")
        notes = (f"{writer.trouble} Only what the source says was written.",) if writer.trouble else ()
        return Proposal(edits, offer.title, notes)


@attrs.frozen
class _Plan:
    definition: Definition
    old: Docstring | None
    present: Reading | None
    parts: tuple[Part, ...]


@attrs.frozen
class _Prepared:
    source: Source
    plan: _Plan
    style: Style
    layout: Layout


def _offer(title: str, key: str, reason: str) -> Offer:
    return Offer(KIND, title, key, reason)


def _narrowed(selection: Selection) -> Span:
    """The selection without the white space around it; a cursor in the indentation goes to the code of its line."""
    text, span = selection.document.text, selection.span
    start = max(span.start, line_start(text, span.start) + len(indentation_at(text, span.start)))
    while start < span.end and text[start].isspace():
        start += 1
    end = span.end
    while end > start and text[end - 1].isspace():
        end -= 1
    return Span(start, max(start, end))


def _may_touch(text: str, span: Span, tree: SyntaxTree) -> bool:
    """Cheaply, by the incremental tree: most cursors stand in no header, and nobody waits for a parse of the file."""
    if span.end > span.start or _line_begins(text, span.start, "@"):
        return True
    for scope in _scopes(text, span, tree):
        opening = _OPENING.match(text, scope.body.start)
        end = text.find(opening[1], opening.end()) if opening is not None else scope.body.start
        if span.start <= end + 3 or end < 0:
            return True
    return False


def _scopes(text: str, span: Span, tree: SyntaxTree) -> tuple[Scope, ...]:
    return tree.scopes(min(span.start + 1, len(text)))


def _read(text: str, span: Span, tree: SyntaxTree) -> Source | None:
    """The source of the outermost definition alone, as far as that is enough: most files are much longer."""
    scopes = _scopes(text, span, tree) if span.start == span.end else ()
    if scopes and scopes[0].header.start == line_start(text, scopes[0].header.start):
        part = Span(scopes[0].header.start, scopes[0].span.end)
        module = sources.parsed(text[part.start : part.end])
        if module is not None and module.body:
            return Source(text, module, part, partial=True)
    return sources.read(text, span)


def _line_begins(text: str, offset: int, beginning: str) -> bool:
    return text.startswith(beginning, line_start(text, offset) + len(indentation_at(text, offset)))


def _plan(selection: Selection, source: Source, definition: Definition) -> _Plan | str:
    """What is to be written, or why nothing is."""
    text, path = selection.document.text, selection.document.path
    if path is not None and path.suffix == ".pyi":
        return "Stub files carry no documentation."
    if re.search(r"\r(?!\n)", text):
        return "The file has line ends that Python's tools do not agree on."
    if definition.obstacle:
        return definition.obstacle
    old = present = None
    if definition.literal is not None:
        old = Docstring.of(text[definition.literal.start : definition.literal.end])
        if old is None:
            return "The documentation string is written with escaped line ends."
        if not old.blank:
            present = reading.read(old.lines, old.margin(indentation_at(text, definition.body.start)))
            if present.epytext:
                return "The documentation is in the Epytext style, which is not known here."
    elif _inline(text, definition) and text[definition.header.end : definition.body.start].strip(" \t"):
        return "The body stands on the line of the header in a way that cannot be taken apart safely."
    parts = missing(definition, present)
    if not parts:
        return "The documentation is complete already."
    return _Plan(definition, old, present, parts)


def _inline(text: str, definition: Definition) -> bool:
    return "\n" not in re.sub(r"\\\r?\n", "", text[definition.header.end : definition.body.start])


def _prepared(selection: Selection, reader: IndexReader | None) -> _Prepared | str:
    text, span = selection.document.text, _narrowed(selection)
    source = sources.read(text, span)
    definition = signature.touched(source, span) if source is not None else None
    if source is None or definition is None:
        return "There is no definition here any more."
    plan = _plan(selection, source, definition)
    if isinstance(plan, str):
        return plan
    siblings = () if styles.shows_style(text) else _siblings(selection, reader)
    style = styles.detect(text, siblings)
    if plan.present is not None and plan.present.style is not None:
        style = styles.detect("\n".join(plan.old.lines) if plan.old else "", ())
    unit = indentation_unit(text)
    if _inline(text, definition) and definition.literal is None:
        margin = indentation_at(text, definition.header.start) + unit
    else:
        margin = indentation_at(text, definition.body.start)
    if plan.old is not None and not plan.old.blank:
        margin = plan.old.margin(margin)
    return _Prepared(source, plan, style, Layout(margin, unit, _width(text)))


def _siblings(selection: Selection, reader: IndexReader | None) -> Sequence[str]:
    """Documented pieces of the other files, as many of one style as of another."""
    if reader is None:
        return ()
    query = Query(selection.document, selection.span.start, selection.settings, selection.folder, automatic=False)
    own = path_of(query)
    try:
        found = [scored.chunk for words in _WITNESSES for scored in reader.similar(words, exclude=own, limit=20)]
    except ServerError:
        return ()  # an index that fails costs the style, not the documentation
    return list(dict.fromkeys(chunk.text for chunk in found if chunk.path.endswith(".py")))


def _width(text: str) -> int:
    """The narrowest usual width that nearly all lines keep; Black's for short files."""
    lines = LineIndex.of(text)
    lengths = sorted(lines.end(text, row) - lines.start(row) for row in range(len(lines)))
    if len(lengths) < 50:
        return 88
    common = lengths[int(0.99 * (len(lengths) - 1))]
    return next((width for width in _WIDTHS if common <= width), _WIDTHS[-1])


def _sentence(part: Part) -> str:
    what = {"summary": "the summary", "returns": "what is returned", "yields": "what is yielded"}
    return f"Describing {what.get(part.kind) or f'`{part.name}`'}."


class _Writer:
    """The documentation while it is written. `trouble`: why there is no model to ask, in sentences; else empty."""

    def __init__(self, prepared: _Prepared, ask: Ask) -> None:
        self.trouble = ""
        self._prepared = prepared
        self._ask = ask
        plan = prepared.plan
        self._lines = plan.old.lines if plan.old is not None and plan.present is not None else ()
        self._newline = line_end(prepared.source.text)

    async def write(self, part: Part) -> bool:
        """Adds a part; False where it needs a sentence and there is none."""
        described = await self._described(part) or part.fallback
        if part.kind == "summary":
            definition = self._prepared.plan.definition
            if not described or not documentation_words.says_more(described, [definition.name]):
                return False
            described = self._prepared.style.quoted(described)
        self._lines = self._with(part, described)
        return True

    def edits(self) -> tuple[Replacement, ...]:
        return (self._edit(self._lines),)

    async def _described(self, part: Part) -> str:
        """The model's sentence, or nothing where it says no more than the name."""
        definition = self._prepared.plan.definition
        known = [part.name, part.annotation, part.type]
        beginnings = [""]
        tokens = ENTRY_TOKENS
        if part.kind == "summary":
            known, tokens = [definition.name], SUMMARY_TOKENS
            beginnings.append(_beginning(definition))
        elif part.kind in ("returns", "yields"):
            known.append(definition.name)
        elif part.kind == "raises":
            beginnings = ["If "]
        for beginning in beginnings:
            answer = await self._asked(part, beginning, tokens)
            sentence = documentation_words.cleaned(answer) if answer.strip() else None
            if sentence is not None and documentation_words.says_more(sentence, known):
                return sentence
        return ""

    async def _asked(self, part: Part, beginning: str, tokens: int) -> str:
        if self.trouble:
            return ""
        text = self._prepared.source.text
        edit = self._edit(self._with(part, beginning + _HOLE))
        before, _, after = edit.text.partition(_HOLE)
        # Models have learnt words together with the blank before them.
        before = before.removesuffix(" ") if before.rpartition("\n")[2].strip() else before
        prefix, suffix = text[: edit.span.start] + before, after + text[edit.span.end :]
        # Some begin a summary on the next line; an entry's next line is another entry's.
        stop = _QUOTES if part.kind == "summary" and not beginning else ("\n", *_QUOTES)
        try:
            filled = await self._ask.fill(prefix, suffix, max_tokens=tokens, stop=stop)
        except (ModelUnavailable, EngineUnavailable) as error:
            self.trouble = str(error)
            return ""
        answer = filled.text.strip()
        if beginning and answer[:1].isupper() and answer[1:2].islower():
            answer = answer[0].lower() + answer[1:]
        return beginning + answer if answer else ""

    def _with(self, part: Part, text: str) -> tuple[str, ...]:
        prepared = self._prepared
        return with_part(self._lines, part, text, prepared.plan.definition, prepared.style, prepared.layout)

    def _edit(self, lines: tuple[str, ...]) -> Replacement:
        """Puts the string where it belongs: in place of the old one, or on lines of its own below the header."""
        prepared, plan, text = self._prepared, self._prepared.plan, self._prepared.source.text
        definition, margin, newline = plan.definition, prepared.layout.margin, self._newline
        if plan.old is not None:
            assert definition.literal is not None
            quotes = plan.old.quotes if plan.present is not None else prepared.style.quotes
            return Replacement(definition.literal, attrs.evolve(plan.old, lines=lines, quotes=quotes).source(newline))
        literal = Docstring("", prepared.style.quotes, lines)
        if len(lines) == 1 and len(margin + lines[0]) + 6 > prepared.layout.width:
            literal = attrs.evolve(literal, lines=(*lines, margin))
        source = margin + literal.source(newline)
        if _inline(text, definition):
            return Replacement(
                Span(definition.header.end, definition.body.start), f"{newline}{source}{newline}{margin}"
            )
        row = text.index("\n", definition.header.end) + 1
        return Replacement(Span(row, row), source + newline + self._gap(row))

    def _gap(self, row: int) -> str:
        """A blank line between the documentation of a class and what follows, as formatters want it."""
        below = self._prepared.source.text[row:].partition("\n")[0]
        return self._newline if self._prepared.plan.definition.kind == "class" and below.strip() else ""


def _beginning(definition: Definition) -> str:
    """How a second try begins its sentence."""
    if definition.kind == "class":
        return "A "
    if definition.yields is not None:
        return "Yield "
    return "Return " if definition.returns is not None else ""
