"""What a model of random weights is made to say, so that its speed is that of a model whose answers are of use.

Only `codehearth bench` gives such texts, when it starts a server; no request of an editor carries them. Never puts a
word into the mouth of a trained model.
"""

import hashlib
from collections.abc import Mapping

import attrs

from lsp_server.completion.query import Query
from lsp_server.modelstore.card import ModelCard


@attrs.frozen
class ForcedTexts:
    """Texts by place: `{SHA-256 of the document's text: {offset of the cursor: text}}`, the SHA-256 as
    `codehearth/document` tells it."""

    texts: Mapping[str, Mapping[str, str]]

    def at(self, query: Query, card: ModelCard) -> str | None:
        """What is to be said here, which may be nothing; None where the model speaks for itself."""
        if not card.random_weights:
            return None
        place = hashlib.sha256(query.document.text.encode("utf-8", "surrogatepass")).hexdigest()
        return self.texts.get(place, {}).get(str(query.offset))
