"""Cancellation by newest-wins: a token that remembers why its work is no longer wanted."""

import asyncio
from typing import Literal

Reason = Literal["client", "superseded", "deadline", "shutdown"]


class CancelToken:
    """Created once per request on the event loop and passed down; never reset.

    The client's own cancellation arrives as `asyncio.CancelledError` in the handler and needs no token; the token
    carries what the server decides itself, above all that a newer request for the same document has begun.
    """

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.reason: Reason | None = None

    @property
    def cancelled(self) -> bool:
        return self.reason is not None

    def cancel(self, reason: Reason) -> None:
        """The first reason wins; later calls change nothing."""
        if self.reason is None:
            self.reason = reason
            self._event.set()

    async def wait(self) -> Reason:
        """Returns once the token is cancelled, with the reason."""
        await self._event.wait()
        assert self.reason is not None
        return self.reason
