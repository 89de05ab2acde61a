"""The same server through pytest-lsp's client, which is pygls' own: what another implementation makes of us."""

import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_lsp
from lsprotocol import types
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities, make_test_lsp_client

from tests.e2e.wire import ROOT

# pytest-lsp wants its command before any test has run, so there is no `tmp_path` to put this into.
HOME = Path(tempfile.gettempdir()) / f"codehearth-pytest-lsp-{os.getpid()}"
SCRIPT = HOME / "script.json"
URI = "file:///elsewhere/a.py"


@pytest.fixture(scope="module", autouse=True)
def home() -> Iterator[None]:
    HOME.mkdir()
    SCRIPT.write_text('{"text": "total(items)\\n"}')
    yield
    shutil.rmtree(HOME)


def make_client() -> LanguageClient:
    """pytest-lsp's own, which cannot be registered with although its capabilities say so."""
    client = make_test_lsp_client()

    @client.feature(types.CLIENT_REGISTER_CAPABILITY)
    def register(params: types.RegistrationParams) -> None: ...

    return client


@pytest_lsp.fixture(
    config=ClientServerConfig(
        client_factory=make_client,
        server_command=[sys.executable, "-P", "-m", "lsp_server", "--stdio", "--engine", f"fake:{SCRIPT}"],
        server_env={**os.environ, "PYTHONPATH": str(ROOT), "CODEHEARTH_HOME": str(HOME)},
    ),
    params=["visual-studio-code", "neovim", "emacs"],
)
async def client(lsp_client: LanguageClient, request: pytest.FixtureRequest) -> AsyncIterator[None]:
    capabilities = client_capabilities(request.param)
    # The recorded clients are older than inline completion; today's versions of them have it.
    assert capabilities.text_document is not None
    capabilities.text_document.inline_completion = types.InlineCompletionClientCapabilities()
    await lsp_client.initialize_session(types.InitializeParams(capabilities=capabilities, root_uri=None))
    yield
    await lsp_client.shutdown_session()


async def test_a_completion(client: LanguageClient) -> None:
    """From open to ghost text, and after an edit."""
    client.text_document_did_open(
        types.DidOpenTextDocumentParams(types.TextDocumentItem(URI, "python", 1, "items = [1]\nx = \n"))
    )
    here = types.Position(1, 4)
    answer = await client.text_document_inline_completion_async(inline_params(here))
    assert isinstance(answer, types.InlineCompletionList)
    assert list(answer.items) == [types.InlineCompletionItem("total(items)", range=types.Range(here, here))]
    client.text_document_did_change(
        types.DidChangeTextDocumentParams(
            types.VersionedTextDocumentIdentifier(2, URI),
            [types.TextDocumentContentChangePartial(types.Range(here, here), "tot")],
        )
    )
    answer = await client.text_document_inline_completion_async(inline_params(types.Position(1, 7)))
    assert isinstance(answer, types.InlineCompletionList)
    assert [item.insert_text for item in answer.items] == ["al(items)"]


async def test_the_commands(client: LanguageClient) -> None:
    """Pause and resume, as an editor's palette calls them."""
    for command in ("codehearth.pause", "codehearth.resume"):
        await client.workspace_execute_command_async(types.ExecuteCommandParams(command, []))
    assert client.error is None


def inline_params(position: types.Position) -> types.InlineCompletionParams:
    return types.InlineCompletionParams(
        context=types.InlineCompletionContext(types.InlineCompletionTriggerKind.Invoked),
        text_document=types.TextDocumentIdentifier(URI),
        position=position,
    )
