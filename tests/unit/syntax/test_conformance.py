"""Every language of the table does what ADDING_A_LANGUAGE.md asks of it, shown by one page of source each."""

from importlib import resources

import pytest

from lsp_server.syntax import grammars
from lsp_server.syntax.languages import LANGUAGES, Language, by_name
from lsp_server.syntax.outline import Outline, extract
from lsp_server.syntax.trees import SyntaxTree, parse
from tests import house

PAGES = house.goldens("syntax")
ALL_ROLES = {"comment", "string", "suite", "arguments", "parameters", "literal"}


def written(outline: Outline) -> str:
    """An outline as its page shows it; lines count from 1."""
    rows = [
        f"{found.line + 1}-{found.end_line + 1} {found.kind} "
        f"{f'{found.container}.' if found.container else ''}{found.name}: {found.signature}"
        for found in outline.definitions
    ]
    for imported in outline.imports:
        alias = f" as {imported.alias}" if imported.alias else ""
        rows.append(f"{imported.line + 1} import {imported.name or 'all'} of {imported.module}{alias}")
    rows += [f"chunk {chunk.line + 1}-{chunk.end_line + 1} {chunk.name}".rstrip() for chunk in outline.chunks]
    rows.append("names " + " ".join(f"{name}×{count}" for name, count in outline.identifiers.items() if count > 1))
    return "\n".join(rows)


def names(tree: SyntaxTree, offset: int) -> list[str]:
    return [scope.name for scope in tree.scopes(offset)]


def test_every_language_has_a_page() -> None:
    """A language without a page in tests/golden/syntax is not finished."""
    assert {page.path.stem for page in PAGES} == {language.name for language in LANGUAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path.stem)
def test_a_page_gives_its_outline(page: house.Golden, request: pytest.FixtureRequest) -> None:
    """Definitions, imports, chunks and the names that occur more than once."""
    language = by_name(page.path.stem)
    assert language is not None
    source = page.source()
    assert source.kind == language.name
    assert parse(language, source.text).errors() == 0
    page.check(written(extract(language, source.text)), update=request.config.getoption("--update"))


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.name)
def test_every_kind_of_place_is_known(language: Language) -> None:
    """The structure around a cursor needs all roles, and interpolation where the language has it."""
    wanted = ALL_ROLES | ({"interpolation"} if language.interpolation else set())
    assert sorted(wanted - set(grammars.roles(language).values())) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path.stem)
def test_what_a_person_types_is_understood(page: house.Golden) -> None:
    """At the ends of nearly all lines a cursor is in the same definitions as when the rest of the page stood below."""
    language = by_name(page.path.stem)
    assert language is not None
    text = page.source().text
    whole = parse(language, text)
    ends = [place for place, character in enumerate(text) if character == "\n"]
    same = sum(names(parse(language, text[:end]), end) == names(whole, end) for end in ends)
    assert same >= 0.8 * len(ends)


def test_the_package_carries_its_queries_and_its_pages() -> None:
    """What the code reads at run time, and what the next person reads, is inside the package."""
    room = resources.files("lsp_server.syntax")
    names = {name for language in LANGUAGES for name in language.queries}
    assert all(room.joinpath("queries", f"{name}.scm").is_file() for name in names)
    assert room.joinpath("ADDING_A_LANGUAGE.md").is_file()
