"""The incremental tree of each open document, on a thread of its own. Never touches the documents' text."""

import asyncio
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from lsp_server.documents.document import Document, Edit
from lsp_server.syntax.languages import Language, by_name
from lsp_server.syntax.trees import SyntaxTree, parse, warm_up


class Trees:
    """All methods are called on the event loop and return at once; parsing happens on one worker thread.

    That thread follows the typing: it parses after every change, and takes changes that have gathered together. A
    question for a version waits for what is queued before it and nothing else. A cancelled question costs nothing
    where it has not begun, and loses nothing where it has.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="codehearth-trees")
        self._followed: dict[str, _Followed] = {}
        self._closed = False

    def opened(self, document: Document) -> None:
        """Begins to follow a document, from nothing also where one of this URI was followed before."""
        self._followed.pop(document.uri, None)
        self._follow(document, None)
        if (followed := self._followed.get(document.uri)) is not None:
            # After its tree, before anybody asks: compiling queries would cost the first question up to 100 ms.
            self._thread.submit(warm_up, followed.language)

    def edited(self, old: Document, document: Document, edits: Sequence[Edit]) -> None:
        """`edits` lead from `old` to `document`, each relative to the text that the one before it left."""
        followed = self._followed.get(document.uri)
        if followed is None or followed.newest is not old or followed.language.name != document.language:
            self.opened(document)
        else:
            self._follow(document, edits)

    async def at(self, document: Document) -> SyntaxTree | None:
        """The tree of exactly this document, `None` where it can have none: no grammar, too large, or binary.

        A version that is not followed any longer, or never was, is parsed from nothing. `None` also after `close`.
        """
        followed = self._followed.get(document.uri)
        if followed is not None and (held := followed.held) is not None and held[0] is document:
            return held[1]
        language = _language(document)
        if language is None or self._closed:
            return None
        followed = followed or _Followed(language, document)
        return await asyncio.get_running_loop().run_in_executor(self._thread, followed.tree_of, document)

    def closed(self, uri: str) -> None:
        """Forgets a document; one that is being parsed is forgotten when that ends."""
        self._followed.pop(uri, None)

    def close(self) -> None:
        """Ends the thread once what it has begun is done, without waiting for that. Never blocks."""
        self._closed = True
        self._followed.clear()
        # Questions that are queued are answered rather than cancelled: to the asking task, a cancelled future would
        # look like its own cancellation.
        self._thread.shutdown(wait=False)

    def _follow(self, document: Document, edits: Sequence[Edit] | None) -> None:
        """Queues a version. `edits` of None means that it does not continue an older one."""
        language = _language(document)
        if language is None or self._closed:
            self._followed.pop(document.uri, None)
            return
        followed = self._followed.get(document.uri)
        if followed is None:
            followed = self._followed[document.uri] = _Followed(language, document)
        followed.add(document, edits)
        self._thread.submit(followed.catch_up)


class _Followed:
    """One document's newest tree and the versions that wait to be parsed.

    The loop adds versions and reads `held`; only the worker thread takes versions and writes `held`.
    """

    def __init__(self, language: Language, newest: Document) -> None:
        self.language = language
        self.newest = newest
        self.held: tuple[Document, SyntaxTree] | None = None
        self._waiting: deque[tuple[Document, Sequence[Edit] | None]] = deque()
        self._lock = threading.Lock()

    def add(self, document: Document, edits: Sequence[Edit] | None) -> None:
        with self._lock:
            self._waiting.append((document, edits))
        self.newest = document

    def catch_up(self) -> None:
        """Parses the newest version, all waiting edits at once."""
        self._advance(None)

    def tree_of(self, document: Document) -> SyntaxTree:
        """The tree of one version: the held one where the document is newest, else one from nothing."""
        self._advance(document)
        if self.held is not None and self.held[0] is document:
            return self.held[1]
        return parse(self.language, document.text)

    def _advance(self, wanted: Document | None) -> None:
        """Takes the waiting versions up to `wanted`, or all; none where `wanted` does not wait."""
        with self._lock:
            count = len(self._waiting)
            if wanted is not None:
                places = [place for place, (document, _) in enumerate(self._waiting) if document is wanted]
                count = places[0] + 1 if places else 0
            taken = [self._waiting.popleft() for _ in range(count)]
        if not taken:
            return
        edits: list[Edit] | None = []
        for _, more in taken:
            edits = None if edits is None or more is None else [*edits, *more]
        newest = taken[-1][0]
        old = self.held[1] if self.held is not None and edits is not None else None
        self.held = (newest, parse(self.language, newest.text, old, edits or ()))


def _language(document: Document) -> Language | None:
    return None if document.too_large or document.binary else by_name(document.language)
