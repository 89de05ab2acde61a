"""Everything `codehearth bench` measures, in one frozen object whose JSON is the command's `--json`.

`measure` runs the parts one after the other, each from outside through real processes; `report.py` words the result.
Milliseconds, tokens and megabytes (10^6 bytes) throughout; a `Spread` has count, p50, p95 and maximum, null without
values. `measure` works in the CODEHEARTH_HOME it is given and leaves the user's own engine, index and settings alone.
"""

import asyncio
import json
import os
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Literal

import attrs
import cattrs

from lsp_server import paths
from lsp_server.engine.client import EngineClient, drain_running_engine
from lsp_server.engine.protocol import ModelSpec
from lsp_server.errors import IndexUnavailable
from lsp_server.evaluate import baseline, indexing, keystrokes, product, recorded, replay, shapes
from lsp_server.evaluate.baseline import BaselineFigures
from lsp_server.evaluate.cancelling import CancelFigures, measure_cancelling
from lsp_server.evaluate.client import EditorClient
from lsp_server.evaluate.indexing import IndexFigures
from lsp_server.evaluate.keystrokes import EditingTrace
from lsp_server.evaluate.machine import Machine, this_machine
from lsp_server.evaluate.product import Lag
from lsp_server.evaluate.replay import Asked, Hurried, Replayed
from lsp_server.evaluate.spread import Spread
from lsp_server.evaluate.windows import WindowFigures, measure_windows
from lsp_server.modelstore import catalogue, facts, store

_CODEHEARTH = (sys.executable, "-P", "-m", "lsp_server")

_HURRIED_KEYS = 150

Tell = Callable[[str, float, float | None], None]
"""Progress: what is being measured, how much of it is done, of how much (None where that is unknown)."""


@attrs.frozen
class Options:
    """What to measure. quick: fewer repetitions and about a third of the trace. threads: for the model, all parts.

    model: a path or name as `codehearth.model` takes it, None for the embedded one; one of random weights is made to
    say what the trace records. shape: also measure cancelling on a random model of the shape of a real 0.5B one.
    index_folder: what is indexed; None takes an installed package.
    """

    quick: bool = False
    threads: int = 1
    model: str | None = None
    shape: bool = False
    llama_server: Path | None = None
    index_folder: Path | None = None


@attrs.frozen
class ReplayFigures:
    """A replay of the shipped trace, over the requests of its keys; the first request is in `warm_up_ms` only.

    engine, cache, other: didChange to answer of requests that reached the engine, were answered from the cache, and
    of the rest, which shared an earlier request's generation or had nothing to ask. no_engine_share: cache and other,
    of all. evaluated: prompt tokens per request that reached the engine and was counted there; reused_share: of all
    their prompt tokens. reanchors: reason to count.
    silences: why nothing was shown, to count. starting, typing: waits on the event loop until the server was ready, and
    from then on. hops: milliseconds per hop, of requests that reached the engine.
    """

    package: str
    version: str
    path: str
    lines: int
    keys: int
    requests: int
    engine: Spread
    cache: Spread
    other: Spread
    no_engine_share: float
    evaluated: Spread
    reused_share: float
    reanchors: Mapping[str, int]
    silences: Mapping[str, int]
    hops: Mapping[str, Spread]
    shown: int
    accepted: int
    accepted_characters: int
    ready_seconds: float
    warm_up_ms: float
    starting: Lag
    typing: Lag
    same_text: bool | None


@attrs.frozen
class Figures:
    """All of it. `start`: process start to the `initialize` reply, in milliseconds. forced: the model's weights are
    random, and its answers to the trace were given to it (`recorded.py`)."""

    machine: Machine
    quick: bool
    model: str
    threads: int
    seconds: float
    start: Spread
    replay: ReplayFigures
    hurried: Hurried
    baseline: BaselineFigures | None
    """None where the model lacks the tokens that `/infill` needs."""
    llama_server: BaselineFigures | None
    cancelling: tuple[CancelFigures, ...]
    windows: WindowFigures
    index: IndexFigures
    forced: bool = False

    def as_json(self) -> dict[str, Any]:
        return dict(cattrs.unstructure(self))


