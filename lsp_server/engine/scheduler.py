"""Who is answered when: one model thread, the most urgent request first, a step at a time.

The event loop submits and ends jobs; the thread alone loads, evaluates and unloads. Knows neither sockets nor
llama.cpp: it is given a function that loads a model. Deadlines are the caller's: it ends the job when they pass.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Literal, Protocol

import attrs

from lsp_server.engine.protocol import Done, EndReason, GenerateRequest, ModelFacts, ModelSpec, Piece, Priority
from lsp_server.errors import EngineUnavailable, ServerError

logger = logging.getLogger("codehearth.engine")

_FAILURE_KEPT_S = 3.0
"""A model that could not be loaded is not tried again before; each key typed would load it otherwise."""


_PROGRESS_S = 0.1
"""Between two reports of a load: as often as a person can see."""


class Answer(Protocol):
    """`generation.Generation` is one."""

    def step(self) -> Piece | Done | None: ...

    def pause(self) -> None: ...

    def done(self, reason: EndReason) -> Done: ...


class ReadyModel(Protocol):
    """`loaded.LoadedModel` is one."""

    @property
    def facts(self) -> ModelFacts: ...

    @property
    def strained(self) -> bool: ...

    def generation(self, request: GenerateRequest, *, queue_ms: float) -> Answer: ...

    def measure(self, *, interrupted: Callable[[], bool]) -> None: ...

    def interrupt(self) -> None: ...

    def proceed(self) -> None: ...

    def close(self) -> None: ...


Loader = Callable[[ModelSpec, Callable[[float], bool]], ReadyModel]
"""Loads a model, telling its progress from 0 to 1 and giving up when told False. Raises ServerError."""

Outcome = Piece | Done | ModelFacts | ServerError
ModelState = Literal["loading", "ready", "unloaded", "failed"]
StateReport = Callable[[ModelState, str, float | None, ModelSpec | None], None]
"""The state, a sentence, how far a load is from 0 to 1, and the model that is meant unless it is none."""


@attrs.define(eq=False)
class Job:
    """One request, or with `request` None the wish to have the model loaded.

    emit is called on the model thread, except for a job that ends before it began: then on the caller's.
    """

    spec: ModelSpec
    request: GenerateRequest | None
    emit: Callable[[Outcome], None]
    accepted: float = attrs.field(factory=time.perf_counter)
    order: int = 0
    ended: EndReason | None = None
    answer: Answer | None = None

    @property
    def urgency(self) -> tuple[int, int]:
        return (self.request.priority if self.request is not None else Priority.INLINE, self.order)


class Scheduler:
    """`report` is told on the model thread what becomes of the model."""

    def __init__(self, load: Loader, report: StateReport) -> None:
        self._load = load
        self._report = report
        self._condition = threading.Condition()
        self._jobs: list[Job] = []
        self._running: Job | None = None
        self._submitted = 0
        self._stopping = False
        self._unload_wanted = False
        self._measuring = False
        self._model: ReadyModel | None = None
        self._failure: tuple[ModelSpec, float, ServerError] | None = None
        self.served = 0
        self._thread = threading.Thread(target=self._work, name="model", daemon=True)
        self._thread.start()

    @property
    def facts(self) -> ModelFacts | None:
        """Of the loaded model."""
        model = self._model
        return model.facts if model is not None else None

    @property
    def waiting(self) -> int:
        """Jobs waiting or running."""
        with self._condition:
            return len(self._jobs)

    def submit(self, job: Job) -> None:
        """An inline request replaces those of its lane that have not begun: the person has typed on."""
        with self._condition:
            self._submitted += 1
            job.order = self._submitted
            replaced = [old for old in self._jobs if _replaces(job, old)]
            if self._running in replaced:  # its model is being loaded; the thread notices afterwards
                replaced.remove(self._running)
                self._running.ended = "superseded"
            self._jobs = [old for old in self._jobs if old not in replaced]
            self.served += len(replaced)
            self._jobs.append(job)
            running = self._running
            overtakes = running is not None and job.urgency[0] < running.urgency[0]
            if (overtakes or self._measuring) and self._model is not None:
                self._model.interrupt()
            self._condition.notify()
        for old in replaced:
            old.emit(_unbegun(old, "superseded"))

    def end(self, job: Job, reason: EndReason) -> None:
        """Ends a job that waits, is paused or runs; one that is finished already is left alone."""
        with self._condition:
            if job not in self._jobs or job.ended is not None:
                return
            job.ended = reason
            if self._running is job:
                if self._model is not None:
                    self._model.interrupt()
                return
            self._jobs.remove(job)
            self.served += job.request is not None
        job.emit(job.answer.done(reason) if job.answer is not None else _unbegun(job, reason))

    def unload(self) -> None:
        """Takes the model out of memory once nothing waits."""
        with self._condition:
            self._unload_wanted = True
            self._condition.notify()

    def stop(self) -> None:
        """Ends everything, frees the model and returns when the thread is gone."""
        with self._condition:
            self._stopping = True
            if self._model is not None:
                self._model.interrupt()
            self._condition.notify()
        self._thread.join()

    def _work(self) -> None:
        while (job := self._next()) is not None:
            try:
                if self._ready(job):
                    self._step(job)
            except ServerError as problem:
                self._finish(job, problem)
            except Exception:
                # One fault must not end the thread. What llama.cpp holds afterwards is unknown: begin anew.
                logger.exception("The model thread failed")
                self._drop_model()
                self._report("unloaded", "The model failed and will be loaded again.", None, None)
                with self._condition:
                    lost = [other for other in self._jobs if other is job or other.answer is not None]
                for other in lost:
                    fault = EngineUnavailable("The model failed while it was answering.", "See the engine's log.")
                    self._finish(other, fault)
        with self._condition:
            left, self._jobs = self._jobs, []
        for job in left:
            job.emit(job.answer.done("cancelled") if job.answer is not None else _unbegun(job, "cancelled"))
        self._drop_model()

    def _next(self) -> Job | None:
        """Waits for the most urgent job; measures or unloads in between. None: stop."""
        while True:
            with self._condition:
                if self._stopping:
                    return None
                job = self._most_urgent()
                before, self._running = self._running, job
                if job is not None:
                    self._unload_wanted = False
                    if before is not None and before is not job and before.answer is not None:
                        before.answer.pause()
                    if self._model is not None and job.ended is None:
                        self._model.proceed()
                    return job
                strained = self._model is not None and self._model.strained
                unload, self._unload_wanted = self._unload_wanted, False
                if not unload and not strained:
                    self._condition.wait()
                    continue
                if self._model is not None:
                    self._model.proceed()
                self._measuring = not unload
            if unload:
                if self._model is not None:
                    self._drop_model()
                    self._report("unloaded", "The model rests until it is needed.", None, None)
            elif self._model is not None:
                self._model.measure(interrupted=lambda: bool(self._jobs) or self._stopping)
                self._measuring = False

    def _most_urgent(self) -> Job | None:
        jobs = self._jobs
        if self._model is not None and any(job.answer is not None for job in jobs):
            # An answer that was paused needs its model; another model waits for it.
            jobs = [job for job in jobs if job.spec == self._model.facts.spec]
        return min(jobs, key=lambda job: job.urgency, default=None)

    def _ready(self, job: Job) -> bool:
        """Loads the job's model if need be. False: the job was only about that and is finished."""
        if self._model is None or self._model.facts.spec != job.spec:
            if self._failure is not None:
                spec, since, problem = self._failure
                if spec == job.spec and time.monotonic() - since < _FAILURE_KEPT_S:
                    raise problem
            self._drop_model()
            self._load_model(job)
        if job.request is None:
            assert self._model is not None
            self._finish(job, self._model.facts)
            return False
        return True

    def _load_model(self, job: Job) -> None:
        shown = time.monotonic()

        def progress(value: float) -> bool:
            nonlocal shown
            if time.monotonic() - shown >= _PROGRESS_S:
                shown = time.monotonic()
                self._report("loading", "The model is being loaded.", value, job.spec)
            return not self._stopping

        self._report("loading", "The model is being loaded.", 0.0, job.spec)
        try:
            self._model = self._load(job.spec, progress)
        except ServerError as problem:
            self._failure = (job.spec, time.monotonic(), problem)
            self._report("failed", str(problem), None, job.spec)
            raise
        self._failure = None
        self._report("ready", f"{self._model.facts.name} is ready.", None, job.spec)

    def _step(self, job: Job) -> None:
        assert job.request is not None
        assert self._model is not None
        if job.ended is None and job.answer is None:
            queued = (time.perf_counter() - job.accepted) * 1000
            job.answer = self._model.generation(job.request, queue_ms=queued)
        outcome = job.answer.step() if job.ended is None and job.answer is not None else None
        # An end that was imposed during the step counts, unless the answer has just ended by itself.
        if job.ended is not None and not isinstance(outcome, Done):
            outcome = job.answer.done(job.ended) if job.answer is not None else _unbegun(job, job.ended)
        if isinstance(outcome, Done):
            self._finish(job, outcome)
        elif outcome is not None:
            job.emit(outcome)

    def _finish(self, job: Job, outcome: Outcome) -> None:
        with self._condition:
            self._running = None
            if job in self._jobs:
                self._jobs.remove(job)
            self.served += job.request is not None
        job.emit(outcome)

    def _drop_model(self) -> None:
        model = self._model
        if model is None:
            return
        with self._condition:
            self._model = None  # before it is freed: `end` and `submit` interrupt what they find here
        model.close()


def _replaces(new: Job, old: Job) -> bool:
    if new.request is None or old.request is None or old.answer is not None or old.ended is not None:
        return False
    return new.request.priority == old.request.priority == Priority.INLINE and new.request.lane == old.request.lane


def _unbegun(job: Job, reason: EndReason) -> Done:
    return Done(reason, 0, 0, 0, (time.perf_counter() - job.accepted) * 1000, 0.0, 0.0)
