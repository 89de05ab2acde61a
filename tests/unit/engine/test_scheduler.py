"""Who is answered when. A scripted model whose steps wait for the test."""

import queue
import threading
from collections.abc import Callable, Iterator

import attrs
import pytest

from lsp_server.engine.fake import FACTS
from lsp_server.engine.protocol import Done, EndReason, GenerateRequest, ModelFacts, ModelSpec, Piece, Priority
from lsp_server.engine.scheduler import Job, Outcome, Scheduler
from lsp_server.errors import EngineUnavailable, ModelUnavailable, ServerError

SPEC = ModelSpec("a.gguf")
PATIENCE_S = 5.0


class Answer:
    """Each step waits for a permit or an interruption; the second step ends the answer."""

    def __init__(self, model: "Model", request: GenerateRequest) -> None:
        self._model = model
        self._request = request
        self._steps = 0

    def step(self) -> Piece | Done | None:
        model = self._model
        model.entered.put(self._request.lane)
        with model.changed:
            assert model.changed.wait_for(lambda: model.permits > 0 or model.interrupted, PATIENCE_S)
            if model.interrupted:
                return None
            model.permits -= 1
        if model.fault is not None:
            raise model.fault
        self._steps += 1
        return Piece(self._request.lane, 1, -0.1) if self._steps == 1 else self.done("end")

    def pause(self) -> None:
        self._model.paused.append(self._request.lane)

    def done(self, reason: EndReason) -> Done:
        return Done(reason, 0, 0, self._steps, 0.0, 0.0, 0.0)


class Model:
    def __init__(self, spec: ModelSpec) -> None:
        self.facts: ModelFacts = attrs.evolve(FACTS, spec=spec)
        self.strained = False
        self.entered: queue.Queue[str] = queue.Queue()
        self.changed = threading.Condition()
        self.permits = 0
        self.interrupted = False
        self.paused: list[str] = []
        self.closed = threading.Event()
        self.measured = threading.Event()
        self.fault: Exception | None = None

    def generation(self, request: GenerateRequest, *, queue_ms: float) -> Answer:
        return Answer(self, request)

    def measure(self, *, interrupted: Callable[[], bool]) -> None:
        self.strained = False
        self.measured.set()

    def interrupt(self) -> None:
        with self.changed:
            self.interrupted = True
            self.changed.notify_all()

    def proceed(self) -> None:
        with self.changed:
            self.interrupted = False

    def close(self) -> None:
        self.closed.set()

    def permit(self, steps: int) -> None:
        with self.changed:
            self.permits += steps
            self.changed.notify_all()


class Stage:
    """A scheduler, its models in order of loading, and what its jobs were told."""

    def __init__(self) -> None:
        self.models: list[Model] = []
        self.states: list[str] = []
        self.problem: ServerError | None = None
        self.scheduler = Scheduler(self._load, lambda state, *_: self.states.append(state))

    def _load(self, spec: ModelSpec, progress: Callable[[float], bool]) -> Model:
        if self.problem is not None:
            raise self.problem
        self.models.append(Model(spec))
        return self.models[-1]

    @property
    def model(self) -> Model:
        return self.models[-1]

    def submit(
        self, lane: str, priority: Priority = Priority.INLINE, spec: ModelSpec = SPEC
    ) -> tuple[Job, "queue.Queue[Outcome]"]:
        told: queue.Queue[Outcome] = queue.Queue()
        job = Job(spec, GenerateRequest(lane, (), 5, priority=priority), told.put)
        self.scheduler.submit(job)
        return job, told

    def load(self, spec: ModelSpec = SPEC) -> Outcome:
        told: queue.Queue[Outcome] = queue.Queue()
        self.scheduler.submit(Job(spec, None, told.put))
        return told.get(timeout=PATIENCE_S)

    def running(self) -> str:
        """The lane whose step begins next."""
        return self.model.entered.get(timeout=PATIENCE_S)


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    made.load()
    yield made
    made.scheduler.stop()


def end_of(told: "queue.Queue[Outcome]") -> Outcome:
    """The last thing a job is told."""
    while isinstance(outcome := told.get(timeout=PATIENCE_S), Piece):
        pass
    return outcome


def reason_of(told: "queue.Queue[Outcome]") -> str:
    outcome = end_of(told)
    assert isinstance(outcome, Done)
    return outcome.reason


def test_a_newer_inline_request_supersedes_one_of_its_lane_that_waits(stage: Stage) -> None:
    """Requests of other lanes and the one being answered stay."""
    _, first = stage.submit("a")
    assert stage.running() == "a"
    _, second = stage.submit("a")
    _, other = stage.submit("b")
    _, third = stage.submit("a")
    assert reason_of(second) == "superseded"
    stage.model.permit(6)
    assert [reason_of(told) for told in (first, other, third)] == ["end", "end", "end"]


def test_background_work_of_the_lane_is_not_superseded(stage: Stage) -> None:
    _, first = stage.submit("x")
    stage.running()
    _, prewarm = stage.submit("a", Priority.PREWARM)
    _, inline = stage.submit("a")
    stage.model.permit(6)
    assert [reason_of(told) for told in (first, prewarm, inline)] == ["end", "end", "end"]


