"""`codehearth origin` with the fingerprint that is shipped: what was learnt from is named, what was not is not."""

import json
import random
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from lsp_server.modelstore import provenance, store
from tests.e2e.wire import ROOT


@pytest.fixture(scope="module")
def learnt() -> set[str]:
    """The PyPI packages of the shipped fingerprint."""
    fingerprint = provenance.shipped(store.embedded())
    if fingerprint is None:
        pytest.skip("the embedded model was made without a fingerprint")
    return {name for kind, name, _, _ in fingerprint.packages if kind == "pypi"}


def origins(text: str) -> list[dict[str, object]]:
    command = [sys.executable, "-P", "-m", "lsp_server", "origin", "--json", "-"]
    ended = subprocess.run(command, input=text.encode(), capture_output=True, cwd=ROOT, check=True, timeout=60)
    found = json.loads(ended.stdout)["origins"]
    assert isinstance(found, list)
    return found


def test_an_installed_package_that_was_learnt_from_is_named(learnt: set[str]) -> None:
    """Of another version perhaps, of which most text is the same."""
    for name in ("pytest", "numpy", "filelock", "gguf", "psutil", "markdown-it-py", "pip", "setuptools"):
        try:
            files = metadata.files(name) if name in learnt else None
        except metadata.PackageNotFoundError:
            files = None
        if files:
            paths = sorted(Path(str(file.locate())) for file in files if file.suffix == ".py")
            text = "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in paths if path.is_file())
            found = origins(text)[0]
            assert found["name"] == name
            assert found["licence"]
            return
    pytest.skip("no package that was learnt from is installed")


def test_text_that_nobody_wrote_before_has_no_origin(learnt: set[str]) -> None:
    drawn = random.Random(4)
    assert origins("\n".join(f"name_{drawn.randrange(10**9)} = {drawn.randrange(10**9)}" for _ in range(400))) == []
