"""How long the event loop keeps people waiting: a probe, off until `codehearth bench` or a test switches it on."""

import asyncio
from typing import Any

BUCKETS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
"""Upper bounds in milliseconds; a last, open bucket follows."""

_PERIOD = 0.002
"""Seconds between two looks: short against the 5 ms that no handler may exceed."""


class LagProbe:
    """Wakes every 2 ms and counts by how much it wakes too late."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None
        self.reset()

    def reset(self) -> None:
        self._counts = [0] * (len(BUCKETS) + 1)
        self._maximum = 0.0

    def switch(self, on: bool) -> None:
        """Starts or stops counting; must be called on the event loop."""
        if on and self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="codehearth-lag")
        elif not on and self._task is not None:
            self._task.cancel()
            self._task = None

    def report(self) -> dict[str, Any]:
        """{on, count, maximum, histogram: [{upTo, count}]}; milliseconds, `upTo` null in the open bucket."""
        bounds: tuple[float | None, ...] = (*BUCKETS, None)
        return {
            "on": self._task is not None,
            "count": sum(self._counts),
            "maximum": round(self._maximum, 3),
            "histogram": [{"upTo": bound, "count": count} for bound, count in zip(bounds, self._counts, strict=True)],
        }

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _PERIOD
            await asyncio.sleep(_PERIOD)
            late = max(0.0, (loop.time() - due) * 1000)
            self._maximum = max(self._maximum, late)
            self._counts[next((slot for slot, bound in enumerate(BUCKETS) if late <= bound), len(BUCKETS))] += 1
