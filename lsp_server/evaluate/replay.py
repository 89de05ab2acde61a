"""Plays an editing trace into a running server, key by key, and notes what came back and when.

Two ways: `replay` sends the next key when the answer is there, one request at a time, and accepts suggestions that
are right; `hurry` types on at a fixed pace and cancels what has not been answered, as an editor does. What the answers
mean is for `figures.py`.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import attrs

from lsp_server.evaluate import product
from lsp_server.evaluate.client import EditorClient, InlineReply, OpenFile, reply_of
from lsp_server.evaluate.keystrokes import EditingTrace, Key, fingerprint
from lsp_server.evaluate.product import Lag, Why
from lsp_server.evaluate.spread import Spread
from lsp_server.evaluate.wire import RequestFailed
from lsp_server.text import Span

_CANCELLED = -32800
_WORTH_ACCEPTING = 2
"""Keys that an accepted suggestion must save: nobody accepts a single bracket."""


@attrs.frozen
class Asked:
    """One request of a replay and its answer. milliseconds: from before `didChange` to the parsed answer."""

    key: int
    kind: str
    """A `KeyKind`, or `accept` for the request that follows an accepted suggestion."""
    milliseconds: float
    shown: int
    """Characters offered; 0 where nothing was."""
    why: Why | None


@attrs.frozen
class Accepted:
    """A suggestion that agreed with what the person typed, and was taken."""

    key: int
    characters: int
    keys_saved: int


@attrs.frozen
class Replayed:
    """A whole replay. ready_seconds: opening the file until index and model were ready. warm_up_ms: the first request,
    made where the first key falls and not counted. starting, typing: how long the server's event loop kept callers
    waiting until it was ready, and from then on. same_text: whether the server's text was the trace's at the end (None
    where it cannot be asked)."""

    asked: tuple[Asked, ...]
    accepted: tuple[Accepted, ...]
    keys: int
    ready_seconds: float
    warm_up_ms: float
    starting: Lag
    typing: Lag
    same_text: bool | None


async def opened(editor: EditorClient, trace: EditingTrace, folder: Path) -> tuple[OpenFile, float]:
    """Opens the trace's file as it is before the first key and waits until the server is ready. Seconds it took."""
    began = time.perf_counter()
    file = editor.open(trace.lay_out(folder), trace.text)
    await product.wait_until_ready(editor, 600)
    return file, time.perf_counter() - began


async def replay(
    editor: EditorClient,
    trace: EditingTrace,
    folder: Path,
    *,
    keys: int | None = None,
    pause: float = 0.0,
    on_key: Callable[[int], None] | None = None,
) -> Replayed:
    """Replays the first `keys` keys (None: all), waiting for each answer and `pause` seconds after it.

    folder: the workspace, where the trace's files are laid out. on_key: called with the number of keys done.
    """
    await product.watch_lag(editor)
    file, ready_seconds = await opened(editor, trace, folder)
    played = trace.keys[: _whole_runs(trace.keys, keys)]
    starting = await product.lag(editor)
    await product.watch_lag(editor)
    warm_up = await editor.inline(file, played[0].caret)
    asked: list[Asked] = []
    accepted: list[Accepted] = []
    done = 0
    while done < len(played):
        key = played[done]
        done += 1
        began = time.perf_counter()
        if key.changes:
            editor.change(file, Span(key.at, key.at + key.remove), key.insert)
        if key.asks:
            reply = await editor.inline(file, key.caret, since=began)
            asked.append(await _noted(editor, file, done - 1, key.kind, reply))
            while (saved := keys_saved(file.text, key.caret, reply.text, played[done:], key.run)) > 0:
                text = reply.text
                assert text is not None
                reply = await _accept(editor, file, key.caret, reply)
                accepted.append(Accepted(done - 1, len(text), saved))
                asked.append(await _noted(editor, file, done - 1, "accept", reply))
                done += saved
                key = played[done - 1]
        if on_key is not None:
            on_key(done)
        if pause:
            await asyncio.sleep(pause)
    if fingerprint(file.text) != fingerprint(_text_after(trace, played)):
        raise AssertionError("the replay did not follow the trace")
    typing = await product.lag(editor)
    same = await product.same_text(editor, file)
    return Replayed(
        asked=tuple(asked),
        accepted=tuple(accepted),
        keys=len(played),
        ready_seconds=ready_seconds,
        warm_up_ms=warm_up.milliseconds,
        starting=starting,
        typing=typing,
        same_text=same,
    )


