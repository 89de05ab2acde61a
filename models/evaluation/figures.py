"""From records of single answers to figures with intervals, as plain JSON. Pure: no model, no files.

Shares are percentages with Wilson intervals; means and losses are resampled by package, differences pair the same
holes (`intervals`). An arm is one of the model's or the name of a baseline.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs

from models.evaluation import intervals
from models.evaluation.asking import ARMS
from models.evaluation.baselines import BASELINES
from models.evaluation.crosscode import CONDITIONS
from models.evaluation.holes import KINDS

Record = Mapping[str, Any]

SHARES: Mapping[str, str] = {
    "exact": "exact match",
    "exact_inserted": "exact match after post-processing",
    "identifier": "next identifier",
    "parses": "syntax validity of what is inserted",
    "inserts": "something is inserted",
    "stop": "stop accuracy",
    "ended": "ended by itself",
    "shown": "would be shown unasked",
}
"""Right or wrong of each answer; where it is None the question does not arise, and the hole is left out."""

PAIRS = (("context", "file"), ("context", "random"), ("random", "file"), ("context", "alone"))
COMPARED = ("exact", "identifier", "similarity", "loss")


def summed(records: Mapping[str, Sequence[Record]]) -> dict[str, Any]:
    answers = [*records["holes"], *records["baselines"]]
    checks = {record["check"]: {k: v for k, v in record.items() if k != "check"} for record in records["check"]}
    return {
        "self_test": checks,
        "holes": {kind: _kind([answer for answer in answers if answer["kind"] == kind]) for kind in KINDS},
        "crosscodeeval": _crosscode(records["crosscode"]),
        "human_eval_infilling": {
            "items": len(records["infilling"]),
            "pass@1": _share(record["passes"] for record in records["infilling"]),
            "exact": _share(record["exact"] for record in records["infilling"]),
        },
    }


def quick(records: Mapping[str, Sequence[Record]]) -> dict[str, Any]:
    answers = records["holes"]
    return {
        "holes": len(answers),
        "exact": _share(answer["exact"] for answer in answers),
        "identifier": _share(answer["identifier"] for answer in answers if answer["identifier"] is not None),
        "similarity": _mean([answer["similarity"] for answer in answers], [answer["package"] for answer in answers]),
    }


def _kind(answers: Sequence[Record]) -> dict[str, Any]:
    """Everything about one kind of hole."""
    by_arm = {arm: _arm(answers, arm) for arm in (*ARMS, *BASELINES)}
    figures = {arm: _figures(list(found.values())) for arm, found in by_arm.items()}
    best = max(BASELINES, key=lambda name: figures[name]["exact"]["value"])
    context = by_arm["context"]
    return {
        "items": len(context),
        "arms": figures,
        "best_baseline": best,
        "differences": {
            f"{first} - {second}": _differences(by_arm[first], by_arm[second])
            for first, second in (
                ("context", "file"),
                ("context", "random"),
                ("random", "file"),
                ("context", "alone"),
                ("context", best),
            )
        },
        "by_package": _by(context, by_arm[best], "package"),
        "by_position": _by(context, by_arm[best], "position"),
        "by_needed_identifier": {
            name: _brief([record for record in context.values() if record["in_prompt"] is there])
            for name, there in (("in the prompt", True), ("not in the prompt", False), ("none needed", None))
        },
        "shown": _brief([record for record in context.values() if record["shown"]]),
    }


def _arm(answers: Sequence[Record], arm: str) -> dict[str, Record]:
    return {answer["key"]: answer for answer in answers if answer["arm"] == arm}


def _figures(records: Sequence[Record]) -> dict[str, Any]:
    packages = [record["package"] for record in records]
    found: dict[str, Any] = {}
    for name in SHARES:
        judged = [record[name] for record in records if record.get(name) is not None]
        if judged:
            found[name] = _share(judged)
    found["similarity"] = _mean([record["similarity"] for record in records], packages)
    if records and records[0].get("loss") is not None:
        sizes = [record["bytes"] for record in records]
        found["loss"] = _rounded(intervals.ratio([record["loss"] for record in records], sizes, packages), 4)
    return found


def _differences(first: Mapping[str, Record], second: Mapping[str, Record]) -> dict[str, Any]:
    keys = sorted(set(first) & set(second))
    found: dict[str, Any] = {}
    for name in COMPARED:
        pairs = [(first[key], second[key]) for key in keys]
        pairs = [pair for pair in pairs if all(record.get(name) is not None for record in pair)]
        if pairs:
            values = [[_number(record, name) for record in side] for side in zip(*pairs, strict=True)]
            clusters = [one["package"] for one, _ in pairs]
            found[name] = _rounded(intervals.difference(values[0], values[1], clusters), 4)
    return found


def _number(record: Record, name: str) -> float:
    """Percent for right or wrong; nats per byte for the loss."""
    value = record[name]
    return 100.0 * value if isinstance(value, bool) else value / record["bytes"] if name == "loss" else float(value)


def _by(context: Mapping[str, Record], baseline: Mapping[str, Record], field: str) -> dict[str, Any]:
    values = sorted({record[field] for record in context.values()})
    return {
        value: {
            **_brief([record for record in context.values() if record[field] == value]),
            "best_baseline": _share(record["exact"] for record in baseline.values() if record[field] == value)["value"],
        }
        for value in values
    }


def _brief(records: Sequence[Record]) -> dict[str, Any]:
    return {
        "items": len(records),
        "exact": _share(record["exact"] for record in records),
        "identifier": _share(record["identifier"] for record in records if record["identifier"] is not None),
    }


def _crosscode(records: Sequence[Record]) -> dict[str, Any]:
    found: dict[str, Any] = {"items": len({record["task"] for record in records})}
    for number, condition in enumerate(CONDITIONS):
        mine = [record for record in records if record["condition"] == number]
        repositories = [record["repository"] for record in mine]
        found[condition.name] = {
            "em": _share(record["em"] for record in mine),
            "es": _mean([record["es"] for record in mine], repositories),
            "id_em": _share(record["id_em"] for record in mine),
            "id_f1": _mean([100 * record["id_f1"] for record in mine], repositories),
        }
    return found


def _share(judged: Iterable[bool]) -> dict[str, Any]:
    found = list(judged)
    return _rounded(intervals.wilson(sum(found), len(found)), 2)


def _mean(values: Sequence[float], clusters: Sequence[str]) -> dict[str, Any]:
    return _rounded(intervals.ratio(values, [1.0] * len(values), clusters), 2)


def _rounded(estimate: intervals.Estimate | intervals.Difference, digits: int) -> dict[str, Any]:
    """Without a figure there is null: JSON knows no NaN."""
    rounding: Callable[[Any], Any] = lambda value: None if math.isnan(value) else round(value, digits)  # noqa: E731
    return {
        name: rounding(value) if isinstance(value, float) else value for name, value in attrs.asdict(estimate).items()
    }