async def measure(options: Options, home: Path, tell: Tell) -> Figures:
    """Measures everything in `home`, an empty folder of the caller's. Raises ServerError where a part cannot run."""
    machine = this_machine()
    began = time.perf_counter()
    trace = keystrokes.load(keystrokes.shipped())
    model = store.locate(options.model)
    sent = {"model": str(model), "engine": {"threads": options.threads}}
    forced = catalogue.random_weights(facts.read(model))
    arguments = ("--forced-texts", str(recorded.lay_down(trace, home / "forced-texts.json"))) if forced else ()
    keys = len(trace.keys) // 3 if options.quick else None
    shaped = None
    if options.shape:
        tell("writing a random model", 0, None)
        shaped = await asyncio.to_thread(shapes.cached, shapes.QWEN_0_5B)
    async with living_in(home):
        start = await _starts(3 if options.quick else 5, tell)
        folder = home / "workspaces" / trace.header.package
        trace.lay_out(folder)
        async with EditorClient([folder], home=home, options=sent, arguments=arguments) as editor:
            count = keys or len(trace.keys)
            played = await replay.replay(
                editor, trace, folder, keys=keys, on_key=lambda done: tell("replaying the trace", done, count)
            )
            replayed = summary(trace, played)
            name = (await product.status(editor)).model or model.stem
        async with EditorClient([folder], home=home, options=sent, arguments=arguments) as editor:
            hurried = await replay.hurry(
                editor,
                trace,
                folder,
                keys=_HURRIED_KEYS,
                on_key=lambda done: tell("typing in a hurry", done, _HURRIED_KEYS),
            )
        tell("opening four windows", 0, None)
        windows = await measure_windows(_window_files(trace, home), home, options=sent)
        cancelling = [await _cancelling(model, options, tell)]
        infill, real = await _baselines(trace, model, options, keys, tell, forced=forced)
        if shaped is not None:
            cancelling.append(await _cancelling(shaped, options, tell))
        index = await _index(options.index_folder or indexing.installed_package("rich"), tell)
    return Figures(
        machine=machine,
        quick=options.quick,
        model=name,
        threads=options.threads,
        seconds=round(time.perf_counter() - began, 1),
        start=start,
        replay=replayed,
        hurried=hurried,
        baseline=infill,
        llama_server=real,
        cancelling=tuple(cancelling),
        windows=windows,
        index=index,
        forced=forced,
    )


def summary(trace: EditingTrace, played: Replayed) -> ReplayFigures:
    """The figures of one replay."""
    engine = [asked for asked in played.asked if _route(asked) == "engine"]
    cache = [asked for asked in played.asked if _route(asked) == "cache"]
    other = [asked for asked in played.asked if _route(asked) == "other"]
    whys = [asked.why for asked in engine if asked.why is not None]
    counted = [why for why in whys if why.prompt_tokens > 0]
    evaluated, reused = sum(why.evaluated for why in counted), sum(why.reused for why in counted)
    hops = {hop for why in whys for hop in why.milliseconds}
    return ReplayFigures(
        package=trace.header.package,
        version=trace.header.version,
        path=trace.header.path,
        lines=trace.text.count("\n"),
        keys=played.keys,
        requests=len(played.asked),
        engine=_times(engine),
        cache=_times(cache),
        other=_times(other),
        no_engine_share=round(1 - len(engine) / max(1, len(played.asked)), 4),
        evaluated=Spread.of(why.evaluated for why in counted),
        reused_share=round(reused / max(1, evaluated + reused), 4),
        reanchors=Counter(why.reanchored for why in whys if why.reanchored is not None),
        silences=Counter(asked.why.silence for asked in played.asked if asked.why and asked.why.silence),
        hops={hop: Spread.of(why.milliseconds.get(hop, 0.0) for why in whys) for hop in sorted(hops)},
        shown=sum(asked.shown > 0 for asked in played.asked),
        accepted=len(played.accepted),
        accepted_characters=sum(accepted.characters for accepted in played.accepted),
        ready_seconds=round(played.ready_seconds, 2),
        warm_up_ms=round(played.warm_up_ms, 1),
        starting=played.starting,
        typing=played.typing,
        same_text=played.same_text,
    )


