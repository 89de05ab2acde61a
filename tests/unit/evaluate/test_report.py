"""From a replay to figures, and from figures to the README's table."""

import json
from pathlib import Path

import attrs
import pytest

from lsp_server.errors import ServerError
from lsp_server.evaluate import keystrokes, report
from lsp_server.evaluate.baseline import BaselineFigures, Cost
from lsp_server.evaluate.cancelling import CancelFigures
from lsp_server.evaluate.figures import Figures, summary
from lsp_server.evaluate.indexing import IndexFigures
from lsp_server.evaluate.machine import this_machine
from lsp_server.evaluate.product import Lag, Why
from lsp_server.evaluate.replay import Accepted, Asked, Hurried, Replayed
from lsp_server.evaluate.spread import Spread
from lsp_server.evaluate.windows import WindowFigures

WHY = Why("line", (), False, None, 95, 5, 3, {"prefill": 4.0}, -0.2, None, "")


def replayed() -> Replayed:
    """Two requests through the engine, one from the cache, one that the trigger refused."""
    first = attrs.evolve(WHY, reanchored="first request", reused=0, evaluated=100)
    cached = attrs.evolve(WHY, from_cache=True)
    refused = attrs.evolve(WHY, mode="none", reused=0, evaluated=0, milliseconds={"total": 0.5}, silence="position")
    asked = (
        Asked(0, "type", 120.0, 0, first),
        Asked(1, "type", 40.0, 12, WHY),
        Asked(2, "type", 2.0, 11, cached),
        Asked(3, "over", 1.0, 0, refused),
    )
    lag = Lag(1000, 3.5, 0)
    return Replayed(asked, (Accepted(1, 12, 9),), 4, 1.5, 80.0, lag, lag, True)


def figures() -> Figures:
    trace = keystrokes.load(keystrokes.shipped())
    spread = Spread.of([1.0, 2.0, 40.0])
    return Figures(
        machine=this_machine(),
        quick=True,
        model="m",
        threads=1,
        seconds=60.0,
        start=Spread.of([420.0]),
        replay=summary(trace, replayed()),
        hurried=Hurried({"answered": 3}, spread, spread, True, True),
        baseline=BaselineFigures.of("/infill", [Cost(250, 750, 90.0, 100.0)] * 3),
        llama_server=None,
        cancelling=(CancelFigures("m", 8_000_000, 1, 384, spread, spread),),
        windows=WindowFigures(4, 3, 4, 1, 1, [60.0, 61.0, 62.0, 63.0], [120.0]),
        index=IndexFigures("rich", 100, 38_000, 3_000, 2.5, 0.2, 0, 90.0, 4.0),
    )


def test_requests_are_sorted_by_the_way_they_were_answered() -> None:
    """Engine, cache and the rest are told apart; tokens and re-anchors count for the engine's alone."""
    found = figures().replay
    assert (found.engine.count, found.cache.count, found.other.count) == (2, 1, 1)
    assert found.engine.maximum == 120.0
    assert found.no_engine_share == 0.5
    assert found.reused_share == pytest.approx(95 / 200)
    assert found.reanchors == {"first request": 1}
    assert found.silences == {"position": 1}
    assert (found.shown, found.accepted, found.accepted_characters) == (2, 1, 12)


def test_the_json_is_plain() -> None:
    """`--json` can print it, and the fields are those of the docstrings."""
    decoded = json.loads(json.dumps(figures().as_json()))
    assert decoded["replay"]["engine"] == {"count": 2, "p50": 40.0, "p95": 120.0, "maximum": 120.0}
    assert decoded["windows"]["engines"] == 1


def test_a_goal_that_is_missed_is_marked() -> None:
    """40 ms to a free engine is more than 30."""
    rows = {row.figure: row for row in report.rows(figures())}
    missed = next(row for name, row in rows.items() if name.startswith("cancel to free engine, reading"))
    assert missed.met is False
    assert rows["start to `initialize` reply, median"].met is True
    assert f"| {missed.figure} | {missed.goal} | {missed.measured} ✗ |" in report.markdown(figures())


def test_the_baseline_is_compared() -> None:
    rows = {row.figure: row.measured for row in report.rows(figures())}
    assert rows["/infill: tokens per key, median"] == "250, 50 times ours"


def test_forced_answers_are_told() -> None:
    """Nobody may take the figures of noise for those of a model that knew what to say."""
    told = "its answers were forced"
    assert told not in report.markdown(figures())
    assert told in report.markdown(attrs.evolve(figures(), forced=True))


def test_every_table_line_has_three_cells() -> None:
    table = report.markdown(figures()).split("\n\n")[0].splitlines()
    assert len(table) > 10
    assert {line.count("|") for line in table} == {4}


def test_the_table_replaces_what_stands_between_the_marks() -> None:
    text = f"before\n{report.START}\nold\n{report.END}\nafter\n"
    once = report.with_table(text, "new")
    assert once == f"before\n{report.START}\nnew\n{report.END}\nafter\n"
    assert report.with_table(once, "new") == once


def test_a_file_without_marks_is_refused() -> None:
    with pytest.raises(ServerError, match="no place"):
        report.with_table("before\n", "new")


def test_the_readme_has_a_place_for_the_table() -> None:
    readme = Path(__file__).parents[3] / "README.md"
    assert report.START in readme.read_text(encoding="utf-8")


def test_a_machine_is_described() -> None:
    machine = this_machine()
    assert machine.cores >= 1
    assert machine.processor
    assert machine.memory_gb > 0