def keys_saved(text: str, caret: int, suggestion: str | None, following: Sequence[Key], run: int) -> int:
    """How many of the following keys an accepted suggestion stands for; 0 where it is not what the person types.

    It is right where text and caret after accepting are text and caret after so many more keys of the same run.
    """
    if suggestion is None or len(suggestion) < _WORTH_ACCEPTING:
        return 0
    goal = text[:caret] + suggestion + text[caret:]
    goal_caret = caret + len(suggestion)
    saved = 0
    for count, key in enumerate(following, 1):
        if key.run != run:
            break
        text = key.applied(text)
        if key.caret == goal_caret and text == goal:
            saved = count
    return saved if saved >= _WORTH_ACCEPTING else 0


@attrs.frozen
class Hurried:
    """Typing faster than answers come. Milliseconds; counts of requests.

    outcomes: `answered`, `null`, `cancelled` or `error N`. answers: didChange to answer, of those answered.
    releases: `$/cancelRequest` to the reply that ends the request. last_answered: whether the last request, which
    nobody cancelled, got an answer that was not null.
    """

    outcomes: Mapping[str, int]
    answers: Spread
    releases: Spread
    last_answered: bool
    same_text: bool | None


@attrs.define
class _Running:
    request: int
    answer: asyncio.Future[tuple[object, float]]
    began: float
    cancelled: float | None = None


async def hurry(
    editor: EditorClient,
    trace: EditingTrace,
    folder: Path,
    *,
    keys: int | None = None,
    interval: float = 0.03,
    on_key: Callable[[int], None] | None = None,
) -> Hurried:
    """Types a key every `interval` seconds and cancels the request before, unless it was answered in time."""
    file, _ = await opened(editor, trace, folder)
    played = trace.keys[: _whole_runs(trace.keys, keys)]
    running: list[_Running] = []
    due = time.perf_counter()
    for done, key in enumerate(played, 1):
        due += interval
        began = time.perf_counter()
        if key.changes:
            editor.change(file, Span(key.at, key.at + key.remove), key.insert)
        if key.asks:
            if running and not running[-1].answer.done():
                running[-1].cancelled = time.perf_counter()
                editor.cancel(running[-1].request)
            running.append(_Running(*editor.ask(file, key.caret), began))
        if on_key is not None:
            on_key(done)
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
    outcomes: Counter[str] = Counter()
    answers: list[float] = []
    releases: list[float] = []
    last = False
    await asyncio.wait([one.answer for one in running], timeout=60)
    for one in running:
        outcome, milliseconds = await _outcome(one)
        outcomes[outcome] += 1
        last = outcome == "answered"
        if last:
            answers.append(milliseconds)
        if one.cancelled is not None:
            releases.append(milliseconds - (one.cancelled - one.began) * 1000)
    same = await product.same_text(editor, file)
    return Hurried(dict(outcomes), Spread.of(answers), Spread.of(releases), last, same)


async def _outcome(one: _Running) -> tuple[str, float]:
    try:
        result, arrived = await asyncio.wait_for(one.answer, 1)
    except RequestFailed as failed:
        name = "cancelled" if failed.code == _CANCELLED else f"error {failed.code}"
        return name, (failed.arrived - one.began) * 1000
    except TimeoutError:
        return "lost", float("inf")
    reply = reply_of(result, arrived, one.began)
    return "null" if reply.superseded else "answered", reply.milliseconds


async def _noted(editor: EditorClient, file: OpenFile, key: int, kind: str, reply: InlineReply) -> Asked:
    explanation = await product.why(editor, file)
    return Asked(key, kind, reply.milliseconds, len(reply.text or ""), explanation)


async def _accept(editor: EditorClient, file: OpenFile, caret: int, reply: InlineReply) -> InlineReply:
    """Inserts the first item, runs its command as an editor does, and asks again at its end."""
    text = reply.text
    assert text is not None
    began = time.perf_counter()
    editor.change(file, Span(caret, caret), text)
    command = reply.items[0].get("command")
    if command is None:
        return await editor.inline(file, caret + len(text), since=began)
    params = {"command": command["command"], "arguments": command.get("arguments", [])}
    _, executed = editor.send_request("workspace/executeCommand", params)
    following = await editor.inline(file, caret + len(text), since=began)
    await executed
    return following


def _whole_runs(keys: Sequence[Key], wanted: int | None) -> int:
    """The least number of keys from `wanted` on at which a run ends, so that acceptances are not cut short."""
    if wanted is None or wanted >= len(keys):
        return len(keys)
    while wanted < len(keys) and keys[wanted].run == keys[wanted - 1].run:
        wanted += 1
    return wanted


def _text_after(trace: EditingTrace, played: Sequence[Key]) -> str:
    text = trace.text
    for key in played:
        text = key.applied(text)
    return text
