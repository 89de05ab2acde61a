"""How fast answers come on this machine now, and how long an automatic request had better wait before it asks.

The engine measured its rates at load; a build that runs beside the editor changes them, so the last answers count.
"""

from lsp_server.engine.protocol import Done
from lsp_server.modelstore.card import ModelCard

FREE_MS = 40.0
"""An answer that costs less than this is asked for at once: waiting would cost more than it saves."""

MOST_MS = 150.0
"""Longest debounce: about the gap between two keys of a fluent typist."""

_WEIGHT = 0.25
"""Weight of the newest answer in the running mean."""

_LEAST_TOKENS = 4
"""Fewer tokens say more about the overhead of one call than about a rate."""


class Pace:
    """Running means of milliseconds per token. Starts from a model's card."""

    def __init__(self) -> None:
        self._model: str | None = None
        self._prefill_ms = self._decode_ms = 0.0

    def heed(self, card: ModelCard) -> None:
        """Starts over with the card's rates when the model is another one."""
        if card.path != self._model:
            self._model = card.path
            self._prefill_ms = 1000 / max(card.prefill_rate, 1)
            self._decode_ms = 1000 / max(card.decode_rate, 1)

    def learn(self, done: Done | None) -> None:
        """Takes an answer's times into account."""
        if done is None:
            return
        if done.evaluated >= _LEAST_TOKENS:
            self._prefill_ms += _WEIGHT * (done.prefill_ms / done.evaluated - self._prefill_ms)
        if done.generated >= _LEAST_TOKENS:
            self._decode_ms += _WEIGHT * (done.decode_ms / done.generated - self._decode_ms)

    def cost_ms(self, prompt_tokens: float, answer_tokens: float) -> float:
        """Predicted milliseconds of an answer that evaluates and generates so many tokens."""
        return prompt_tokens * self._prefill_ms + answer_tokens * self._decode_ms

    def debounce_s(self, setting_ms: int | None, cost_ms: float) -> float:
        """Seconds that an automatic request waits for the next key: the setting, else by the predicted cost."""
        if setting_ms is not None:
            return setting_ms / 1000
        return 0.0 if cost_ms < FREE_MS else min(MOST_MS, cost_ms / 4) / 1000
