"""How the likelihood of what a repository says itself is measured, and its weights are found."""

from lsp_server.context.continuations import Attested
from lsp_server.context.likelihood import WEIGHTS
from lsp_server.engine.protocol import Continuation
from models.evaluation.calibrate_continuations import Asked, by_match, choices, crossed, reliability, weights
from models.evaluation.conditional_logit import fit


def found(probability: float, **features: float) -> Attested:
    row = tuple(features.get(name, 0.0) for name in WEIGHTS)
    return Attested(Continuation("x\n", probability), "a.py", 0, features=row)


def asked(package: str, *told: Attested, right: int | None) -> Asked:
    return Asked(package, "line", told, right, 0.001)


def test_the_longest_match_is_the_first_that_is_not_behind() -> None:
    one = asked("a", found(0.6, behind=-1.0), found(0.3, behind=0.0), right=1)
    assert by_match([one, asked("b", right=None)]) == 0.5


def test_weights_are_judged_on_packages_that_they_were_not_found_on() -> None:
    """Where the same sign is right everywhere, all lines are; each package has a line of its own."""
    lines = [
        asked(str(number), found(0.5), found(0.5, next_line=1.0), right=1) for number in range(20)
    ]  # fmt: skip
    lines += [asked(str(number), found(0.5), right=None) for number in range(20)]
    assert crossed(lines, "1") == 0.5
    assert fit(choices(lines)).weights[list(WEIGHTS).index("next_line")] > 1


def test_reliability_has_a_row_for_each_band() -> None:
    rows = reliability([asked("a", found(0.96), found(0.01), right=0)]).splitlines()
    assert rows[1].split() == ["from", "0", "1", "0.0", "%"]
    assert rows[-1].split() == ["from", "0.95", "1", "100.0", "%"]


def test_weights_are_told_by_name() -> None:
    told = weights(fit(choices([asked("a", found(0.5, match=0.5), right=0)])))
    assert all(f'"{name}": ' in told for name in WEIGHTS)
