"""The engine as servers meet it: a process of its own, with the embedded model, over the real socket."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from pathlib import Path

import psutil
import pytest

from lsp_server.engine import client as client_module
from lsp_server.engine import protocol, transport
from lsp_server.engine.client import EngineClient, EngineState, drain_running_engine, running_engine_status
from lsp_server.engine.protocol import Done, EngineStatus, ModelSpec, Piece, Priority
from lsp_server.engine.start import log_path
from lsp_server.engine.transport import Connection
from lsp_server.errors import EngineUnavailable, ModelUnavailable, ServerError
from tests.unit.engine.conftest import MODEL, MakeClient, answer, ask, endless

PATIENCE_S = 10.0
LONG = "\n".join(f"def f{number}(value):\n    return value + {number}\n" for number in range(22))


async def until(condition: object, seconds: float = PATIENCE_S) -> None:
    """Waits for a state that nothing announces."""
    assert callable(condition)
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # processes and files set no events
            await asyncio.sleep(0.01)


async def running(client: EngineClient) -> EngineStatus:
    status = await client.status()
    assert status is not None
    return status


async def free(client: EngineClient) -> None:
    """Returns when the engine has nothing to do."""
    async with asyncio.timeout(PATIENCE_S):
        while (await running(client)).waiting:
            pass


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


async def test_a_client_starts_the_engine_and_is_answered(make_client: MakeClient) -> None:
    """Pieces come first, one Done last; the states on the way are told."""
    states: list[str] = []
    client = make_client(on_state=lambda state: states.append(state.state))
    text, done = await answer(client, ask("def read(path):\n    with open(path", stop=("\n",)))
    assert text
    assert "\n" not in text
    assert done.reason in ("stop", "end", "length")
    assert states[0] == "starting"
    assert states[-1] == "ready"
    assert (await client.model()).name == MODEL.stem


async def test_max_tokens_zero_warms_the_cache(make_client: MakeClient) -> None:
    client = make_client()
    text, warmed = await answer(client, ask(LONG, max_tokens=0))
    _, done = await answer(client, ask(LONG, max_tokens=1))
    assert (text, warmed.generated) == ("", 0)
    assert warmed.evaluated > 100
    assert done.evaluated == 1


async def test_a_cancelled_prefill_frees_the_engine(make_client: MakeClient) -> None:
    """The request is dropped while its prompt is evaluated; the engine is free long before that would have ended."""
    client = make_client()
    await client.model()
    generator = client.generate(endless(LONG, max_tokens=300))
    first = asyncio.ensure_future(anext(generator))
    await asyncio.sleep(0)  # the request is on its way
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    await free(client)
    _, done = await answer(client, ask(LONG, max_tokens=1))
    assert done.reused < done.evaluated


async def test_a_cancelled_answer_frees_the_engine(make_client: MakeClient) -> None:
    client = make_client()
    generator = client.generate(endless("def walk(folder):\n    for", max_tokens=400))
    assert isinstance(await anext(generator), Piece)
    await generator.aclose()
    await free(client)
    assert (await running(client)).served == 1


async def test_a_deadline_ends_an_answer(make_client: MakeClient) -> None:
    client = make_client()
    await client.model()
    _, done = await answer(client, endless("def walk(folder):\n    for", max_tokens=450, deadline_ms=20))
    assert done.reason in ("deadline", "end")
    _, done = await answer(client, ask(LONG, lane="late", deadline_ms=1))
    assert done.reason == "deadline"


async def test_the_newest_request_of_a_lane_wins(make_client: MakeClient) -> None:
    client = make_client()
    await client.model()
    requests = [ask(LONG[: 1000 + number], max_tokens=8) for number in range(4)]
    dones = [done for _, done in await asyncio.gather(*(answer(client, request) for request in requests))]
    reasons = [done.reason for done in dones]
    assert reasons[1:3] == ["superseded", "superseded"]
    assert reasons[-1] != "superseded"


async def test_an_inline_request_overtakes_documentation(make_client: MakeClient) -> None:
    """The long answer is not lost: it goes on where it was."""
    client = make_client()
    await client.model()
    order: list[str] = []

    async def run(name: str, request: protocol.GenerateRequest) -> Done:
        _, done = await answer(client, request)
        order.append(name)
        return done

    slow = endless("def walk(folder):\n    for", lane="docs", max_tokens=400, priority=Priority.DOCUMENTATION)
    alone, _ = await answer(client, slow)
    documentation = asyncio.create_task(run("documentation", slow))
    await asyncio.sleep(0)
    inline = asyncio.create_task(run("inline", ask("x = ", max_tokens=2)))
    await asyncio.gather(documentation, inline)
    if (await documentation).generated > 50:
        assert order == ["inline", "documentation"]
    assert (await answer(client, slow))[0] == alone


async def test_four_clients_share_one_engine_and_one_model(make_client: MakeClient) -> None:
    clients = [make_client() for _ in range(4)]
    await asyncio.gather(*(answer(client, ask("x = ", lane=f"w{n}")) for n, client in enumerate(clients)))
    statuses = [await running(client) for client in clients]
    assert len({status.pid for status in statuses}) == 1
    assert statuses[-1].clients == 4
    engines = [
        process
        for process in psutil.process_iter(["cmdline", "environ"])
        if "engine" in (process.info["cmdline"] or [])
        and (process.info["environ"] or {}).get("CODEHEARTH_HOME") == os.environ["CODEHEARTH_HOME"]
    ]
    assert len(engines) == 1


async def test_a_killed_engine_costs_one_request(make_client: MakeClient) -> None:
    """The request under way ends with a sentence, the next one is answered by a new engine."""
    client = make_client()
    before = (await client.model(), await running(client))[1]
    generator = client.generate(endless("def walk(folder):\n    for", max_tokens=450))
    await anext(generator)
    os.kill(before.pid, signal.SIGKILL)
    with pytest.raises(EngineUnavailable, match="died") as caught:
        async for _ in generator:
            pass
    assert caught.value.next_step
    _, done = await answer(client, ask("def read(path):\n    with"))
    assert done.evaluated > 0
    assert (await running(client)).pid != before.pid


async def test_three_crashes_stop_the_engine_with_one_sentence(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "_BACK_OFF_S", (0.0, 0.01, 0.02))
    client = make_client(spec=ModelSpec("absent.gguf"))
    for _ in range(3):
        with pytest.raises(ModelUnavailable):
            await client.model()
        os.kill((await running(client)).pid, signal.SIGKILL)
        await until(lambda: client.state.state == "off")
    for _ in range(2):
        with pytest.raises(EngineUnavailable, match="three times within a minute"):
            await client.model()
    assert client.state.state == "failed"


async def test_an_engine_that_cannot_start_is_told(home: Path) -> None:
    client = EngineClient([sys.executable, "-c", "raise SystemExit(3)"], ModelSpec(str(MODEL)))
    with pytest.raises(EngineUnavailable, match="exit code 3") as caught:
        await client.model()
    assert str(log_path()) in caught.value.next_step
    await client.close()


async def test_a_command_that_does_not_exist_is_told(home: Path) -> None:
    client = EngineClient([str(home / "nothing")], ModelSpec(str(MODEL)))
    with pytest.raises(EngineUnavailable, match="cannot be started"):
        await client.model()
    await client.close()


async def test_a_bad_model_is_told_and_a_good_one_follows(make_client: MakeClient, tmp_path: Path) -> None:
    """The engine survives; the same client may name another model."""
    broken = tmp_path / "half.gguf"
    broken.write_bytes(MODEL.read_bytes()[:1_000_000])
    client = make_client(spec=ModelSpec(str(broken)))
    with pytest.raises(ModelUnavailable, match="damaged or incomplete") as caught:
        await client.model()
    assert caught.value.next_step
    with pytest.raises(ModelUnavailable):
        await answer(client, ask("x = "))
    pid = (await running(client)).pid
    client.use(ModelSpec(str(tmp_path / "absent.gguf")))
    with pytest.raises(ModelUnavailable, match="no model file"):
        await client.model()
    client.use(ModelSpec(str(MODEL)))
    assert (await client.model()).name == MODEL.stem
    assert (await running(client)).pid == pid


async def test_a_prompt_that_is_too_long_is_told(make_client: MakeClient) -> None:
    client = make_client()
    with pytest.raises(ServerError, match="context holds 2048") as caught:
        await answer(client, ask("value = 1\n" * 1000))
    assert caught.value.next_step


async def test_the_engine_exits_when_the_last_client_has_left(make_client: MakeClient) -> None:
    client = make_client("--idle-exit-seconds", "0.1")
    await client.model()
    pid = (await running(client)).pid
    await client.close()
    await until(lambda: gone(pid))
    assert not transport.socket_path().exists()


async def test_an_idle_model_leaves_memory_and_comes_back(make_client: MakeClient) -> None:
    states: list[EngineState] = []
    client = make_client("--idle-unload-minutes", "0.005", on_state=states.append)
    first, _ = await answer(client, ask("def read(path):\n    with"))
    await until(lambda: states[-1].state == "unloaded")
    assert (await running(client)).model is None
    again, _ = await answer(client, ask("def read(path):\n    with"))
    assert again == first


async def test_no_orphan_stays_when_the_client_is_killed(home: Path) -> None:
    """A server that dies without a word: its engine sees that and goes."""
    script = """if True:
        import asyncio, sys
        from lsp_server.engine.client import EngineClient
        from lsp_server.engine.protocol import ModelSpec

        async def main():
            words = [sys.executable, "-P", "-m", "lsp_server", "engine", "--idle-exit-seconds", "0.1"]
            client = EngineClient(words, ModelSpec(sys.argv[1]))
            await client.model()
            print((await client.status()).pid, flush=True)
            await asyncio.Event().wait()

        asyncio.run(main())
    """
    words = [sys.executable, "-c", script, str(MODEL)]
    process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    pid = int(await process.stdout.readline())
    assert not gone(pid)
    process.kill()
    await process.wait()
    await until(lambda: gone(pid))


async def test_a_hostile_workspace_is_not_imported(
    make_client: MakeClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The editor starts the server inside the workspace; the engine imports nothing from there."""
    for name in ("struct", "json", "lsp_server", "numpy", "asyncio"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'owned')!r}, 'w')\n")
    monkeypatch.chdir(tmp_path)
    await make_client().model()
    assert not (tmp_path / "owned").exists()


