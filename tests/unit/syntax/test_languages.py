"""Every language of the table is complete, and documents find theirs."""

from pathlib import Path

import pytest

from lsp_server.syntax.languages import LANGUAGES, by_name, language_of


@pytest.mark.parametrize(
    ("path", "identifier", "name"),
    [
        ("a.py", "python", "python"),
        ("a.unknown", "python", "python"),
        ("a.pyi", None, "python"),
        ("a.PY", "plaintext", "python"),
        ("a.tsx", "typescriptreact", "tsx"),
        ("a.jsx", "javascriptreact", "jsx"),
        ("a.js", "typescript", "typescript"),
        ("a.mts", None, "typescript"),
        ("a.go", "go", "go"),
        (None, "Go", "go"),
        ("a.h", "c", "c"),
        ("a.h", None, "cpp"),
        ("run", "shellscript", "bash"),
        ("a.rake", None, "ruby"),
        ("a.kts", "plaintext", "kotlin"),
        ("a.cs", "csharp", "csharp"),
    ],
)
def test_the_identifier_decides_before_the_suffix(path: str | None, identifier: str | None, name: str) -> None:
    found = language_of(Path(path) if path else None, identifier)
    assert found is not None
    assert found.name == name


def test_an_unknown_language_is_none() -> None:
    assert language_of(Path("a.cob"), "cobol") is None
    assert language_of(None, None) is None
    assert by_name("cobol") is None


def test_names_and_identifiers_are_unique() -> None:
    """Otherwise the later entry would hide the earlier one."""
    identifiers = [identifier for language in LANGUAGES for identifier in language.identifiers]
    suffixes = [suffix for language in LANGUAGES for suffix in language.suffixes]
    assert len(set(identifiers)) == len(identifiers)
    assert len(set(suffixes)) == len(suffixes)
    assert all(by_name(language.name) is language for language in LANGUAGES)
