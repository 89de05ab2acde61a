"""One inline completion from query to answer, with a scripted engine: what is asked, what is shown, what is stopped."""

import asyncio
import hashlib
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import attrs
import pytest

from lsp_server.completion.forced import ForcedTexts
from lsp_server.completion.ledger import SENTENCES
from lsp_server.completion.model import ModelState
from lsp_server.completion.query import Silence
from lsp_server.documents.document import Document, Edit
from lsp_server.engine.fake import FACTS, FakeEngine
from lsp_server.engine.protocol import Priority
from lsp_server.errors import EngineUnavailable, ModelUnavailable, ServerError
from lsp_server.index.values import Chunk, Import, ScoredChunk
from lsp_server.settings import CompletionSettings, ContextSettings, Settings
from lsp_server.text import LineIndex, Span
from tests.unit.completion.conftest import FOLDER, SECONDS, Editor, Open
from tests.unit.context.small_index import SmallIndex

FILE = "def f(items):\n    total = <CURSOR>\n    return total\n"


async def within(wait: Coroutine[Any, Any, Any]) -> Any:
    async with asyncio.timeout(SECONDS):
        return await wait


async def test_a_line_is_offered_at_the_cursor(opened: Open) -> None:
    """The answer is one item: plain text for an empty range at the cursor."""
    editor = opened(FILE, FakeEngine("sum(items)\nmore"))
    answer = await editor.answer()
    (item,) = answer.items
    assert item.text == "sum(items)"
    assert item.span == Span(editor.cursor, editor.cursor)
    assert not answer.superseded


async def test_the_prompt_is_the_documents(opened: Open) -> None:
    """Head, suffix and prefix as the model's format has them, and a line stops at its end."""
    engine = FakeEngine("sum(items)")
    await opened(FILE, engine).answer()
    head = "<|repo_name|>project\n<|file_sep|>a.py\n"
    hole = "<|fim_prefix|><|fim_suffix|>\n    return total\n<|fim_middle|>def f(items):\n    total = "
    assert engine.prompts == [head + hole]
    assert engine.requests[0].request.stop == ("\n",)
    assert engine.requests[0].request.heal
    assert engine.requests[0].request.priority == Priority.INLINE


async def test_every_answer_is_explained(opened: Open) -> None:
    """Hops, tokens, why the prompt was begun anew, and how sure the model was."""
    editor = opened(FILE, FakeEngine("sum(items)", logprob=-0.2))
    explanation = (await editor.answer()).explanation
    assert explanation.mode == "line"
    assert explanation.reanchored == "first request"
    assert (explanation.reused, explanation.generated) == (0, len("sum(items)"))
    assert explanation.evaluated > 0
    assert explanation.logprob == pytest.approx(-0.2)
    assert explanation.silence is None
    hops = [
        "trigger",
        "cache",
        "debounce",
        "tree",
        "context",
        "prompt",
        "queue",
        "prefill",
        "decode",
        "postprocess",
        "total",
    ]
    assert set(hops) <= explanation.milliseconds.keys()


RANDOM = attrs.evolve(FACTS, metadata={**FACTS.metadata, "codehearth.random_weights": "true"})


def forced_at_the_cursor(editor: Editor, text: str) -> ForcedTexts:
    place = hashlib.sha256(editor.text.encode()).hexdigest()
    return ForcedTexts({place: {str(editor.cursor): text}})


async def test_a_model_of_random_weights_says_what_it_is_told(opened: Open) -> None:
    """Its text for this place is shown, however unlikely the model finds it; elsewhere it speaks for itself."""
    texts = forced_at_the_cursor(opened(FILE, FakeEngine()), "sum(items)")
    engine = FakeEngine("noise", facts=RANDOM, logprob=-9.0)
    editor = opened(FILE, engine, forced_texts=texts)
    answer = await editor.answer()
    assert [item.text for item in answer.items] == ["sum(items)"]
    assert answer.explanation.logprob == pytest.approx(-9.0)
    editor.type("x")
    assert (await editor.answer()).explanation.silence == "unsure"
    assert [asked.request.forced_answer for asked in engine.requests] == ["sum(items)", None]


