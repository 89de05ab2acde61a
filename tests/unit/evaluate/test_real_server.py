"""The measurements against the real server and the embedded model: short, so that the benchmark cannot rot unseen."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lsp_server.engine.client import drain_running_engine
from lsp_server.evaluate import figures, indexing, keystrokes, recorded, replay, shapes
from lsp_server.evaluate.client import EditorClient
from lsp_server.evaluate.shapes import Shape
from lsp_server.evaluate.windows import measure_windows

OPTIONS = {"engine": {"threads": 1}}


@pytest.fixture
async def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Path]:
    """A home of the test's own, whose engine ends with the test."""
    home = tmp_path / "home"
    monkeypatch.setenv("CODEHEARTH_HOME", str(home))
    yield home
    await drain_running_engine()


async def test_a_replay_reuses_most_of_its_prompts_and_keeps_the_text(home: Path, tmp_path: Path) -> None:
    """One piece of the trace: the server's text is the editor's, and typing appends to what the model has read."""
    trace = keystrokes.load(keystrokes.shipped())
    async with EditorClient([tmp_path], home=home, options=OPTIONS) as editor:
        played = await replay.replay(editor, trace, tmp_path, keys=10)
    found = figures.summary(trace, played)
    assert found.same_text is True
    assert found.engine.count > 0
    assert found.requests == len(played.asked) >= 10
    assert found.evaluated.p50 is not None
    assert found.evaluated.p50 <= 8
    assert found.typing.count > 0


async def test_hurried_typing_ends_with_an_answer(home: Path, tmp_path: Path) -> None:
    """Every request ends without an error, however fast the next key comes."""
    trace = keystrokes.load(keystrokes.shipped())
    async with EditorClient([tmp_path], home=home, options=OPTIONS) as editor:
        hurried = await replay.hurry(editor, trace, tmp_path, keys=40, interval=0.01)
    assert set(hurried.outcomes) <= {"answered", "cancelled", "null"}
    assert hurried.last_answered
    assert hurried.same_text is True


async def test_a_model_of_random_weights_says_what_the_trace_records(home: Path, tmp_path: Path) -> None:
    """What it says by itself is never right; what it is made to say is shown, and is what the person types."""
    trace = keystrokes.load(keystrokes.shipped())
    model = shapes.write(tmp_path / "random.gguf", Shape("random-small", 2, 64, 2, 1, 96, 20_000, 1024))
    texts = recorded.lay_down(trace, tmp_path / "texts.json")
    folder = tmp_path / "workspace"
    folder.mkdir()
    options = {**OPTIONS, "model": str(model)}
    arguments = ("--forced-texts", str(texts))
    async with EditorClient([folder], home=home, options=options, arguments=arguments) as editor:
        played = await replay.replay(editor, trace, folder, keys=10)
    found = figures.summary(trace, played)
    assert found.same_text is True
    assert found.accepted > 0
    assert found.accepted_characters > 10


async def test_two_windows_share_one_engine(home: Path, tmp_path: Path) -> None:
    files = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        files.append(tmp_path / name / "cart.py")
        files[-1].write_text("def total(prices):\n    return \n", encoding="utf-8")
    found = await measure_windows(files, home, options=OPTIONS)
    assert (found.servers, found.workspaces, found.answered, found.engines, found.models) == (2, 2, 2, 1, 1)
    assert all(megabytes > 10 for megabytes in (*found.server_mb, *found.engine_mb))


def test_an_unchanged_folder_is_warm(tmp_path: Path) -> None:
    """The second start reads no file again."""
    found = indexing.measure_index(indexing.installed_package("attr"), tmp_path / "cache")
    assert found.files >= 10
    assert found.symbols > 100
    assert found.read_again == 0
    assert not (tmp_path / "cache").exists()
