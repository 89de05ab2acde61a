"""Is the harness right before it measures? Known answers must get known scores, and a wrong prompt must cost.

A wrong prompt format silently costs most of a model's ability, so a model is led along the truth in three formats: the
one it states, the other order, and one with prefix and suffix exchanged. The stated one must be the best.
"""

from collections.abc import Sequence

import attrs

from lsp_server.modelstore.card import FimFormat
from models.evaluation import asking, crosscode, infilling, metrics
from models.evaluation.asking import Case
from models.evaluation.engine import MeasuredModel, Step
from models.evaluation.holes import Opened
from models.train.examples.rendering import FORMAT, PSM
from models.train.stage import TrainingError

CLEARLY = 1.02
"""A format must cost so many times as much before it counts as worse; orders that were learnt alike differ by less."""

EMPTY_EVERY = 8
"""Programs without their middle may run for ever, so only some are run."""


@attrs.frozen
class Formats:
    """Nats per byte of the truth of `holes` holes, without context."""

    stated: str
    holes: int
    nats_per_byte: float
    other_order: float
    exchanged: float

    @property
    def wrong_order_detected(self) -> bool:
        return self.other_order > CLEARLY * self.nats_per_byte


def check_scores(opened: Sequence[Opened]) -> None:
    """Canonical answers get 100 %, empty ones 0. Raises TrainingError."""
    for hole in opened:
        right = metrics.judged(hole, hole.truth, hole.truth)
        fine = right.exact and right.similarity == 100 and right.identifier is not False and right.exact_inserted
        led = [Step(hole.truth.encode(), hole.truth.encode(), 0.0), Step(None, None, 0.0)]
        if not fine or not right.parses or not metrics.stops(hole.hole.kind, hole.truth, led):
            raise _broken(f"the truth of a hole ({hole.hole.key}) does not score full marks")
        nothing = metrics.judged(hole, "", "")
        if nothing.exact or nothing.similarity or nothing.identifier or nothing.parses is not None:
            raise _broken(f"an empty answer ({hole.hole.key}) scores")
        if metrics.stops(hole.hole.kind, hole.truth, [Step(hole.truth.encode(), None, 0.0)]):
            raise _broken(f"an answer that ends too early ({hole.hole.key}) counts as ending in time")


def check_crosscode() -> None:
    """As `check_scores`."""
    for item in crosscode.items():
        if crosscode.score(item, item.truth + "\n") != crosscode.Score(True, 100.0, True, 1.0):
            raise _broken(f"the truth of {item.task} does not score full marks")
        if crosscode.score(item, "") != crosscode.Score(False, 0.0, False, 0.0):
            raise _broken(f"an empty answer to {item.task} scores")


def check_infilling(items: Sequence[infilling.Item]) -> None:
    """As `check_scores`; runs the programs."""
    for number, item in enumerate(items):
        if infilling.score(item, item.truth) != infilling.Score(True, True):
            raise _broken(f"the canonical solution of {item.task} does not pass its tests")
        if number % EMPTY_EVERY == 0 and infilling.score(item, "") != infilling.Score(False, False):
            raise _broken(f"{item.task} passes its tests without its middle")


def formats(model: MeasuredModel, cases: Sequence[Case]) -> Formats:
    """Raises TrainingError where the stated order is not the one in which the model fills in best."""
    stated = model.card.fim
    other = _with_order_of(stated, PSM if stated.order == "spm" else FORMAT)
    exchange = {"prefix": "suffix", "suffix": "prefix"}
    exchanged = attrs.evolve(stated, layout=tuple(exchange.get(part, part) for part in stated.layout))
    size = sum(len(case.opened.truth.encode()) for case in cases)
    losses = [sum(asking.loss_of(model, case, fim) for case in cases) / size for fim in (stated, other, exchanged)]
    found = Formats(stated.order, len(cases), *losses)
    worse = min(found.other_order, found.exchanged)
    if worse * CLEARLY < found.nats_per_byte or found.exchanged < CLEARLY * found.nats_per_byte:
        raise TrainingError(
            f"{model.card.name} states the order `{stated.order}` and fills in no worse in another prompt: "
            f"{worse:.3f} nats per byte against {found.nats_per_byte:.3f}.",
            "Write the order it was trained with into `codehearth.fim.order` (stage export).",
        )
    return found


def _with_order_of(stated: FimFormat, other: FimFormat) -> FimFormat:
    return attrs.evolve(stated, order=other.order, layout=other.layout)


def _broken(what: str) -> TrainingError:
    return TrainingError(f"The evaluation is wrong: {what}.", "Mend models/evaluation before believing any figure.")
