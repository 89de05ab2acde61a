"""Options and fixtures of the whole suite."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="Rewrite the expect blocks of golden pages; read the diff.")


@pytest.fixture
def update(request: pytest.FixtureRequest) -> bool:
    """Whether golden pages are rewritten instead of compared."""
    return bool(request.config.getoption("--update"))
