"""The session: settings in layers, newest wins, pause, folders, status."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

from lsp_server.completion.model import ModelState
from lsp_server.completion.query import Answer
from lsp_server.errors import EngineUnavailable, IndexUnavailable, ModelUnavailable, SettingsProblem
from lsp_server.index.values import Coverage
from lsp_server.paths import uri_of_path
from lsp_server.server.editor import Features
from lsp_server.server.session import Session, section
from lsp_server.settings import CompletionSettings, Settings
from tests.unit.server.fakes import World, until

URI = "file:///elsewhere/a.py"


async def begin(
    world: World, *folders: Path, options: Any = None, workspace: Any = None, progress: bool = False
) -> Session:
    session = Session(world.parts(), world.editor)
    session.initialize(Features(progress=progress), "utf-16", options, list(folders))
    await session.start(workspace)
    return session


def opened(session: Session, uri: str = URI, text: str = "x = \n", path: Path | None = Path("/elsewhere/a.py")) -> str:
    session.opened(uri, path, "python", 1, text)
    return uri


async def ask(session: Session, uri: str = URI, offset: int = 4) -> Answer:
    document = session.documents.get(uri)
    assert document is not None
    return await session.answer(session.query(document, offset, automatic=True, popup=None))


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.editor.settle()


@pytest.mark.parametrize(
    "raw",
    [
        {"completion": {"mode": "line"}},
        {"settings": {"completion": {"mode": "line"}}},
        {"codehearth": {"completion": {"mode": "line"}}},
        {"settings": {"codehearth": {"completion": {"mode": "line"}}}},
    ],
)
async def test_options_are_taken_in_every_customary_form(world: World, raw: Any) -> None:
    """Flat, below `settings`, below our name, or both."""
    session = await begin(world, options=raw)
    assert session.settings.completion.mode == "line"
    assert world.editor.shown == []


def test_a_section_that_is_no_object_is_left_for_the_reader_to_name() -> None:
    """`settings.read` then says what is wrong with it."""
    assert section({"settings": 3}) == {"settings": 3}
    assert section([1]) == [1]
    assert section(None) is None


async def test_settings_lie_in_layers(world: World) -> None:
    """The workspace's answers over the editor's options over the user's file; all bad values in one message."""
    world.user.settings = Settings(eagerness="calm", completion=CompletionSettings(max_lines=3))
    session = await begin(
        world,
        options={"eagerness": "eager", "completion": {"mode": "line", "debounceMs": "soon"}},
        workspace={"completion": {"mode": "block"}, "colour": 1},
    )
    assert session.settings.eagerness == "eager"
    assert session.settings.completion.mode == "block"
    assert session.settings.completion.max_lines == 3
    (message,) = world.editor.shown[-1:]
    assert "colour" in message


async def test_the_same_problem_is_shown_once(world: World) -> None:
    """A bad value stays bad with every change of the settings; the person has been told."""
    session = await begin(world, workspace={"colour": 1})
    session.configure({"colour": 1})
    session.configure({"colour": 1, "taste": 2})
    assert len(world.editor.shown) == 2
    assert "colour" not in world.editor.shown[1]


async def test_a_workspace_cannot_choose_the_model(world: World) -> None:
    """The user's options can."""
    session = await begin(world, options={"model": "/mine.gguf"}, workspace={"model": "/theirs.gguf"})
    assert session.settings.model == "/mine.gguf"
    opened(session)
    assert world.core.settings is not None
    assert world.core.settings.model == "/mine.gguf"


async def test_changes_apply_one_after_the_other(world: World) -> None:
    """Each is relative to the text that the one before it left, and lines end only where the protocol says."""
    session = await begin(world)
    uri = opened(session, text="a\x0cb\r\nc\u2028d\n")
    insert = [
        types.TextDocumentContentChangePartial(types.Range(types.Position(1, 0), types.Position(1, 0)), "X"),
        types.TextDocumentContentChangePartial(types.Range(types.Position(1, 1), types.Position(1, 2)), "YZ"),
    ]
    session.changed(uri, 2, list(insert))
    document = session.documents.get(uri)
    assert document is not None
    assert (document.text, document.version) == ("a\x0cb\r\nXYZ\u2028d\n", 2)
    assert world.core.edits == [("a\x0cb\r\nc\u2028d\n", "a\x0cb\r\nXYZ\u2028d\n", 2)]


