"""`codehearth eval`: a handful of places through the real server and the embedded model."""

import json

import pytest

from lsp_server.cli import eval as command
from lsp_server.cli import main


def test_extractions_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    """Every place is offered or refused, and every change holds."""
    assert main.main(["eval", "extract", "--count", "6", "--seed", "3", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["expressions"] == 6 == figures["offered"] + sum(figures["refused"].values())
    assert figures["changes"] > 0
    assert figures["parses"] == figures["same_tree"] == figures["same_bytecode"] == 1.0
    assert figures["faults"] == []


def test_a_subject_is_one_that_can_be_measured(capsys: pytest.CaptureFixture[str]) -> None:
    """The command line says which."""
    with pytest.raises(SystemExit):
        main.main(["eval", "everything"])
    told = capsys.readouterr().err
    assert [subject for subject in command.SUBJECTS if subject not in told] == []
