"""The figures of a benchmark in words: rows for a table, and the README's table itself. Pure text."""

from collections.abc import Iterable

import attrs

from lsp_server.errors import ServerError
from lsp_server.evaluate.baseline import BaselineFigures
from lsp_server.evaluate.cancelling import CancelFigures
from lsp_server.evaluate.figures import Figures
from lsp_server.evaluate.product import Lag
from lsp_server.evaluate.spread import Spread

START, END = "<!-- bench:start -->", "<!-- bench:end -->"


@attrs.frozen
class Row:
    """One line of the table. met: None where there is no goal."""

    figure: str
    goal: str
    measured: str
    met: bool | None = None


def rows(figures: Figures) -> list[Row]:
    """Every figure that the README shows, in its order."""
    played = figures.replay
    found = [
        _at_most("start to `initialize` reply, median", figures.start.p50, 1000, "ms"),
        _lag("while typing", played.typing),
        _lag("while starting and indexing", played.starting),
        _at_most("`didChange` to answer through the engine, p50", played.engine.p50, 60, "ms"),
        _at_most("… p95", played.engine.p95, 150, "ms"),
        _at_most("answers from the cache, p95", played.cache.p95, 5, "ms"),
        Row("requests that needed no engine", "", _share(played.no_engine_share)),
        _at_most("prompt tokens per key, median", played.evaluated.p50, 8, ""),
        Row("prompt tokens reused", "≥ 95 %", _share(played.reused_share), played.reused_share >= 0.95),
        Row("prompts begun anew", "", _counts(played.reanchors.items())),
    ]
    for baseline in (figures.baseline, figures.llama_server):
        if baseline is not None:
            found += _baseline_rows(baseline, played.evaluated, played.engine)
    found += [row for cancelling in figures.cancelling for row in _cancel_rows(cancelling)]
    windows, index = figures.windows, figures.index
    found += [
        Row(
            f"engines of {windows.servers} servers on {windows.workspaces} workspaces",
            "1",
            f"{windows.engines}, {windows.models} model, {windows.answered} answered",
            windows.engines == 1 and windows.models == 1 and windows.answered == windows.servers,
        ),
        _at_most("memory of a server", max(windows.server_mb, default=None), None, "MB"),
        _at_most("memory of the engine", max(windows.engine_mb, default=None), None, "MB"),
        Row(
            f"index of {index.files:,} files, {index.lines:,} lines",
            "",
            f"{index.cold_seconds:.1f} s cold, {index.warm_seconds:.2f} s warm, {index.memory_mb:.0f} MB",
        ),
    ]
    return found


def sentences(figures: Figures) -> list[str]:
    """What stands below the table: where, on what and how it was measured."""
    machine, played = figures.machine, figures.replay
    place = (
        f"codehearth {machine.codehearth}, {figures.model}, {_threads(figures.threads)}, on {machine.processor}, "
        f"{machine.cores} cores, {machine.memory_gb:.0f} GB, {machine.system}, Python {machine.python}; "
        f"load average {machine.load_average:.2f} before."
    )
    trace = (
        f"Trace: {played.keys} keys in {played.path} of {played.package} {played.version} ({played.lines:,} lines), "
        f"{played.requests} requests, {played.engine.count} through the engine; {played.shown} suggestions shown, "
        f"{played.accepted} accepted."
    )
    lines = [place, trace]
    if figures.baseline is not None:
        lines.append(
            "/infill layout: every asking key of the same trace, same model and engine, no cache in the editor, with "
            "prompts laid out as llama-server's /infill lays them out for llama.vim (256 and 64 lines, a batch of "
            "1,024 tokens, be it more than the model was trained on; ours never are)."
        )
    if figures.forced:
        lines.append(
            "The model's weights are random, so its answers were forced: each says, token by token, what the trace "
            "records for its place. Times and tokens are those of a model that says it; what was shown and accepted is "
            "no merit of any."
            + (" llama-server's answers could not be forced." if figures.llama_server is not None else "")
        )
    if figures.quick:
        lines.append("A quick run: fewer repetitions and a third of the trace.")
    if played.same_text is False:
        lines.append("The server's text was not the editor's at the end: these figures are worth nothing.")
    return lines


def markdown(figures: Figures) -> str:
    """The README's table, with the sentences below it."""
    lines = ["| figure | goal | measured |", "| --- | --- | --- |"]
    lines += [
        f"| {row.figure} | {row.goal} | {row.measured}{' ✗' if row.met is False else ''} |" for row in rows(figures)
    ]
    return "\n".join([*lines, "", *sentences(figures)])


def with_table(text: str, table: str) -> str:
    """`text` with `table` between the two marks. Raises ServerError where they are missing."""
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise ServerError(
            f"The file has no place for the table ({START} … {END}).", "Add the two lines and run it again."
        )
    return f"{before}{START}\n{table}\n{END}{after}"


def _lag(when: str, lag: Lag) -> Row:
    held = f"{lag.longer_than_5} of {lag.count:,} looks, longest {lag.maximum:.1f} ms"
    return Row(f"event loop held longer than 5 ms {when}", "never", held, lag.longer_than_5 == 0)


def _at_most(figure: str, value: float | None, goal: float | None, unit: str) -> Row:
    if value is None:
        return Row(figure, _goal(goal, unit), "none")
    return Row(figure, _goal(goal, unit), f"{value:,.4g} {unit}".strip(), value <= goal if goal is not None else None)


def _goal(goal: float | None, unit: str) -> str:
    return f"≤ {goal:,.4g} {unit}".strip() if goal is not None else ""


def _baseline_rows(baseline: BaselineFigures, ours: Spread, ours_ms: Spread) -> list[Row]:
    evaluated, total = baseline.evaluated, baseline.total
    less = f", {evaluated.p50 / max(1, ours.p50):.0f} times ours" if evaluated.p50 and ours.p50 else ""
    slower = f", {total.p50 / ours_ms.p50:.1f} times ours" if total.p50 and ours_ms.p50 else ""
    return [
        Row(f"{baseline.name}: tokens per key, median", "", f"{_number(evaluated.p50)}{less}"),
        Row(f"{baseline.name}: request to answer, p50", "", f"{_number(total.p50)} ms{slower}"),
    ]


def _cancel_rows(cancelling: CancelFigures) -> list[Row]:
    size = f"{cancelling.model}, {cancelling.parameters / 1e6:,.0f} M"
    return [
        _at_most(f"cancel to free engine, reading, p95 ({size})", cancelling.prefill.p95, 30, "ms"),
        _at_most(f"cancel to free engine, writing, p95 ({size})", cancelling.decode.p95, 30, "ms"),
    ]


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:,.4g}"


def _share(share: float) -> str:
    return f"{100 * share:.1f} %"


def _threads(count: int) -> str:
    return "one thread" if count == 1 else f"{count} threads"


def _counts(counts: Iterable[tuple[str, int]]) -> str:
    ordered = sorted(counts, key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{count} {name}" for name, count in ordered) or "none"