async def test_a_change_to_a_document_that_is_not_open_is_ignored(world: World) -> None:
    """There is nothing it could be applied to."""
    session = await begin(world)
    session.changed(URI, 2, [types.TextDocumentContentChangeWholeDocument("x")])
    assert session.documents.get(URI) is None


async def test_the_newest_request_of_a_document_wins(world: World) -> None:
    """The older is answered as superseded at once; another document is not touched."""
    session = await begin(world)
    opened(session)
    other = opened(session, "file:///elsewhere/b.py", path=Path("/elsewhere/b.py"))
    world.core.gate.clear()
    tasks = [asyncio.create_task(ask(session)) for _ in range(8)]
    tasks.append(asyncio.create_task(ask(session, other)))
    answers = await asyncio.gather(*tasks[:7])
    world.core.gate.set()
    answers += await asyncio.gather(*tasks[7:])
    assert [answer.superseded for answer in answers] == [True] * 7 + [False, False]


async def test_a_query_does_not_change_with_the_document(world: World) -> None:
    """It is a snapshot, taken before the first await."""
    session = await begin(world)
    uri = opened(session)
    world.core.gate.clear()
    task = asyncio.create_task(ask(session))
    await asyncio.sleep(0)
    session.changed(uri, 2, [types.TextDocumentContentChangeWholeDocument("y = \n")])
    world.core.gate.set()
    await task
    assert world.core.queries[0].document.text == "x = \n"


async def test_closing_a_document_ends_its_request_and_forgets_its_answer(world: World) -> None:
    """Nobody is there to read either."""
    session = await begin(world)
    uri = opened(session)
    await ask(session)
    assert session.explanation(uri) is not None
    world.core.gate.clear()
    task = asyncio.create_task(ask(session))
    await asyncio.sleep(0)
    session.closed(uri)
    assert (await task).superseded
    assert world.core.closed_uris == [uri]
    assert session.documents.get(uri) is None
    session.closed(uri)


async def test_pause_and_resume(world: World) -> None:
    """Nothing is asked while paused, the explanation says so, and the status follows."""
    session = await begin(world)
    uri = opened(session)
    session.pause(5)
    assert (await ask(session)).items == ()
    explanation = session.explanation(uri)
    assert explanation is not None
    assert explanation.silence == "paused"
    assert world.core.queries == []
    assert session.status.now().state == "paused"
    session.resume()
    assert len((await ask(session)).items) == 1
    assert session.status.now().state == "ready"


async def test_switched_off_in_the_settings(world: World) -> None:
    """Nothing is asked; switching it on again forgets what was suggested under other settings."""
    session = await begin(world, workspace={"completion": {"enabled": False}})
    uri = opened(session)
    assert (await ask(session)).items == ()
    assert session.status.now().state == "off"
    explanation = session.explanation(uri)
    assert explanation is not None
    assert explanation.silence == "disabled"
    session.configure(None)
    session.configure(None)
    assert len(world.core.followed) == 1
    assert len((await ask(session)).items) == 1


async def test_the_users_file_counts_from_the_next_request_on(world: World) -> None:
    """`codehearth models use` while the editor is open; what the editor itself says still lies above the file."""
    session = await begin(world, options={"eagerness": "eager"})
    opened(session)
    await ask(session)
    world.user.settings = Settings(model="other", eagerness="calm")
    world.user.problems = [SettingsProblem("colour", "There is no setting `colour`.")]
    world.user.written = True
    await ask(session)
    assert world.core.followed == [Settings(model="other", eagerness="eager")] == [world.core.queries[-1].settings]
    assert world.editor.shown == ["codehearth: There is no setting `colour`."]


