"""The figures as Markdown, for the model's card: a block between two markers, replaced whole. Words, no arithmetic."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from models.evaluation.crosscode import CONDITIONS
from models.evaluation.holes import KINDS
from models.train.stage import TrainingError, replacing

BEGIN = "<!-- figures of `make eval-model`: begin -->"
END = "<!-- figures of `make eval-model`: end -->"

_KIND = {"line": "rest of a line", "arguments": "arguments of a call", "block": "block"}
_ARM = {
    "context": "with repository context",
    "alone": "the same, without the repository's continuations",
    "file": "this file only",
    "random": "this file and random snippets of equal length",
}
_NO_FIGURE = "–"


def rewrite(card: Path, figures: Mapping[str, Any]) -> None:
    """Puts the block between the markers of the card. Raises TrainingError where it has none."""
    try:
        text = card.read_text(encoding="utf-8")
    except OSError as error:
        raise TrainingError(f"{card} cannot be read.", "Name the model's card with --card.") from error
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise TrainingError(f"{card} has no place for the figures.", f"Add the lines `{BEGIN}` and `{END}` to it.")
    with replacing(card) as fresh:
        fresh.write_text(f"{before}{BEGIN}\n{block(figures)}{END}{after}", encoding="utf-8")


def block(figures: Mapping[str, Any]) -> str:
    """The whole block, without its markers."""
    parts = [_head(figures), _holes(figures), _gains(figures), _needed(figures), _packages(figures)]
    return "\n".join([*parts, _crosscode(figures), _infilling(figures), _speed(figures)])


def _head(figures: Mapping[str, Any]) -> str:
    model, settings, machine = figures["model"], figures["settings"], figures["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in settings["packages"].items())
    survived = figures["self_test"]["truth survives"]
    return (
        f"`{model['file']}` ({model['sha256'][:16]}…), {settings['holes']} holes in {len(settings['packages'])} "
        f"packages that it never saw ({packages}), prompts of {settings['prompt_tokens']:,} tokens, greedy; measured "
        f"in {figures['seconds'] / 60:.0f} minutes on {machine['processor']}, two processes of one thread each. "
        "Intervals of 95 %: Wilson for shares; for means and differences resampled by package.\n\n"
        f"Of the true answers, {survived['right']} of {survived['items']} pass the product's own stops and "
        "post-processing unchanged.\n"
    )


def _holes(figures: Mapping[str, Any]) -> str:
    header = ["hole", "answer", "exact match", "edit similarity", "next identifier", "parses", "stop", "nats per byte"]
    rows: list[list[str]] = []
    for kind in KINDS:
        found = figures["holes"][kind]
        for arm, its in found["arms"].items():
            rows.append(
                [
                    f"{_KIND[kind]} ({found['items']})",
                    _ARM.get(arm, f"no model: {arm}"),
                    *(_interval(its.get(key)) for key in ("exact", "similarity", "identifier", "parses", "stop")),
                    _interval(its.get("loss"), 3),
                ]
            )
    notes = (
        "Edit similarity: `fuzz.ratio` of rapidfuzz, 0 to 100. Parses: share of the files that are valid Python with "
        "what is inserted, of the holes where something is. Stop: led along the true answer, the model first chooses "
        "to end exactly at its end.\n"
    )
    return _table(header, rows) + "\n" + notes


def _gains(figures: Mapping[str, Any]) -> str:
    header = ["hole", "difference", "exact match", "only first / only second right", "McNemar p", "edit similarity"]
    rows = []
    for kind in KINDS:
        for name, its in figures["holes"][kind]["differences"].items():
            exact = its["exact"]
            only = f"{exact['only_first']} / {exact['only_second']}"
            signs = [_interval(exact, 1, "+"), only, _plain(exact["mcnemar"], 3), _interval(its["similarity"], 1, "+")]
            rows.append([_KIND[kind], name, *signs])
    return _table(header, rows)


def _needed(figures: Mapping[str, Any]) -> str:
    header = ["rest of a line, with context", "holes", "exact match", "next identifier"]
    line = figures["holes"]["line"]
    rows = [[f"next identifier {name}", *_brief(its)] for name, its in line["by_needed_identifier"].items()]
    rows.append(["would be shown unasked (balanced)", *_brief(line["shown"])])
    rows += [[f"cursor after: {name}", *_brief(its)] for name, its in line["by_position"].items()]
    return _table(header, rows)


def _packages(figures: Mapping[str, Any]) -> str:
    header = ["package", "rest of a line, exact match", "best baseline"]
    line = figures["holes"]["line"]
    rows = [
        [name, _interval(its["exact"]), _plain(its["best_baseline"], 1)] for name, its in line["by_package"].items()
    ]
    return _table([*header[:2], f"{header[2]} ({line['best_baseline']})"], rows)


def _crosscode(figures: Mapping[str, Any]) -> str:
    found = figures["crosscodeeval"]
    header = [f"CrossCodeEval Python ({found['items']})", "EM", "ES", "identifier EM", "identifier F1"]
    rows = []
    for condition in CONDITIONS:
        its = found[condition.name]
        rows.append([condition.name, *(_interval(its[key]) for key in ("em", "es", "id_em", "id_f1"))])
    return _table(header, rows)


def _infilling(figures: Mapping[str, Any]) -> str:
    found = figures["human_eval_infilling"]
    header = ["HumanEval-infilling, random spans, light", "pass@1", "exact match"]
    return _table(header, [[f"{found['items']} items", _interval(found["pass@1"]), _interval(found["exact"])]])


def _speed(figures: Mapping[str, Any]) -> str:
    found = figures["speed"]
    header = [f"tokens per second, one thread of {figures['machine']['processor']}", "reading 512", "writing 128"]
    rows = [["codehearth's engine", *_rates(found["engine"])]]
    if found["llama_bench"] is not None:
        rows.append(["llama-bench, same file, same run", *_rates(found["llama_bench"])])
    return _table(header, rows)


def _rates(speed: Mapping[str, float]) -> list[str]:
    return [f"{speed['prefill']:,.0f}", f"{speed['decode']:,.0f}"]


def _brief(its: Mapping[str, Any]) -> list[str]:
    return [str(its["items"]), _interval(its["exact"]), _interval(its["identifier"])]


def _interval(figure: Mapping[str, Any] | None, digits: int = 1, sign: str = "") -> str:
    if figure is None or figure["value"] is None:
        return _NO_FIGURE
    value, low, high = (f"{figure[name]:{sign}.{digits}f}" for name in ("value", "low", "high"))
    return f"{value} ({low} … {high})"


def _plain(value: float | None, digits: int) -> str:
    return _NO_FIGURE if value is None else f"{value:.{digits}f}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(row) + " |\n" for row in lines)
