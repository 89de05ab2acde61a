"""What a person hears of model and engine: the service's word, and the engine's where the service does not ask."""

import subprocess
from collections.abc import Callable

import pytest

from lsp_server.cli import core
from lsp_server.cli.core import ServedCore
from lsp_server.completion.model import ModelState
from lsp_server.engine.client import EngineState
from lsp_server.engine.fake import FakeEngine
from lsp_server.errors import EngineUnavailable, ModelUnavailable, ServerError
from lsp_server.settings import Settings


class Owned(FakeEngine):
    closed = False

    def follow(self, settings: Settings) -> None: ...

    async def close(self) -> None:
        self.closed = True


class World:
    def __init__(self) -> None:
        self.engine = Owned("x")
        self.heard: list[ModelState] = []
        self.engine_says: Callable[[EngineState], None]
        self.core = ServedCore(self._make, lambda _: None, self.heard.append)

    def _make(self, on_state: Callable[[EngineState], None]) -> Owned:
        self.engine_says = on_state
        return self.engine


async def failing(world: World, error: ServerError) -> None:
    world.engine.facts = error
    with pytest.raises(type(error)):
        await world.core.load()


async def test_the_model_is_loaded_and_named() -> None:
    """From the service: loading, then ready with its name."""
    world = World()
    assert (await world.core.load()).state == "ready"
    assert [(state.state, state.name) for state in world.heard] == [("loading", None), ("ready", "fake")]
    await world.core.close()
    assert world.engine.closed


async def test_loading_again_after_idleness_is_shown() -> None:
    """The engine says so; the name stays."""
    world = World()
    await world.core.load()
    world.engine_says(EngineState("loading", "Loading again."))
    world.engine_says(EngineState("ready"))
    assert [(state.state, state.name) for state in world.heard[-2:]] == [("loading", "fake"), ("ready", "fake")]
    await world.core.close()


async def test_an_engine_that_died_is_no_error() -> None:
    """The next request starts it again."""
    world = World()
    world.engine_says(EngineState("off", "The engine has died."))
    await failing(world, EngineUnavailable("The engine died while it was answering."))
    assert world.heard[-1].state == "absent"
    await world.core.close()


@pytest.mark.parametrize("error", [ModelUnavailable("No such model."), EngineUnavailable("It cannot be started.")])
async def test_what_a_person_must_mend_is_an_error(error: ServerError) -> None:
    """A missing model, an engine that does not start or keeps crashing."""
    world = World()
    world.engine_says(EngineState("failed", str(error)))
    assert world.heard[-1] == ModelState("error", str(error), None)
    await failing(world, error)
    assert world.heard[-1].state == "error"
    await world.core.close()


def test_the_engines_python_imports_nothing_from_the_folder_it_starts_in() -> None:
    """A `struct.py` in a workspace, or in the folder of logs, must stay what it is."""
    command = core._command(Settings())
    flags = "import sys; print(sys.flags.safe_path)"
    asked = subprocess.run([*command[: command.index("-m")], "-c", flags], capture_output=True, text=True, check=True)
    assert asked.stdout.strip() == "True"