async def test_nothing_is_put_into_the_mouth_of_a_trained_model(opened: Open) -> None:
    texts = forced_at_the_cursor(opened(FILE, FakeEngine()), "sum(items)")
    engine = FakeEngine("len(items)")
    answer = await opened(FILE, engine, forced_texts=texts).answer()
    assert [item.text for item in answer.items] == ["len(items)"]
    assert engine.requests[0].request.forced_answer is None


async def test_typing_along_needs_no_engine(opened: Open) -> None:
    """What was offered is offered further while it is typed, from the cache."""
    engine = FakeEngine("sum(items)")
    editor = opened(FILE, engine)
    await editor.answer()
    editor.type("sum")
    answer = await editor.answer()
    assert answer.items[0].text == "(items)"
    assert answer.items[0].from_cache
    assert answer.explanation.from_cache
    assert len(engine.requests) == 1


async def test_typing_something_else_appends_to_the_prompt(opened: Open) -> None:
    """The next prompt begins with all of the last one."""
    engine = FakeEngine(["sum(items)", "len(items)"])
    editor = opened(FILE, engine)
    await editor.answer()
    editor.type("le")
    answer = await editor.answer()
    assert answer.explanation.reanchored is None
    assert engine.prompts[1] == engine.prompts[0] + "le"


async def test_a_jump_is_explained(opened: Open) -> None:
    """A cursor that moved begins a new prompt and says so."""
    editor = opened("a = 1\nb = 2\n" + FILE, FakeEngine("sum(items)"))
    await editor.answer()
    editor.cursor = len("a = 1")
    answer = await editor.answer()
    assert answer.explanation.reanchored == "jump"


async def test_coming_back_continues_the_earlier_prompt(opened: Open) -> None:
    """After a jump away and back the first prompt goes on, because the engine may still hold it."""
    engine = FakeEngine(["sum(items)", "3", "len(items)"])
    editor = opened("a = 1\nb = 2\n" + FILE, engine)
    await editor.answer()
    place, editor.cursor = editor.cursor, len("a = 1")
    await editor.answer()
    editor.cursor = place
    editor.type("le")
    answer = await editor.answer()
    assert answer.explanation.reanchored is None
    assert engine.prompts[2] == engine.prompts[0] + "le"


async def test_a_newer_request_stops_the_engine(opened: Open) -> None:
    """The older request is answered as superseded and its generation is closed at once."""
    engine = FakeEngine("sum(items)")
    engine.hold()
    editor = opened(FILE, engine)
    older = editor.ask()
    request = await within(engine.request(0))
    editor.type("x")
    newer = editor.ask()
    assert (await within(older)).superseded
    await within(request.finished.wait())
    assert request.cancelled
    engine.release()
    assert (await within(newer)).items


async def test_the_clients_cancellation_stops_the_engine(opened: Open) -> None:
    """Cancelling the handler's task flies through and closes the generation."""
    engine = FakeEngine("sum(items)")
    engine.hold()
    task = opened(FILE, engine).ask()
    request = await within(engine.request(0))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await within(request.finished.wait())
    assert request.cancelled


async def test_typing_what_is_being_generated_joins_the_generation(opened: Open) -> None:
    """The running generation goes on for the newer request instead of being asked again."""
    engine = FakeEngine("sum(items)", piece_size=4)
    engine.hold()
    editor = opened(FILE, engine)
    older = editor.ask()
    await within(engine.request(0))
    engine.step()
    await within(_until(lambda: _flying_text(editor) == "sum("))
    editor.type("su")
    newer = editor.ask()
    assert (await within(older)).superseded
    engine.release()
    assert (await within(newer)).items[0].text == "m(items)"
    assert len(engine.requests) == 1
    assert not engine.requests[0].cancelled


