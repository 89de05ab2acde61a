"""The product's prompt at one place of a repository, for training and for measuring: one code path for both.

Follows `completion/prompts.py` step by step (surroundings, related code, anchor, render) without its event loop.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs

from lsp_server.completion import burst, prompt
from lsp_server.completion.burst import Burst
from lsp_server.completion.prompt import Parts
from lsp_server.context.gather import Place, gather
from lsp_server.context.header import Surroundings
from lsp_server.context.snippet import Snippet
from lsp_server.documents.document import Document
from lsp_server.errors import ServerError
from lsp_server.index.indexer import Indexer
from lsp_server.index.values import IndexReader
from lsp_server.modelstore.card import FimFormat, ModelCard
from lsp_server.settings import ContextSettings, IndexSettings
from lsp_server.syntax.languages import language_of
from lsp_server.syntax.trees import SyntaxTree, parse
from lsp_server.text import LineIndex

SHARE = ContextSettings().share

Choice = Callable[[Place, int], tuple[Snippet, ...]]
"""Related code for a place, worth at most so many characters."""

FORMAT = FimFormat(
    order="spm",
    layout=("PRE", "SUF", "suffix", "MID", "prefix"),
    prefix_token="<|fim_prefix|>",
    suffix_token="<|fim_suffix|>",
    middle_token="<|fim_middle|>",
    repository="tokens",
    repo_token="<|repo_name|>",
    file_token="<|file_sep|>",
    stop_tokens=("<|endoftext|>",),
)
"""How models of our own fill in the middle."""

PSM = attrs.evolve(FORMAT, order="psm", layout=("PRE", "prefix", "SUF", "suffix", "MID"))


def card(context_tokens: int, characters_per_token: float, fim: FimFormat = FORMAT) -> ModelCard:
    """The card of a model of our own whose prompts have room for so many tokens, the answer's included."""
    return ModelCard("codehearth", "", fim, 1, context_tokens, characters_per_token, 1e4, 1e3, "own")


def from_index(reader: IndexReader) -> Choice:
    return lambda place, room: gather(place, reader, room)


def nothing(place: Place, room: int) -> tuple[Snippet, ...]:
    """The choice of a model that is to see its own file only."""
    return ()


def document_of(path: str, text: str) -> tuple[Document, SyntaxTree | None]:
    """A document as if an editor had opened it; no tree where the language has none."""
    language = language_of(Path(path), "")
    name = language.name if language is not None else ""
    document = Document(f"file:///{path}", Path(path), name, 0, text, LineIndex.of(text))
    return document, parse(language, text) if language is not None else None


def parts_at(
    model: ModelCard,
    repository: str,
    path: str,
    document: Document,
    tree: SyntaxTree | None,
    offset: int,
    choose: Choice,
    share: float = SHARE,
) -> Parts:
    """What the product puts into a fresh prompt for the cursor at `offset` of a document without its middle."""
    return burst_at(model, path, document, tree, offset, choose, share).parts(repository, path)


def burst_at(
    model: ModelCard,
    path: str,
    document: Document,
    tree: SyntaxTree | None,
    offset: int,
    choose: Choice,
    share: float = SHARE,
) -> Burst:
    """The same with what the prompt hides: closers after the cursor, which the answer is to contain."""
    budget = prompt.budget(model, share)
    around = Surroundings.of(document, offset, tree.scopes(offset) if tree is not None else ())
    place = Place(path=path, text=document.text, offset=offset, heads=around.heads_text)
    return burst.anchor(
        None,
        "first request",
        document,
        offset,
        order=model.fim.order,
        budget=budget,
        snippets=choose(place, budget.snippets),
        complete=True,
        scope=around.scope,
        imports_end=around.imports_end,
        header=lambda start: around.header(start, budget.header),
    )


@contextmanager
def indexed(folder: Path, seconds: float = 600.0) -> Iterator[IndexReader]:
    """The product's index of a folder, kept for as long as it is used.

    Raises ServerError when it cannot be built within `seconds`.
    """

    def fail(problem: ServerError) -> None:
        raise problem

    with TemporaryDirectory(prefix="codehearth-index-") as cache:
        indexer = Indexer(
            folder, IndexSettings(workers=0), Path(cache), on_progress=lambda coverage: None, on_problem=fail
        )
        indexer.start()
        try:
            reader = indexer.reader()
            if not indexer.wait_idle(seconds) or not reader.coverage.finished:
                raise ServerError(f"Indexing {folder} took longer than {seconds:.0f} s.", "Try again.")
            yield reader
        finally:
            indexer.close()