async def test_a_pause_ends_by_itself(world: World) -> None:
    """After its minutes."""
    session = await begin(world)
    session.pause(0.0001)
    await until(lambda: not session.paused)
    assert session.status.now().state == "ready"


async def test_a_language_is_switched_off_and_on_again(world: World) -> None:
    """For this server's lifetime, on top of what the settings say."""
    session = await begin(world, options={"completion": {"disabledLanguages": ["sql"]}})
    opened(session)
    assert session.toggle_language("python") is False
    await ask(session)
    assert world.core.queries[-1].settings.completion.disabled_languages == ("python", "sql")
    assert session.toggle_language("python") is True
    await ask(session)
    assert world.core.queries[-1].settings.completion.disabled_languages == ("sql",)


async def test_a_file_belongs_to_the_innermost_folder(world: World, tmp_path: Path) -> None:
    """And a file outside every folder to none."""
    inner = tmp_path / "inner"
    inner.mkdir()
    session = await begin(world, tmp_path, inner)
    path = inner / "a.py"
    opened(session, uri_of_path(path), path=path)
    opened(session, "untitled:1", path=None)
    opened(session)
    for uri in (uri_of_path(path), "untitled:1", URI):
        await ask(session, uri)
    assert [query.folder for query in world.core.queries] == [inner, None, None]
    assert [query.repository for query in world.core.queries] == ["inner", "", ""]


async def test_each_folder_has_an_index_and_changes_reach_the_right_one(world: World, tmp_path: Path) -> None:
    """Typed text, saved files and watched files; a folder that is gone has no index and is no error."""
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    session = await begin(world, one, two, tmp_path / "gone")
    assert [indexer.folder for indexer in world.indexers] == [one, two]
    path = two / "a.py"
    opened(session, uri_of_path(path), "x", path)
    session.changed(uri_of_path(path), 2, [types.TextDocumentContentChangeWholeDocument("y")])
    session.folders.files_changed([one / "b.py", Path("/elsewhere/c.py")])
    session.closed(uri_of_path(path))
    assert world.indexers[1].texts == [(path, "x"), (path, "y"), (path, None)]
    assert (world.indexers[0].paths, world.indexers[1].paths) == ([one / "b.py"], [])


async def test_an_index_that_starts_later_is_told_what_was_typed_before(world: World, tmp_path: Path) -> None:
    """What is not saved yet is not on the disk."""
    session = await begin(world)
    path = tmp_path / "a.py"
    opened(session, uri_of_path(path), "typed", path)
    session.folders.add(tmp_path)
    assert world.indexers[0].texts == [(path, "typed")]


async def test_an_index_that_gives_up_keeps_nobody_waiting(world: World, tmp_path: Path) -> None:
    """Its problem is told, and the status does not say "indexing" for ever."""
    session = await begin(world, tmp_path)
    assert session.status.now().state == "indexing"
    world.indexers[0].problem(IndexUnavailable("The index can be kept nowhere."))
    await until(lambda: world.editor.shown)
    assert session.status.now().state == "ready"


async def test_folders_come_and_go(world: World, tmp_path: Path) -> None:
    """A removed folder's index is closed; one that is added is started."""
    session = await begin(world)
    session.folders.add(tmp_path)
    assert world.indexers[0].started
    session.folders.remove(tmp_path)
    session.folders.remove(tmp_path)
    await session.folders.close()
    assert world.indexers[0].closed
    assert session.folders.folder_of(tmp_path / "a.py") is None


async def test_an_index_follows_its_settings(world: World, tmp_path: Path) -> None:
    """It is told of changes; where indexing was off, switching it on starts it."""
    session = await begin(world, tmp_path, workspace={"index": {"enabled": False}})
    assert world.indexers == []
    session.configure({"eagerness": "calm"})
    (indexer,) = world.indexers
    session.configure({"index": {"exclude": ["gen/"]}})
    assert indexer.settings.exclude == ("gen/",)
    assert session.folders.reader_of(tmp_path) is indexer


