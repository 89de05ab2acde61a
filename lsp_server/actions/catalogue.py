"""Every code action that there is, and what they offer together at one selection."""

from lsp_server.actions.documentation import AddDocumentation
from lsp_server.actions.extract_variable import ExtractVariable
from lsp_server.actions.values import Action, Offer, Selection
from lsp_server.syntax.trees import SyntaxTree

ACTIONS: tuple[Action, ...] = (AddDocumentation(), ExtractVariable())

MOST = 5
"""Offers in one menu: a longer list is not read."""


def offers(selection: Selection, tree: SyntaxTree) -> list[Offer]:
    """Of every action that knows the language: what can be done first, then what cannot, with the reason."""
    language = selection.document.language
    found = [offer for action in ACTIONS if language in action.languages for offer in action.offers(selection, tree)]
    return sorted(found, key=lambda offer: bool(offer.reason))[:MOST]


def action_of(kind: str) -> Action | None:
    """The action whose offers have this kind."""
    return next((action for action in ACTIONS if action.kind == kind), None)
