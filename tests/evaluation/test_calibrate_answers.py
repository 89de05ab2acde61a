"""Ways of weighing votes are compared on the same lines."""

from models.evaluation.calibrate_answers import ALONE, PRODUCT, THRESHOLDS, WEIGHINGS, Answered, gates, ways


def answered(way: str, line: int, exact: bool, logprob: float = -0.1) -> Answered:
    return Answered("package", line, way, exact, 100.0 * exact, logprob, inserted=True, kept=exact, parses=True)


def test_a_way_gains_and_loses_lines_against_the_product():
    answers = [answered(way, line, exact=line < 2) for way in WEIGHINGS for line in range(4)]
    answers += [answered(ALONE, line, exact=line in (1, 3)) for line in range(4)]

    row = next(row for row in ways(answers).splitlines() if row.startswith(ALONE))

    assert row.split() == [ALONE, "50.0", "1", "1", "50.0", "100.0"]


def test_a_gate_shows_what_is_at_least_as_sure():
    answers = [
        answered(PRODUCT, 0, exact=True, logprob=THRESHOLDS[0] / 2),
        answered(PRODUCT, 1, exact=False, logprob=(THRESHOLDS[0] + THRESHOLDS[1]) / 2),
    ]

    first, second = (row.split() for row in gates(answers).splitlines()[1:3])

    assert first[1:] == ["50.0", "%", "100.0", "%", "100.0", "%"]
    assert second[1:] == ["100.0", "%", "50.0", "%", "0.0", "%"]
