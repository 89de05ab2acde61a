"""The door between editor positions and offsets. Below it there are only `int` offsets into `str`."""

from collections.abc import Iterable, Iterator, Sequence

from lsprotocol import types

from lsp_server.actions.values import Proposal
from lsp_server.completion.query import Answer, Completion
from lsp_server.documents.document import Document, Edit
from lsp_server.index.resolve import PROJECT_FILES
from lsp_server.server.editor import Features
from lsp_server.text import Encoding, Span

_ENCODINGS: dict[str, Encoding] = {"utf-8": "utf-8", "utf-16": "utf-16", "utf-32": "utf-32"}

ANNOTATION = "codehearth"
"""The one change annotation of our edits: they are accepted together or not at all."""

LABEL_LENGTH = 60
"""Characters of a suggestion that a completion menu shows in one row."""


def choose_encoding(capabilities: types.ClientCapabilities) -> Encoding:
    """The first of the client's encodings that we know; utf-16, which every client speaks, where it names none."""
    offered: Sequence[str] = (capabilities.general and capabilities.general.position_encodings) or ()
    return next((_ENCODINGS[name] for name in offered if name in _ENCODINGS), "utf-16")


def to_offset(document: Document, position: types.Position, encoding: Encoding) -> int:
    """Positions past the end of a line or of the text are clamped, as the protocol says."""
    return document.lines.offset(document.text, position.line, position.character, encoding)


def to_position(document: Document, offset: int, encoding: Encoding) -> types.Position:
    return types.Position(*document.lines.position(document.text, offset, encoding))


def to_range(document: Document, span: Span, encoding: Encoding) -> types.Range:
    return types.Range(to_position(document, span.start, encoding), to_position(document, span.end, encoding))


def to_edit(document: Document, change: types.TextDocumentContentChangeEvent, encoding: Encoding) -> Edit:
    """One change against the text it was made on; a change without a range replaces everything.

    A range whose ends are exchanged is put in order: some clients send one for a selection made backwards.
    """
    if isinstance(change, types.TextDocumentContentChangeWholeDocument):
        return Edit(Span(0, len(document.text)), change.text)
    start = to_offset(document, change.range.start, encoding)
    end = to_offset(document, change.range.end, encoding)
    return Edit(Span(min(start, end), max(start, end)), change.text)


def to_inline_completions(
    answer: Answer, document: Document, position: types.Position, offset: int, encoding: Encoding
) -> types.InlineCompletionList | None:
    """The shape that every client shows correctly: a plain string with an empty range exactly where the client asked.

    No items say "nothing here" and clear old ghost text; null says "superseded" and leaves it alone. `position` goes
    back as it came, even where it stood past the end of its line: clients compare it with their cursor.
    """
    if answer.superseded:
        return None
    items = [
        types.InlineCompletionItem(insert_text=item.text, range=_range(item, document, position, offset, encoding))
        for item in answer.items
    ]
    return types.InlineCompletionList(items=items)


def to_completion_list(
    answer: Answer, document: Document, position: types.Position, offset: int, encoding: Encoding
) -> types.CompletionList:
    """The same answer for clients without inline completion: items of an ordinary completion menu.

    `isIncomplete` makes the client ask again as the person types. The text is documentation too, because a menu shows
    one row only.
    """
    items = [
        types.CompletionItem(
            label=_label(item.text),
            kind=types.CompletionItemKind.Text,
            detail="codehearth",
            documentation=item.text,
            sort_text="0",
            insert_text_format=types.InsertTextFormat.PlainText,
            text_edit=types.TextEdit(_range(item, document, position, offset, encoding), item.text),
        )
        for item in answer.items
    ]
    return types.CompletionList(is_incomplete=True, items=items)


def to_workspace_edit(
    document: Document, proposal: Proposal, encoding: Encoding, features: Features
) -> types.WorkspaceEdit:
    """The edits against exactly this version of the document where the client can tell versions apart; annotated with
    what they do where it can show that."""
    edits = [types.TextEdit(to_range(document, edit.span, encoding), edit.text) for edit in proposal.edits]
    if not features.document_changes:
        return types.WorkspaceEdit(changes={document.uri: edits})
    versioned = types.OptionalVersionedTextDocumentIdentifier(uri=document.uri, version=document.version)
    if not features.change_annotations:
        return types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(versioned, edits)])
    annotated = [types.AnnotatedTextEdit(ANNOTATION, edit.range, edit.new_text) for edit in edits]
    note = types.ChangeAnnotation(
        proposal.summary, needs_confirmation=False, description=" ".join(proposal.notes) or None
    )
    return types.WorkspaceEdit(
        document_changes=[types.TextDocumentEdit(versioned, annotated)], change_annotations={ANNOTATION: note}
    )


def watched_globs(suffixes: Iterable[str]) -> Iterator[str]:
    """What the client should watch for us: the files that are indexed, those that say what is not, and those that say
    where imports lead."""
    yield "**/*.{" + ",".join(sorted(suffix.lstrip(".") for suffix in suffixes)) + "}"
    yield "**/{.gitignore,.codehearthignore}"
    yield "**/{" + ",".join(sorted(PROJECT_FILES)) + "}"


def _range(
    item: Completion, document: Document, position: types.Position, offset: int, encoding: Encoding
) -> types.Range:
    if item.span.start == item.span.end == offset:
        return types.Range(position, position)
    return to_range(document, item.span, encoding)


def _label(text: str) -> str:
    first = next((line.strip() for line in text.splitlines() if line.strip()), "codehearth")
    return first if len(first) <= LABEL_LENGTH else first[: LABEL_LENGTH - 1] + "…"
