"""The model's card: made once per model, shared by all who wait, its problems told to a listener."""

import asyncio

import attrs
import pytest

from lsp_server.completion.model import ActiveModel, ModelState
from lsp_server.engine.fake import FACTS, FakeEngine
from lsp_server.engine.protocol import ModelFacts
from lsp_server.errors import EngineUnavailable, ModelUnavailable


def without_order(**changes: object) -> ModelFacts:
    """A model with Qwen's tokens that no family of the catalogue claims."""
    return attrs.evolve(FACTS, architecture="unheard-of", metadata={}, **changes)


async def test_the_card_states_the_order() -> None:
    """`codehearth.fim.order` in the GGUF decides."""
    card = await ActiveModel(FakeEngine()).card()
    assert card.fim.order == "spm"
    assert card.fim.layout == ("PRE", "SUF", "suffix", "MID", "prefix")
    assert card.tested_with == "own"


async def test_a_slow_machine_gets_a_short_prompt() -> None:
    """The context is what this machine evaluates in time, never more than the model was trained on."""
    fast = await ActiveModel(FakeEngine()).card()
    slow = await ActiveModel(FakeEngine(facts=attrs.evolve(FACTS, prefill_rate=1000.0))).card()
    assert (fast.context_tokens, slow.context_tokens) == (2048, 400)


async def test_a_model_says_how_long_a_prompt_is_worth_reading() -> None:
    """`codehearth.prompt_tokens` shortens prompts; the context, and with it the room for an answer, stays."""
    stated = attrs.evolve(FACTS, metadata={**FACTS.metadata, "codehearth.prompt_tokens": "1024"})
    silent, own = await ActiveModel(FakeEngine()).card(), await ActiveModel(FakeEngine(facts=stated)).card()
    assert (silent.context_tokens, silent.prompt_tokens) == (2048, 2048)
    assert (own.context_tokens, own.prompt_tokens) == (2048, 1024)


async def test_listeners_hear_of_loading_and_readiness_once() -> None:
    """Asking again tells nothing new."""
    heard: list[ModelState] = []
    model = ActiveModel(FakeEngine(), heard.append)
    await model.card()
    await model.card()
    assert [state.state for state in heard] == ["loading", "ready"]
    assert heard[-1].name == "fake"


async def test_a_model_that_cannot_complete_is_told() -> None:
    """Without tokens for a prefix and a suffix there is a sentence and no card."""
    heard: list[ModelState] = []
    facts = attrs.evolve(FACTS, metadata={}, fim_tokens={}, special_tokens=())
    with pytest.raises(ModelUnavailable, match="cannot fill in the middle"):
        await ActiveModel(FakeEngine(facts=facts), heard.append).card()
    assert heard[-1].state == "error"
    assert "fill in the middle" in heard[-1].sentence


async def test_a_failed_load_is_tried_again() -> None:
    """The person may have mended it: every request asks anew."""
    engine = FakeEngine()
    engine.facts = EngineUnavailable("The engine cannot start.", "Look into its log.")
    model = ActiveModel(engine)
    with pytest.raises(EngineUnavailable):
        await model.card()
    engine.facts = FACTS
    assert (await model.card()).name == "fake"
    assert model.state.state == "ready"


async def test_the_card_follows_the_model() -> None:
    """When the engine has loaded another model, prompts are built for that one."""
    engine = FakeEngine()
    model = ActiveModel(engine)
    first = await model.card()
    engine.facts = attrs.evolve(FACTS, name="other", metadata={**FACTS.metadata, "codehearth.fim.order": "psm"})
    second = await model.card()
    assert (first.fim.order, second.fim.order) == ("spm", "psm")


async def test_an_unknown_order_is_found_by_asking() -> None:
    """A model that fills holes only with the suffix first gets that order."""

    def answer(prompt: str) -> str:
        suffix_first = prompt.startswith("<|fim_prefix|><|fim_suffix|>")
        answers = {
            "first +": " second",
            "json.": "load",
            "range(": "10",
            "self.name =": " name",
            "number in": " numbers",
        }
        middle = next((text for end, text in answers.items() if prompt.endswith(end)), " 0")
        return middle if suffix_first else "nonsense and more"

    card = await ActiveModel(FakeEngine(answer, facts=without_order())).card()
    assert card.fim.order == "spm"


async def test_a_request_that_gives_up_does_not_stop_loading() -> None:
    """Loading goes on for the next request."""
    engine = SlowEngine()
    model = ActiveModel(engine)
    first = asyncio.create_task(model.card())
    await engine.asked.wait()
    first.cancel()
    second = asyncio.create_task(model.card())
    engine.loaded.set()
    assert (await second).name == "fake"
    assert engine.count == 1


class SlowEngine(FakeEngine):
    """Loads until it is told to have loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()
        self.loaded = asyncio.Event()
        self.count = 0

    async def model(self) -> ModelFacts:
        self.count += 1
        self.asked.set()
        await self.loaded.wait()
        return await super().model()