async def test_whole_lines_of_a_cancelled_block_are_kept(opened: Open) -> None:
    """What a block had said before it was cancelled is offered when the person returns."""
    engine = FakeEngine("    first = 1\n    second = 2\n    third", piece_size=100)
    editor = opened("def f():\n<CURSOR>\n", engine)
    editor.settings = attrs.evolve(editor.settings, completion=CompletionSettings(mode="block", debounce_ms=0))
    engine.hold()
    older = editor.ask()
    await within(engine.request(0))
    engine.step()
    await within(_until(lambda: "third" in _flying_text(editor)))
    editor.type("x")
    newer = editor.ask()
    assert (await within(older)).superseded
    engine.release()
    await within(newer)
    editor.change(Span(editor.cursor - 1, editor.cursor), "")
    await within(_until(lambda: editor.service._cache.get(editor.query()) is not None))
    answer = await editor.answer()
    assert answer.explanation.from_cache
    assert answer.items[0].text == "    first = 1\n    second = 2"


async def test_an_accepted_suggestion_fetches_the_next_one(opened: Open) -> None:
    """The text shows the acceptance; the answer is there before it is asked for."""
    engine = FakeEngine(["items[0]", " + items[1]"])
    editor = opened(FILE, engine)
    shown = (await editor.answer()).items[0].text
    editor.accept(shown)
    request = await within(engine.request(1))
    assert request.request.priority == Priority.PREWARM
    await within(request.finished.wait())
    answer = await editor.answer()
    assert answer.items[0].text == " + items[1]"
    assert len(engine.requests) == 2


async def test_a_request_joins_what_is_being_fetched(opened: Open) -> None:
    """A request for the place that is being prefetched does not ask twice."""
    engine = FakeEngine(["items[0]", " + items[1]"])
    editor = opened(FILE, engine)
    shown = (await editor.answer()).items[0].text
    engine.hold()
    editor.accept(shown)
    await within(engine.request(1))
    task = editor.ask()
    await asyncio.sleep(0)
    engine.release()
    assert (await within(task)).items[0].text == " + items[1]"
    assert len(engine.requests) == 2
    assert not engine.requests[1].cancelled


async def test_a_request_elsewhere_stops_the_prefetch(opened: Open) -> None:
    """Nobody wants the prefetched place any more."""
    engine = FakeEngine(["items[0]", " + items[1]", "1"])
    editor = opened("a = \n" + FILE, engine)
    shown = (await editor.answer()).items[0].text
    engine.hold()
    editor.accept(shown)
    prefetch = await within(engine.request(1))
    editor.cursor = len("a = ")
    task = editor.ask()
    await within(prefetch.finished.wait())
    assert prefetch.cancelled
    engine.release()
    await within(task)


async def test_an_accepted_first_word_is_noticed(opened: Open) -> None:
    """The rest of the suggestion is offered further without the engine."""
    engine = FakeEngine("items[0] + items[1]")
    editor = opened(FILE, engine)
    await editor.answer()
    editor.accept("items")
    answer = await editor.answer()
    assert answer.items[0].text == "[0] + items[1]"
    assert len(engine.requests) == 1


@pytest.mark.parametrize(
    ("problem", "silence"),
    [
        (ModelUnavailable("The model is missing.", "Choose another."), "no_model"),
        (EngineUnavailable("The engine does not start.", "Look into its log."), "engine"),
    ],
)
async def test_a_missing_model_is_silence_with_its_sentence(
    opened: Open, problem: ServerError, silence: Silence
) -> None:
    """Typing goes on undisturbed; the listener hears of it once."""
    engine = FakeEngine()
    engine.facts = problem
    heard: list[ModelState] = []
    editor = opened(FILE, engine, on_state=heard.append)
    for _ in range(2):
        answer = await editor.answer()
        assert answer.items == ()
        assert answer.explanation.silence == silence
        assert answer.explanation.detail == str(problem)
    assert [state.state for state in heard] == ["loading", "error"]


async def test_an_engine_that_dies_is_silence(opened: Open) -> None:
    """A missing suggestion is all that is noticed, and the next request works."""
    engine = FakeEngine([EngineUnavailable("The engine has ended."), "sum(items)"])
    editor = opened(FILE, engine)
    assert (await editor.answer()).explanation.silence == "engine"
    assert (await editor.answer()).items


async def test_a_prompt_that_does_not_fit_is_made_smaller(opened: Open) -> None:
    """Text denser than the model's average is shown a smaller piece instead of nothing."""
    lines = "".join(f"value_{number} = {number}\n" for number in range(500))

    def script(text: str) -> str | ServerError:
        return ServerError("The prompt does not fit.") if len(text) > 3000 else "sum(items)"

    engine = FakeEngine(script)
    answer = await opened(lines + FILE, engine).answer()
    assert answer.items[0].text == "sum(items)"
    assert len(engine.requests) >= 2


