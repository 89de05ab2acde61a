"""How the trust in what a repository says itself is measured."""

from lsp_server.context.continuations import Attested
from lsp_server.engine.protocol import Continuation
from models.evaluation.calibrate_continuations import Asked, Step, steps, table


def asked(truth: str, *found: tuple[str, int, float]) -> Asked:
    return Asked(tuple(Attested(Continuation(*each), "a.py", 0) for each in found), truth, 0.001, None)


def test_votes_are_counted_along_the_right_line() -> None:
    """Who said something else has no vote any more, and what was followed counts as matched."""
    one = asked("a.b", ("a.b\n", 3, 1.0), ("a + b\n", 3, 3.0))
    assert list(steps(one)) == [
        Step(3, 1.0, 1.0, True),
        Step(4, 0.25, 0.75, False),
        Step(5, 1.0, 1.0, False),
        Step(6, 1.0, 1.0, False),
    ]


def test_where_nobody_speaks_there_is_no_step() -> None:
    """A repository that says nothing is neither right nor wrong."""
    assert list(steps(asked("a"))) == []
    assert list(steps(asked("a", ("b\n", 2, 1.0)))) == [Step(2, 0.0, 1.0, True)]


def test_the_table_has_the_mean_of_each_band() -> None:
    rows = table([asked("a", ("a\n", 2, 1.0)), asked("a", ("b\n", 2, 1.0))]).split("\n")
    assert rows[1].split() == ["from", "2", "2:", "0.50", "2:", "0.50", "-", "2:", "0.50", "-"]
