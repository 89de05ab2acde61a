"""`codehearth doctor` on machines of several kinds."""

import json
from pathlib import Path
from typing import Any

import attrs
import pytest

from lsp_server import paths, settings
from lsp_server.cli import doctor, machine
from lsp_server.cli.machine import Cpu, Editor, Gpu, LlamaBuild, LlamaFailure
from lsp_server.cli.main import main
from tests.unit.modelstore.ggufs import write

BUILD = LlamaBuild("0.3.36", "0.5.0", gpu=False, backends={"CPU": ("AVX", "AVX2", "FMA")}, free_device_bytes=0)


@pytest.fixture(autouse=True)
def a_healthy_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A processor whose features are all used, no graphics card, no editor."""
    monkeypatch.setenv("CODEHEARTH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(machine, "llama_build", lambda: BUILD)
    monkeypatch.setattr(machine, "pinned_version", lambda: "0.3.36")
    monkeypatch.setattr(machine, "cpu", lambda: Cpu("AMD EPYC", 2, ("AVX", "AVX2", "FMA")))
    monkeypatch.setattr(machine, "gpus", list)
    monkeypatch.setattr(machine, "editors", list)
    return tmp_path


def problems(report: dict[str, Any]) -> list[tuple[str, str]]:
    return [(problem["level"], problem["sentence"]) for problem in report["problems"]]


def test_a_healthy_machine_has_no_problem(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0, the embedded model and its facts, and no engine started for the question."""
    assert main(["doctor", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["ok"]
    assert report["problems"] == []
    assert report["engine"] is None
    assert report["model"]["order"] == "spm"
    assert report["model"]["memory"]["fits"]
    assert report["llama_cpp"]["backends"] == {"CPU": ["AVX", "AVX2", "FMA"]}


def test_a_person_gets_lines_and_each_problem_with_its_remedy(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same facts in words; advice alone is exit code 0."""
    monkeypatch.setattr(machine, "editors", lambda: [Editor("Neovim", "0.10.4")])
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "processor   AMD EPYC, 2 cores" in out
    assert "engine      not running" in out
    assert "Advice: Neovim 0.10.4 cannot show inline completions.\n  Install Neovim 0.12 or newer." in out


def test_an_unused_graphics_card_comes_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command is exact, and says what has to be installed first where the compiler is missing."""
    monkeypatch.setattr(machine, "gpus", lambda: [Gpu("nvidia", "RTX 3050", 8 * 2**30, "550")])
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    report = doctor.examine()
    assert report["ok"]
    (gpu,) = report["gpus"]
    assert not gpu["used"]
    assert gpu["command"].startswith('CMAKE_ARGS="-DGGML_CUDA=on" ')
    (problem,) = report["problems"]
    assert problem["sentence"] == "RTX 3050 is not used: llama.cpp was built without it."
    assert problem["remedy"] == f"Install the CUDA toolkit (nvcc), then run: {gpu['command']}"


def test_a_graphics_card_in_use_is_no_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a build for it there is nothing to do, and the fit is that of the card."""
    monkeypatch.setattr(machine, "gpus", lambda: [Gpu("nvidia", "RTX 3050")])
    monkeypatch.setattr(machine, "llama_build", lambda: attrs.evolve(BUILD, gpu=True, free_device_bytes=8 * 10**9))
    report = doctor.examine()
    assert report["problems"] == []
    assert (report["model"]["memory"]["on"], report["model"]["memory"]["free_bytes"]) == ("gpu", 8 * 10**9)


def test_features_that_the_build_lacks_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wheel for every processor runs on this one, several times slower than it could."""
    monkeypatch.setattr(machine, "llama_build", lambda: attrs.evolve(BUILD, backends={"CPU": ("AVX",)}))
    report = doctor.examine()
    assert report["cpu"]["unused_features"] == ["AVX2", "FMA"]
    assert problems(report) == [("advice", "llama.cpp was built without AVX2, FMA, which this processor has.")]


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        (LlamaFailure("ended by an illegal instruction", True), "built for another processor"),
        (LlamaFailure("libcudart.so.12 is missing", False), "cannot be loaded: libcudart.so.12 is missing"),
    ],
)
def test_a_build_that_does_not_load_is_an_error(
    failure: LlamaFailure, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without llama.cpp nothing completes: exit code 1 and the command that builds it."""
    monkeypatch.setattr(machine, "llama_build", lambda: failure)
    report = doctor.examine()
    assert not report["ok"]
    assert report["llama_cpp"] == {"failure": failure.reason}
    (problem,) = report["problems"]
    assert sentence in problem["sentence"]
    assert "-m pip install" in problem["remedy"]


def test_another_release_of_the_binding_is_advised_against(monkeypatch: pytest.MonkeyPatch) -> None:
    """The low-level functions change between releases."""
    monkeypatch.setattr(machine, "llama_build", lambda: attrs.evolve(BUILD, package="0.3.40"))
    assert problems(doctor.examine()) == [("advice", "llama-cpp-python is 0.3.40, and codehearth is made for 0.3.36.")]


def test_a_chosen_model_that_cannot_complete_is_an_error(a_healthy_machine: Path) -> None:
    """The sentence is the model's own, and the exit code says that nothing will complete."""
    chat = write(a_healthy_machine / "chat.gguf", name="Chat", special=("<|end|>",))
    (paths.config_folder() / settings.USER_FILE).write_text(json.dumps({"model": str(chat)}))
    report = doctor.examine()
    assert not report["ok"]
    assert report["model"] is None
    assert "Chat cannot fill in the middle" in report["problems"][0]["sentence"]
    assert main(["doctor", "--json"]) == 1


def test_a_model_that_does_not_fit_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """How much it needs and how much is free are said."""
    monkeypatch.setattr(doctor, "_free_memory", lambda engine: (10**9, 10**6))
    ((level, sentence),) = problems(doctor.examine())
    assert level == "error"
    assert "of memory, and 1.0 MB are free." in sentence


def test_a_bad_setting_is_told_and_the_rest_examined() -> None:
    """One bad value is advice; the model is still examined."""
    (paths.config_folder() / settings.USER_FILE).write_text('{"eagerness": "wild"}')
    report = doctor.examine()
    assert [level for level, _ in problems(report)] == ["advice"]
    assert report["model"] is not None


def test_a_home_that_cannot_be_made_is_an_error(a_healthy_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders below a file cannot exist: each is told, and the examination goes on."""
    (a_healthy_machine / "file").write_text("")
    monkeypatch.setenv("CODEHEARTH_HOME", str(a_healthy_machine / "file"))
    report = doctor.examine()
    assert not report["ok"]
    assert {level for level, _ in problems(report)} == {"advice", "error"}
    assert report["model"] is None
    assert "cache" not in report["folders"]