def test_a_more_urgent_request_comes_in_between(stage: Stage) -> None:
    """Documentation is interrupted in its step, waits for the inline answer and is then finished."""
    _, slow = stage.submit("documentation", Priority.DOCUMENTATION)
    assert stage.running() == "documentation"
    _, inline = stage.submit("inline")
    assert stage.running() == "inline"
    stage.model.permit(2)
    assert reason_of(inline) == "end"
    stage.model.permit(2)
    assert reason_of(slow) == "end"
    assert stage.model.paused == ["documentation"]


def test_a_less_urgent_request_waits(stage: Stage) -> None:
    _, inline = stage.submit("inline")
    stage.running()
    _, slow = stage.submit("refactor", Priority.REFACTOR)
    stage.model.permit(1)
    assert isinstance(inline.get(timeout=PATIENCE_S), Piece)
    assert stage.running() == "inline"
    stage.model.permit(3)
    assert (reason_of(inline), reason_of(slow)) == ("end", "end")


def test_a_running_job_ends_when_it_is_cancelled(stage: Stage) -> None:
    job, told = stage.submit("a")
    stage.running()
    stage.scheduler.end(job, "cancelled")
    assert reason_of(told) == "cancelled"


def test_a_waiting_job_ends_at_once(stage: Stage) -> None:
    """Its end does not wait for the one that runs."""
    stage.submit("a")
    stage.running()
    job, told = stage.submit("b")
    stage.scheduler.end(job, "deadline")
    assert reason_of(told) == "deadline"


def test_a_paused_job_can_be_cancelled(stage: Stage) -> None:
    slow, told = stage.submit("slow", Priority.REFACTOR)
    stage.running()
    _, inline = stage.submit("inline")
    assert stage.running() == "inline"
    stage.scheduler.end(slow, "cancelled")
    assert reason_of(told) == "cancelled"
    stage.model.permit(2)
    assert reason_of(inline) == "end"


def test_a_job_is_told_its_end_once(stage: Stage) -> None:
    job, told = stage.submit("a")
    stage.running()
    stage.scheduler.end(job, "cancelled")
    stage.scheduler.end(job, "deadline")
    assert reason_of(told) == "cancelled"
    stage.scheduler.end(job, "deadline")
    stage.load()
    assert told.empty()


def test_an_interruption_does_not_reach_the_next_job(stage: Stage) -> None:
    job, _ = stage.submit("a")
    stage.running()
    stage.scheduler.end(job, "cancelled")
    _, told = stage.submit("b")
    stage.model.permit(2)
    assert reason_of(told) == "end"


def test_one_model_is_in_memory_at_a_time(stage: Stage) -> None:
    """Another model is loaded after the first one has been freed."""
    other = ModelSpec("b.gguf")
    stage.load(other)
    assert stage.models[0].closed.is_set()
    assert stage.scheduler.facts is not None
    assert stage.scheduler.facts.spec == other


def test_an_unfinished_answer_keeps_its_model(stage: Stage) -> None:
    """A more urgent request for another model waits for an answer that has begun."""
    _, slow = stage.submit("slow", Priority.REFACTOR)
    stage.running()
    _, inline = stage.submit("inline", spec=ModelSpec("b.gguf"))
    stage.models[0].permit(2)
    assert reason_of(slow) == "end"
    while len(stage.models) < 2:
        assert stage.scheduler.waiting == 1
    stage.models[1].permit(2)
    assert reason_of(inline) == "end"


def test_an_unloaded_model_comes_back_when_it_is_needed(stage: Stage) -> None:
    stage.scheduler.unload()
    assert stage.models[0].closed.wait(PATIENCE_S)
    stage.load()
    assert len(stage.models) == 2
    assert stage.states == ["loading", "ready", "unloaded", "loading", "ready"]


def test_a_model_that_cannot_be_loaded_fails_each_request_and_is_tried_once(stage: Stage) -> None:
    """Keys typed meanwhile do not each load it again, and the thread survives."""
    stage.problem = ModelUnavailable("It is broken.", "Mend it.")
    broken = ModelSpec("broken.gguf")
    assert stage.load(broken) is stage.problem
    stage.problem = None
    _, told = stage.submit("a", spec=broken)
    assert isinstance(end_of(told), ModelUnavailable)
    assert isinstance(stage.load(SPEC), ModelFacts)


def test_a_fault_in_a_step_drops_the_model_and_fails_the_request(stage: Stage) -> None:
    stage.model.fault = RuntimeError("llama_decode returned -3.")
    _, told = stage.submit("a")
    stage.model.permit(1)
    assert isinstance(end_of(told), EngineUnavailable)
    assert stage.models[0].closed.is_set()
    assert isinstance(stage.load(), ModelFacts)


def test_a_strained_model_is_measured_between_answers(stage: Stage) -> None:
    stage.model.strained = True
    _, told = stage.submit("a")
    stage.model.permit(2)
    assert reason_of(told) == "end"
    assert stage.model.measured.wait(PATIENCE_S)


def test_stopping_ends_what_is_under_way() -> None:
    stage = Stage()
    stage.load()
    _, running = stage.submit("a")
    stage.running()
    _, waiting = stage.submit("b")
    stage.scheduler.stop()
    assert (reason_of(running), reason_of(waiting)) == ("cancelled", "cancelled")
    assert stage.model.closed.is_set()
