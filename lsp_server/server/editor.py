"""The editor on the other side: what it can do, and the few ways in which we speak to it first."""

import logging
from collections.abc import Coroutine
from typing import Any, Literal, Protocol

import attrs
from lsprotocol import types

Kind = Literal["error", "warning", "info"]

LEVELS = {
    logging.ERROR: types.MessageType.Error,
    logging.WARNING: types.MessageType.Warning,
    logging.INFO: types.MessageType.Info,
}


@attrs.frozen
class Features:
    """What the client announced, as far as it changes what we do."""

    inline_completion: bool = False
    completion_registration: bool = False
    """`textDocument/completion` may be registered after initialize."""
    configuration: bool = False
    """The client answers `workspace/configuration`."""
    configuration_registration: bool = False
    watched_files: bool = False
    """The client watches files for us once we register for them."""
    progress: bool = False
    action_literals: bool = False
    """The client takes code actions, not only commands."""
    disabled_actions: bool = False
    """It shows why an action cannot be chosen."""
    resolves_actions: bool = False
    """It asks for the edits of an action once that was chosen, and gives `data` back."""
    document_changes: bool = False
    """It takes edits against one version of a document."""
    change_annotations: bool = False
    apply_edit: bool = False

    @classmethod
    def of(cls, capabilities: types.ClientCapabilities) -> "Features":
        workspace = capabilities.workspace
        documents = capabilities.text_document
        window = capabilities.window
        actions = documents.code_action if documents else None
        edits = workspace.workspace_edit if workspace else None
        return cls(
            inline_completion=bool(documents and documents.inline_completion),
            completion_registration=bool(
                documents and documents.completion and documents.completion.dynamic_registration
            ),
            configuration=bool(workspace and workspace.configuration),
            configuration_registration=bool(
                workspace
                and workspace.did_change_configuration
                and workspace.did_change_configuration.dynamic_registration
            ),
            watched_files=bool(
                workspace
                and workspace.did_change_watched_files
                and workspace.did_change_watched_files.dynamic_registration
            ),
            progress=bool(window and window.work_done_progress),
            action_literals=bool(actions and actions.code_action_literal_support),
            disabled_actions=bool(actions and actions.disabled_support),
            resolves_actions=bool(
                actions
                and actions.data_support
                and actions.resolve_support
                and "edit" in actions.resolve_support.properties
            ),
            document_changes=bool(edits and edits.document_changes),
            change_annotations=bool(edits and edits.change_annotation_support),
            apply_edit=bool(workspace and workspace.apply_edit),
        )


class Editor(Protocol):
    """How the session reaches the editor; `server.app` implements it on the wire. Event loop only."""

    def notify(self, method: str, params: Any) -> None: ...

    async def request(self, method: str, params: Any) -> Any:
        """The result as it came, unchecked. Raises pygls' JsonRpcException when the client answers with an error."""
        ...

    def show(self, kind: Kind, message: str) -> None:
        """A notification to the person. For what they must act on, once; never while typing."""
        ...

    def follow_log_level(self, level: Literal["error", "warning", "info", "debug"]) -> None:
        """What is logged from this level on also goes to the editor's log window."""
        ...

    def run(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Runs background work under the guard: its bugs are logged, it is cancelled at shutdown."""
        ...

    def end(self, code: int) -> None:
        """Ends the process after what is queued has been written."""
        ...
