"""Options and fixtures of the whole suite."""

from pathlib import Path

import pytest

EDITORS = Path(__file__).parent / "editors"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="Rewrite the expect blocks of golden pages; read the diff.")
    parser.addoption("--editors", action="store_true", help="Also run the tests in real editors (make test-editors).")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Tests in real editors need what `make test-editors` installs, so they run only when they are asked for."""
    return True if collection_path == EDITORS and not config.getoption("--editors") else None


@pytest.fixture
def update(request: pytest.FixtureRequest) -> bool:
    """Whether golden pages are rewritten instead of compared."""
    return bool(request.config.getoption("--update"))