async def test_a_late_automatic_answer_is_not_shown(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the deadline the person is elsewhere; the engine is stopped."""
    monkeypatch.setattr("lsp_server.completion.service.DEADLINE_S", 0.3)
    engine = FakeEngine("sum(items)")
    engine.hold()
    task = opened(FILE, engine).ask()
    request = await within(engine.request(0))
    assert (await within(task)).explanation.silence == "deadline"
    await within(request.finished.wait())
    assert request.cancelled


async def test_whole_lines_are_shown_at_the_deadline(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow machine offers as much of a block as it has written by then, and the engine is stopped."""
    monkeypatch.setattr("lsp_server.completion.service.DEADLINE_S", 0.3)
    engine = FakeEngine("    first = 1\n    second = 2\n    third", piece_size=100)
    editor = opened("def f():\n<CURSOR>\n", engine)
    editor.settings = attrs.evolve(editor.settings, completion=CompletionSettings(mode="block", debounce_ms=0))
    engine.hold()
    task = editor.ask()
    request = await within(engine.request(0))
    engine.step()
    assert (await within(task)).items[0].text == "    first = 1\n    second = 2"
    await within(request.finished.wait())
    assert request.cancelled


async def test_what_somebody_asked_for_stays_while_it_is_typed(opened: Open) -> None:
    """Also at a place where nothing is offered by itself: the ghost text must not vanish at the next key."""
    engine = FakeEngine("sum(items) +")
    editor = opened("def f(items):\n    total = <CURSOR> len(items)\n", engine)
    assert (await editor.answer()).explanation.silence == "position"
    assert (await editor.answer(automatic=False)).items[0].text == "sum(items) +"
    editor.type("su")
    assert (await editor.answer()).items[0].text == "m(items) +"
    assert len(engine.requests) == 1


async def test_nothing_generated_is_remembered(opened: Open) -> None:
    """A place where the model has nothing to say is not asked about again."""
    engine = FakeEngine("")
    editor = opened(FILE, engine)
    assert (await editor.answer()).explanation.silence == "empty"
    assert (await editor.answer()).explanation.silence == "empty"
    assert len(engine.requests) == 1


async def test_related_code_is_in_the_prompt_with_its_reason(opened: Open) -> None:
    """The index is asked, and the explanation lists what was used."""
    files = {"a.py": "from b import helper\n", "b.py": "def helper(items):\n    return items\n"}
    engine = FakeEngine("helper(items)")
    editor = opened("from b import helper\n" + FILE, engine, reader=SmallIndex(files))
    answer = await editor.answer(automatic=False)
    assert "<|file_sep|>b.py\ndef helper(items)\n" in engine.prompts[0]
    assert answer.explanation.snippets[0].path == "b.py"
    assert answer.explanation.snippets[0].reason == "defines helper, imported here"


async def test_the_index_is_asked_once_per_definition(opened: Open) -> None:
    """Typing and jumping within one definition keep the snippets."""
    reader = SmallIndex({"a.py": "from b import helper\n", "b.py": "def helper(items):\n    return items\n"})
    editor = opened("from b import helper\n" + FILE, FakeEngine(["one()", "two()", "three()"]), reader=reader)
    await editor.answer(automatic=False)
    asked = reader.asked
    editor.type("x")
    await editor.answer(automatic=False)
    editor.cursor -= 8
    answer = await editor.answer(automatic=False)
    assert answer.explanation.reanchored == "jump"
    assert reader.asked == asked


async def test_a_slow_index_is_not_waited_for(opened: Open) -> None:
    """The suggestion goes without related code, which the next prompt has once it has come."""
    reader = SlowIndex({"a.py": "from b import helper\n", "b.py": "def helper(items):\n    return items\n"})
    editor = opened("from b import helper\n" + FILE, FakeEngine(["one()", "two()"]), reader=reader)
    assert (await editor.answer()).explanation.snippets == ()
    reader.awake.set()
    await asyncio.to_thread(reader.answered.wait, SECONDS)
    await within(_until(lambda: all(late.done() for _, late in editor.service._prompts._late.values())))
    editor.type("x")
    answer = await editor.answer()
    assert answer.explanation.reanchored == "related code arrived"
    assert {snippet.path for snippet in answer.explanation.snippets} == {"b.py"}


async def test_related_code_can_be_switched_off(opened: Open) -> None:
    """`context.enabled` false leaves the index alone."""
    reader = SmallIndex({"b.py": "def helper(items):\n    return items\n"})
    editor = opened(FILE, FakeEngine("sum(items)"), reader=reader)
    editor.settings = Settings(context=ContextSettings(enabled=False))
    await editor.answer()
    assert reader.asked == 0


async def test_a_file_outside_every_workspace_is_completed(opened: Open) -> None:
    """Without a folder there is no head and no related code, and still a suggestion."""
    engine = FakeEngine("sum(items)")
    answer = await opened(FILE, engine, folder=None).answer()
    assert answer.items
    assert engine.prompts[0].startswith("<|fim_prefix|>")


async def test_a_recent_edit_of_another_file_is_shown(opened: Open) -> None:
    """What was edited a moment ago elsewhere is related code."""
    lines = "first = 1\nsecond = 2\nthird_value = compute(second)\n"
    engine = FakeEngine("sum(items)")
    editor = opened(FILE, engine, reader=SmallIndex({"b.py": lines}))
    other = Document("file:///project/b.py", FOLDER / "b.py", "python", 1, lines, LineIndex.of(lines))
    editor.service.edited(other, other, [Edit(Span(25, 25), "x")])
    answer = await editor.answer(automatic=False)
    assert [snippet.source for snippet in answer.explanation.snippets] == ["recent"]


async def test_an_explicit_setting_debounces(opened: Open) -> None:
    """A request that is superseded while it waits never reaches the engine."""
    engine = FakeEngine("sum(items)")
    editor = opened(FILE, engine)
    editor.settings = Settings(completion=CompletionSettings(debounce_ms=2000))
    older = editor.ask()
    for _ in range(20):
        await asyncio.sleep(0)
    editor.settings = Settings(completion=CompletionSettings(debounce_ms=0))
    newer = editor.ask()
    assert (await within(older)).superseded
    assert (await within(newer)).items
    assert len(engine.requests) == 1


async def test_closing_a_document_forgets_it(opened: Open) -> None:
    """Its suggestions and its prompt are gone."""
    engine = FakeEngine("sum(items)")
    editor = opened(FILE, engine)
    await editor.answer()
    editor.service.closed("file:///project/a.py")
    answer = await editor.answer()
    assert answer.explanation.reanchored == "first request"
    assert not answer.explanation.from_cache


async def test_closing_a_document_stops_its_prefetch(opened: Open) -> None:
    """What is being fetched ahead would otherwise be kept for a document that nobody has open."""
    engine = FakeEngine(["items[0]", " + items[1]"])
    editor = opened(FILE, engine)
    shown = (await editor.answer()).items[0].text
    engine.hold()
    editor.accept(shown)
    prefetch = await within(engine.request(1))
    editor.service.closed("file:///project/a.py")
    await within(prefetch.finished.wait())
    assert prefetch.cancelled


class SlowIndex(SmallIndex):
    """Says nothing until it is awake."""

    def __init__(self, files: dict[str, str]) -> None:
        super().__init__(files)
        self.awake = threading.Event()
        self.answered = threading.Event()

    def imports(self, path: str) -> list[Import]:
        self.awake.wait(SECONDS)
        return super().imports(path)

    def holding(self, identifiers: list[str], *, exclude: str | None, limit: int) -> list[Chunk]:
        self.awake.wait(SECONDS)
        return super().holding(identifiers, exclude=exclude, limit=limit)

    def similar(self, words: list[str], *, exclude: str | None, limit: int) -> list[ScoredChunk]:
        self.answered.set()
        return super().similar(words, exclude=exclude, limit=limit)


ORDERS = "def order(client):\n    answer = client.fetch_order(7)\n    return answer\n"


async def test_the_engine_hears_what_the_repository_goes_on_with(opened: Open) -> None:
    """From other files and from the document itself; and who asks why is told where the answer stands already."""
    engine = FakeEngine("fetch_order(7)")
    marked = "def f(client):\n    answer = client.<CURSOR>\n"
    editor = opened(marked, engine, reader=SmallIndex({"orders.py": ORDERS}))
    explanation = (await editor.answer(automatic=False)).explanation
    (said,) = engine.requests[0].request.continuations
    assert said.text == "fetch_order(7)\n"
    assert said.probability > 0.2
    assert explanation.also_at == "orders.py:2"
    assert explanation.milliseconds["continuations"] > 0


async def test_what_the_model_writes_anew_stands_nowhere(opened: Open) -> None:
    """Only an answer that is word for word another place's is said to stand there."""
    editor = opened("a.b = client.fetch(7)\na.c = client.<CURSOR>\n", FakeEngine("fetch(8)"))
    answer = await editor.answer(automatic=False)
    assert answer.items
    assert answer.explanation.also_at is None


async def test_what_stands_elsewhere_with_other_names_is_told_apart(opened: Open) -> None:
    """From what stands there as it is."""
    marked = "def fit(width, height):\n    a.width = check_width(width)\n    a.height = <CURSOR>\n"
    explanation = (await opened(marked, FakeEngine("check_height(height)")).answer(automatic=False)).explanation
    assert explanation.also_at is None
    assert explanation.like_at is not None
    assert explanation.like_at.endswith(":2")


async def test_who_wants_no_context_gets_no_continuations(opened: Open) -> None:
    """Neither of other files nor of the document."""
    engine = FakeEngine("fetch(7)")
    editor = opened("a.b = client.fetch(7)\na.c = client.<CURSOR>\n", engine)
    editor.settings = attrs.evolve(editor.settings, context=ContextSettings(enabled=False))
    await editor.answer(automatic=False)
    assert engine.requests[0].request.continuations == ()


async def test_continuations_that_come_too_late_are_none(opened: Open) -> None:
    """The engine is asked all the same."""
    index = SlowIndex({"orders.py": ORDERS})
    engine = FakeEngine("fetch_order(7)")
    editor = opened("def f(client):\n    answer = client.<CURSOR>\n", engine, reader=index)
    try:
        assert (await editor.answer()).items
        assert engine.requests[0].request.continuations == ()
    finally:
        index.awake.set()


def test_every_silence_has_a_sentence() -> None:
    """A person can always be told why nothing is shown."""
    assert set(SENTENCES) == set(Silence.__args__)  # type: ignore[attr-defined]


async def test_who_is_not_shown_a_guess_is_told_so(opened: Open) -> None:
    """Also where no hop has more to say than the kind of silence: the status line would be empty."""
    answer = await opened(FILE, FakeEngine("sum(items)", logprob=-9.0)).answer()
    assert (answer.explanation.silence, answer.explanation.detail) == ("unsure", SENTENCES["unsure"])


async def _until(reached: Callable[[], bool]) -> None:
    while not reached():  # noqa: ASYNC110 - a state of the service's own, and it has no event for tests
        await asyncio.sleep(0)


def _flying_text(editor: Editor) -> str:
    """What has been generated so far: the test waits for it instead of sleeping."""
    flight = editor.service._flights.get("file:///project/a.py")
    return flight.text if flight is not None else ""


ENDLESS = " + ".join(f"part_{number}" for number in range(100))


async def test_a_line_that_does_not_end_is_not_shown(opened: Open) -> None:
    """A model that has lost itself goes on until its answer is as long as it may be."""
    editor = opened("total = <CURSOR>\n", FakeEngine([ENDLESS]))
    answer = await editor.answer(automatic=False)
    assert answer.items == ()


async def test_of_a_block_that_does_not_end_whole_lines_are_shown(opened: Open) -> None:
    """What was cut off in the middle of a line goes; the lines above it are finished."""
    editor = opened("def run():\n    <CURSOR>\n", FakeEngine([f"first()\n    total = {ENDLESS}"]))
    answer = await editor.answer(automatic=False)
    assert [item.text for item in answer.items] == ["first()"]