async def test_a_newer_client_replaces_an_older_engine(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It asks the old one to drain: what is under way there is finished, then a new one takes its place."""
    old = make_client()
    await old.model()
    pid = (await running(old)).pid
    generator = old.generate(endless("def walk(folder):\n    for", max_tokens=60))
    await anext(generator)
    # The engine that runs has today's version, so the newer client is the one that pretends.
    with monkeypatch.context() as patched:
        patched.setattr(protocol, "VERSION", protocol.VERSION + 1)
        assert await drain_running_engine()
    ends = [event async for event in generator if isinstance(event, Done)]
    assert len(ends) == 1
    await until(lambda: gone(pid))


async def test_an_older_client_is_told_to_restart(make_client: MakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    await make_client().model()
    older = make_client()
    with monkeypatch.context() as patched:
        patched.setattr(protocol, "VERSION", protocol.VERSION - 1)
        with pytest.raises(EngineUnavailable, match="newer codehearth"):
            await older.model()


async def test_asking_for_the_status_starts_nothing(home: Path) -> None:
    assert await running_engine_status() is None
    assert await drain_running_engine() is False
    assert not transport.socket_path().exists()


async def test_two_clients_may_name_two_models(make_client: MakeClient, tmp_path: Path) -> None:
    """One is in memory at a time; each is answered by its own."""
    other = tmp_path / "other.gguf"
    other.write_bytes(MODEL.read_bytes())
    one, two = make_client(), make_client(spec=ModelSpec(str(other)))
    request = ask("def read(path):\n    with", max_tokens=4)
    answers = {(await answer(client, request))[0] for client in (one, two, one)}
    assert len(answers) == 1
    status = await running(two)
    assert status.path == str(MODEL)
    assert (await two.model()).spec.path == str(other)


async def test_a_window_hears_nothing_of_another_windows_model(make_client: MakeClient, tmp_path: Path) -> None:
    """Neither of its failure, which is kept for newcomers, nor of its loading: its own is only not loaded meanwhile."""
    broken = make_client(spec=ModelSpec(str(tmp_path / "missing.gguf")))
    with pytest.raises(ModelUnavailable):
        await broken.model()
    heard: list[EngineState] = []
    good = make_client(on_state=heard.append)
    await good.model()
    assert [state for state in heard if state.state == "failed"] == []
    heard.clear()
    broken.use(ModelSpec(str(tmp_path / "gone.gguf")))
    with pytest.raises(ModelUnavailable):
        await broken.model()
    await until(lambda: heard)
    assert {state.state for state in heard} == {"unloaded"}


async def test_the_command_stops_a_running_engine(make_client: MakeClient) -> None:
    client = make_client()
    await client.model()
    pid = (await running(client)).pid
    stop = await asyncio.create_subprocess_exec(sys.executable, "-m", "lsp_server", "engine", "--stop")
    assert await asyncio.wait_for(stop.wait(), PATIENCE_S) == 0
    await until(lambda: gone(pid))


async def test_a_cache_folder_that_cannot_be_used_costs_nothing_but_time(make_client: MakeClient, home: Path) -> None:
    (home / "cache").write_text("a file where the folder should be")
    assert (await make_client().model()).decode_rate > 0


async def test_a_socket_left_behind_is_replaced(make_client: MakeClient) -> None:
    """After a power cut the files are there and nobody listens."""
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as left:
        left.bind(str(transport.socket_path()))
    transport.key_path().write_text("stale")
    assert (await make_client().model()).name


async def test_a_terminated_engine_says_goodbye(make_client: MakeClient) -> None:
    """An orderly end is no crash, and the next request starts a new engine."""
    client = make_client()
    await client.model()
    pid = (await running(client)).pid
    os.kill(pid, signal.SIGTERM)
    await until(lambda: client.state.state == "off")
    assert client.state.sentence == "The engine has ended."
    assert (await client.model()).name
    assert (await running(client)).pid != pid


async def test_no_source_text_is_logged(make_client: MakeClient) -> None:
    client = make_client("--log-level", "debug")
    await answer(client, ask("secret_name = 'secret text'\nsecret_name."))
    assert "secret" not in log_path().read_text()


async def test_the_cancelled_connection_frees_the_engine(make_client: MakeClient) -> None:
    """A client that vanishes takes its requests along."""
    watcher = make_client()
    await watcher.model()
    key = transport.read_key()
    assert key is not None
    connection = await Connection.open()
    assert connection is not None
    connection.send(protocol.Hello(protocol.VERSION, key, "test", os.getpid()))
    connection.send(protocol.Load(ModelSpec(str(MODEL))))
    connection.send(protocol.Generate(1, endless(LONG, max_tokens=400)))
    while not isinstance(await connection.receive(), protocol.PieceOf):
        pass
    began = time.perf_counter()
    connection.close()
    await free(watcher)
    assert time.perf_counter() - began < PATIENCE_S / 10
    assert (await running(watcher)).clients == 1
