"""What a post-processing filter may look at, gathered once per answer. Values only; it decides nothing."""

import attrs

from lsp_server.completion.brackets import Around, Scan, around, scan
from lsp_server.completion.lexicon import Lexicon, lexicon
from lsp_server.completion.place import Mode, Place
from lsp_server.completion.query import Query, Silence
from lsp_server.syntax.trees import SyntaxTree


@attrs.frozen
class Situation:
    """The question an answer belongs to. `tree` is of the document without the answer, None for unknown languages."""

    query: Query
    tree: SyntaxTree | None
    mode: Mode
    place: Place
    around: Around
    lexicon: Lexicon

    @classmethod
    def of(cls, query: Query, tree: SyntaxTree | None, mode: Mode) -> "Situation":
        return cls(query, tree, mode, Place.of(query), around(query, tree), lexicon(query.document.language))

    def scan(self, text: str) -> Scan:
        """What is open after `text` was inserted at the cursor; offsets are those of the changed document."""
        opened, lead = self.around.open, self.place.before
        return scan(text, self.lexicon, opened, self.around.floor, base=self.query.offset, lead=lead)

    def errors_with(self, text: str) -> int:
        """Errors of the document with `text` at the cursor; 0 without a tree. Costs an incremental parse."""
        return self.tree.with_inserted(self.query.offset, text).errors() if self.tree is not None else 0


@attrs.frozen
class Quiet:
    """A filter's verdict that nothing is shown; `detail` is a sentence for a person, without source text."""

    silence: Silence
    detail: str
