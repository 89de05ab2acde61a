"""Settings: one bad value costs that value only, and a workspace cannot choose what only the user may."""

import json
from pathlib import Path

import pytest

from lsp_server.settings import USER_FILE, Settings, UserFile, camel, catalogue, read, read_user_file, snake


def test_a_bad_value_costs_that_value_only() -> None:
    """The good neighbour is taken, the bad one keeps its default and is named by its path."""
    settings, problems = read({"completion": {"debounceMs": "soon", "mode": "line"}})
    assert settings.completion.mode == "line"
    assert settings.completion.debounce_ms is None
    assert [problem.path for problem in problems] == ["completion.debounceMs"]


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ({"colour": 1}, "colour"),
        ({"completion": {"debounce_ms": 5}}, "completion.debounce_ms"),
        ({"completion": 3}, "completion"),
        ({"completion": {"enabled": 1}}, "completion.enabled"),
        ({"completion": {"debounceMs": True}}, "completion.debounceMs"),
        ({"completion": {"debounceMs": -1}}, "completion.debounceMs"),
        ({"completion": {"maxLines": 2.5}}, "completion.maxLines"),
        ({"engine": {"idleUnloadMinutes": float("nan")}}, "engine.idleUnloadMinutes"),
        ({"completion": {"disabledLanguages": ["go", 1]}}, "completion.disabledLanguages"),
        ({"eagerness": "wild"}, "eagerness"),
        ({"eagerness": None}, "eagerness"),
        ([1], ""),
    ],
)
def test_what_is_wrong_is_named(raw: object, path: str) -> None:
    """Unknown keys, wrong types, values out of bounds: each is one problem with a sentence, and changes nothing."""
    settings, problems = read(raw)
    assert settings == Settings()
    assert [problem.path for problem in problems] == [path]
    assert problems[0].sentence.endswith(".")


def test_null_returns_to_the_measured_value() -> None:
    """A nullable setting accepts null."""
    base, _ = read({"completion": {"debounceMs": 50}})
    settings, problems = read({"completion": {"debounceMs": None}}, base)
    assert settings.completion.debounce_ms is None
    assert problems == []


def test_a_workspace_cannot_choose_a_model() -> None:
    """`user_only` settings keep the user's value, and the attempt is reported."""
    base, _ = read({"model": "mine.gguf", "engine": {"threads": 2}})
    settings, problems = read({"model": "theirs.gguf", "engine": {"threads": 64}}, base, from_workspace=True)
    assert settings == base
    assert [problem.path for problem in problems] == ["model", "engine.threads"]


def test_a_workspace_that_echoes_the_users_values_is_no_problem() -> None:
    """Editors answer workspace/configuration with the merged settings; equal and unset values are silent."""
    base, _ = read({"model": "mine.gguf"})
    _, problems = read({"model": "mine.gguf", "engine": {"threads": None}}, base, from_workspace=True)
    assert problems == []


def test_an_editor_that_answers_with_all_its_defaults_is_no_problem() -> None:
    """The user's own file says otherwise and is obeyed; nobody is told about a workspace that asked for nothing."""
    base, _ = read({"engine": {"idleUnloadMinutes": 3}})
    settings, problems = read({"engine": {"idleUnloadMinutes": 10}}, base, from_workspace=True)
    assert (settings, problems) == (base, [])


def test_lists_arrive_as_tuples() -> None:
    """Settings are frozen all the way down."""
    settings, _ = read({"completion": {"disabledLanguages": ["go"]}})
    assert settings.completion.disabled_languages == ("go",)


def test_the_users_file_may_be_missing(tmp_path: Path) -> None:
    """No file means the defaults, without a problem."""
    assert read_user_file(tmp_path) == (Settings(), [])


def test_a_damaged_users_file_is_one_problem(tmp_path: Path) -> None:
    """The defaults are used and the sentence names the file."""
    (tmp_path / USER_FILE).write_text("{", encoding="utf-8")
    settings, problems = read_user_file(tmp_path)
    assert settings == Settings()
    assert USER_FILE in problems[0].sentence


def test_the_users_file_is_read(tmp_path: Path) -> None:
    """Values in the user's file are the user's."""
    (tmp_path / USER_FILE).write_text(json.dumps({"model": "a.gguf"}), encoding="utf-8")
    assert read_user_file(tmp_path)[0].model == "a.gguf"


def test_the_users_file_is_followed(tmp_path: Path) -> None:
    """Written, replaced and deleted while we run: each is noticed once, and the disk is looked at once a second."""
    now = 0.0
    file = UserFile(tmp_path, clock=lambda: now)
    for text, model in (('{"model": "a"}', "a"), ('{"model": "bc"}', "bc"), (None, None)):
        if text is None:
            (tmp_path / USER_FILE).unlink()
        else:
            (tmp_path / USER_FILE).write_text(text, encoding="utf-8")
        now += 0.9
        assert not file.changed()
        now += 0.2
        assert (file.changed(), file.settings.model) == (True, model)
        now += 1.1
        assert not file.changed()


def test_a_file_that_is_half_written_changes_nothing(tmp_path: Path) -> None:
    """Editors save in place; the model must not jump to the default and back meanwhile."""
    now = 0.0
    (tmp_path / USER_FILE).write_text('{"model": "a"}', encoding="utf-8")
    file = UserFile(tmp_path, clock=lambda: now)
    (tmp_path / USER_FILE).write_text('{"mod', encoding="utf-8")
    now += 1.1
    assert file.changed()
    assert file.settings.model == "a"
    assert USER_FILE in file.problems[0].sentence


def test_names_convert_both_ways() -> None:
    """Every setting's wire name leads back to its field."""
    assert all(camel(snake(part)) == part for facts in catalogue() for part in facts.path.split("."))


def test_every_default_fits_its_own_bounds() -> None:
    """Reading back the defaults the catalogue publishes raises no problem."""
    for facts in catalogue():
        raw: object = facts.schema["default"]
        for part in reversed(facts.path.split(".")):
            raw = {part: raw}
        assert read(raw) == (Settings(), []), facts.path