async def test_reindexing_compares_with_the_disk_and_revives_a_cancelled_index(world: World, tmp_path: Path) -> None:
    """The new index starts only once the old one has let go of its file."""
    session = await begin(world, tmp_path)
    session.reindex()
    assert world.indexers[0].sweeps == 1
    session.folders.stop(tmp_path)
    assert session.folders.reader_of(tmp_path) is None
    session.reindex()
    assert len(world.indexers) == 1
    await until(lambda: len(world.indexers) == 2)
    assert world.indexers[0].closed
    assert world.indexers[1].started


async def test_indexing_shows_progress_that_can_be_cancelled(world: World, tmp_path: Path) -> None:
    """Cancelling closes the index; late words of it are not news."""
    session = await begin(world, tmp_path, progress=True)
    indexer = world.indexers[0]
    indexer.progress(Coverage(1, 4, finished=False))
    await asyncio.sleep(0)
    await world.editor.settle()
    assert session.status.now().state == "indexing"
    begun = [params for method, params in world.editor.notified if method == types.PROGRESS]
    assert begun[0].value.cancellable
    assert begun[0].value.percentage == 25
    session.bars.cancel(begun[0].token)
    indexer.progress(Coverage(2, 4, finished=False))
    await world.editor.settle()
    assert session.status.now().state == "ready"
    await session.folders.close()
    assert indexer.closed
    ended = [params for method, params in world.editor.notified if method == types.PROGRESS][-1]
    assert isinstance(ended.value, types.WorkDoneProgressEnd)


async def test_the_status_is_sent_only_when_it_changed(world: World) -> None:
    """And changes within one turn of the loop become one notification."""
    session = await begin(world)
    await world.editor.settle()
    before = len(world.editor.statuses())
    session.status.refresh()
    session.pause(1)
    session.resume()
    await world.editor.settle()
    assert len(world.editor.statuses()) == before


async def test_a_missing_model_is_told_once_and_stays_in_the_status(world: World) -> None:
    """Never once per key; the answers are empty, not errors."""
    world.core.loading = ModelUnavailable("There is no model.", "Run codehearth doctor.")
    session = await begin(world)
    uri = opened(session)
    await world.editor.settle()
    world.core.error = world.core.loading
    for _ in range(3):
        assert (await ask(session)).items == ()
    assert world.editor.shown == ["There is no model. Run codehearth doctor."]
    assert session.status.now().state == "error"
    explanation = session.explanation(uri)
    assert explanation is not None
    assert explanation.silence == "no_model"


async def test_an_engine_that_came_back_is_no_error_any_more(world: World) -> None:
    """The status follows the last word of the core."""
    session = await begin(world)
    opened(session)
    await world.editor.settle()
    world.core.error = EngineUnavailable("The engine has ended.")
    await ask(session)
    assert session.status.now().state == "error"
    world.core.on_state(ModelState("ready", "", "small"))
    assert session.status.now().state == "ready"
    assert session.status.now().model == "small"


async def test_closing_cancels_what_runs(world: World, tmp_path: Path) -> None:
    """Requests end as superseded, indexes close."""
    session = await begin(world, tmp_path)
    opened(session)
    world.core.gate.clear()
    task = asyncio.create_task(ask(session))
    await asyncio.sleep(0)
    await session.close()
    assert (await task).superseded
    assert world.indexers[0].closed


async def test_where_the_editor_does_not_watch_files_the_indexes_do(world: World, tmp_path: Path) -> None:
    """Those that are there, and those that come later."""
    session = Session(world.parts(), world.editor)
    session.initialize(Features(), "utf-16", None, [tmp_path])
    await session.start(None)
    assert not world.indexers[0].watching
    session.folders.watch()
    (tmp_path / "later").mkdir()
    session.folders.add(tmp_path / "later")
    assert [indexer.watching for indexer in world.indexers] == [True, True]