def _route(asked: Asked) -> Literal["engine", "cache", "other"]:
    if asked.why is None:
        return "other"
    return "cache" if asked.why.from_cache else "engine" if asked.why.reached_engine else "other"


def _times(asked: list[Asked]) -> Spread:
    return Spread.of(one.milliseconds for one in asked)


async def _starts(count: int, tell: Tell) -> Spread:
    """From starting the process to the reply to `initialize`; the first start, with cold files, is one of them."""
    times = []
    for done in range(count):
        tell("starting servers", done, count)
        editor = EditorClient()
        began = time.perf_counter()
        await editor.start()
        try:
            await editor.initialize()
            times.append((time.perf_counter() - began) * 1000)
            await editor.shutdown()
        finally:
            await editor.kill()
    return Spread.of(times)


def _window_files(trace: EditingTrace, home: Path) -> list[Path]:
    """One file for each of four windows: two on the same workspace, two on workspaces of their own."""
    folders = [home / "workspaces" / name for name in ("first", "second", "third")]
    edited = [trace.lay_out(folder) for folder in folders]
    return [*edited, edited[0].with_name("validators.py")]


async def _cancelling(model: Path, options: Options, tell: Tell) -> CancelFigures:
    samples = 8 if options.quick else 40
    async with _engine(ModelSpec(str(model), threads=options.threads)) as engine:
        return await measure_cancelling(
            engine, samples=samples, on_sample=lambda done: tell(f"cancelling on {model.stem}", done, 2 * samples)
        )


async def _baselines(
    trace: EditingTrace, model: Path, options: Options, keys: int | None, tell: Tell, *, forced: bool
) -> tuple[BaselineFigures | None, BaselineFigures | None]:
    count = sum(key.asks for key in trace.keys[:keys])
    infill = real = None
    spec = ModelSpec(str(model), context_tokens=baseline.CONTEXT, threads=options.threads)
    async with _engine(spec) as engine:
        roles = (await engine.model()).fim_tokens
        if {"pre", "suf", "mid"} <= set(roles):
            with _vocabulary(model) as vocabulary:
                infill = await baseline.replay_infill(
                    engine,
                    vocabulary,
                    trace,
                    keys=keys,
                    forced=forced,
                    on_key=lambda done: tell("the /infill baseline", done, count),
                )
    if options.llama_server is not None:
        async with baseline.LlamaServer(options.llama_server, model, options.threads) as server:
            real = await server.replay(trace, keys=keys, on_key=lambda done: tell("llama-server", done, count))
    return infill, real


async def _index(folder: Path, tell: Tell) -> IndexFigures:
    """In a process of its own, so that its memory is counted alone."""
    tell("indexing", 0, None)
    command = (*_CODEHEARTH, "index", str(folder), "--json")
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    answer, complaint = await process.communicate()
    if process.returncode != 0:
        raise IndexUnavailable(complaint.decode("utf-8", "replace").strip() or "Indexing failed.")
    return cattrs.structure(json.loads(answer), IndexFigures)


@asynccontextmanager
async def _engine(spec: ModelSpec) -> AsyncIterator[EngineClient]:
    """An engine with this model, which ends afterwards: the next part begins with an empty memory."""
    engine = EngineClient((*_CODEHEARTH, "engine"), spec, name="codehearth bench")
    try:
        await drain_running_engine()
        yield engine
    finally:
        await engine.close()
        await drain_running_engine()


@contextmanager
def _vocabulary(model: Path) -> Iterator[baseline.Vocabulary]:
    """The model's tokens without its weights. Loads llama.cpp into this process."""
    from lsp_server.engine import llama

    loaded = llama.Model(str(model), gpu_layers=0, vocabulary_only=True)
    try:
        yield llama.Vocabulary(loaded.pointer)
    finally:
        loaded.close()


@asynccontextmanager
async def living_in(home: Path) -> AsyncIterator[None]:
    """Everything that this process starts or asks belongs to `home` for a while; no engine stays behind in it."""
    before = os.environ.get(paths.HOME_VARIABLE)
    os.environ[paths.HOME_VARIABLE] = str(home)
    try:
        yield
    finally:
        await drain_running_engine()
        if before is None:
            del os.environ[paths.HOME_VARIABLE]
        else:
            os.environ[paths.HOME_VARIABLE] = before
