"""What `make demo` and `make test` begin with, on machines that lack something."""

import os
import sys
from pathlib import Path

import pytest

from lsp_server.cli import install


@pytest.mark.skipif(os.name != "posix", reason="the stand-in for Python is a shell script")
def test_a_missing_compiler_is_told_in_a_sentence_before_anything_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the command that installs one; a page of pip's complaints helps nobody."""
    (tmp_path / "pyproject.toml").write_text('dependencies = ["llama-cpp-python==1.2.3"]')
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\nexit 1\n")  # Nothing is installed there, nor can it be.
    python.chmod(0o755)
    monkeypatch.setattr(install, "CHECKOUT", tmp_path)
    monkeypatch.setattr(sys, "argv", ["install.py"])
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(SystemExit) as ended:
        install.main()  # type: ignore[no-untyped-call]
    assert ended.value.code == 1
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "No C++ compiler was found, and llama.cpp has to be compiled once."
    assert "apt install g++" in told[1]
