"""Finding the models of other programs. Every place lies below the test's folder."""

import json
import os
from pathlib import Path

import pytest

from lsp_server.modelstore.find import Places, find


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CODEHEARTH_HOME", str(tmp_path / "codehearth"))
    return tmp_path / "home"


def file(path: Path, content: str = "GGUF") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def ollama(folder: Path, name: str, digest: str = "ab12", *, blob: bool = True) -> Path:
    layers = [
        {"mediaType": "application/vnd.ollama.image.template", "digest": "sha256:ffff"},
        {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{digest}"},
    ]
    file(folder / "manifests" / name, json.dumps({"layers": layers}))
    path = folder / "blobs" / f"sha256-{digest}"
    return file(path) if blob else path


def names(places: Places) -> dict[str, str]:
    return {model.name: model.source for model in find(places)}


@pytest.mark.parametrize(
    ("manifest", "name"),
    [
        ("registry.ollama.ai/library/qwen2.5-coder/1.5b", "qwen2.5-coder:1.5b"),
        ("registry.ollama.ai/somebody/mellum/latest", "somebody/mellum:latest"),
        ("hf.co/owner/repo-GGUF/Q4_K_M", "hf.co/owner/repo-GGUF:Q4_K_M"),
    ],
)
def test_ollama_models_have_the_names_that_ollama_shows(home: Path, manifest: str, name: str) -> None:
    """The manifest's path is the name, its model layer the blob."""
    blob = ollama(home / ".ollama" / "models", manifest)
    (model,) = find(Places(own=home / "none", ollama=(home / ".ollama" / "models",)))
    assert (model.name, model.path, model.source) == (name, blob, "ollama")


def test_ollama_manifests_that_lead_nowhere_are_passed_over(home: Path) -> None:
    """A blob not yet pulled, a damaged manifest and one without a model hide nothing else."""
    folder = home / "ollama"
    library = "registry.ollama.ai/library"
    ollama(folder, f"{library}/pulling/latest", "0000", blob=False)
    for broken in ("{", "[]", '{"layers": [{}]}', '{"layers": [1]}', '{"layers": []}'):
        file(folder / "manifests" / library / f"broken{len(broken)}" / "latest", broken)
    ollama(folder, f"{library}/good/latest", "ab12")
    assert names(Places(own=home, ollama=(folder,))) == {"good:latest": "ollama"}


def test_hugging_face_snapshots_are_listed_once_and_the_newest_wins(home: Path) -> None:
    """Snapshots hold links to blobs; the same file of an older revision is not a second model."""
    repository = home / "hub" / "models--owner--repo"
    for age, revision in enumerate(("new", "old")):
        blob = file(repository / "blobs" / revision)
        link = repository / "snapshots" / revision / "coder-Q8_0.gguf"
        link.parent.mkdir(parents=True)
        link.symlink_to(blob)
        os.utime(link.parent, (1_000_000 - age, 1_000_000 - age))
    file(home / "hub" / "datasets--owner--x" / "snapshots" / "1" / "not-a-model.gguf")
    (model,) = find(Places(own=home / "none", hugging_face=(home / "hub",)))
    assert (model.name, model.source) == ("coder-Q8_0", "hugging-face")
    assert model.path.parent.name == "new"


def test_lm_studio_and_llama_cpp_files_go_by_their_names(home: Path) -> None:
    """Both keep plain files, however deep; image projectors are no models."""
    file(home / "lm" / "owner" / "repo" / "qwen-Q4_K_M.gguf")
    file(home / "lm" / "owner" / "repo" / "mmproj-model-f16.gguf")
    file(home / "lm" / "owner" / "repo" / "README.md")
    file(home / "cache" / "ggml-org_star.gguf")
    places = Places(own=home / "none", lm_studio=(home / "lm",), llama_cpp=(home / "cache",))
    assert names(places) == {"qwen-Q4_K_M": "lm-studio", "ggml-org_star": "llama.cpp"}


def test_a_model_in_parts_is_listed_once_without_its_number(home: Path) -> None:
    """Only the first part is a model; the name is that of the whole."""
    for part in (1, 2, 3):
        file(home / "lm" / f"big-0000{part}-of-00003.gguf")
    (model,) = find(Places(own=home / "none", lm_studio=(home / "lm",)))
    assert model.name == "big"
    assert model.path.name == "big-00001-of-00003.gguf"


def test_a_file_that_two_programs_share_is_one_model(home: Path) -> None:
    """A link into another program's folder is not a second model, and ours comes first."""
    shared = file(home / "lm" / "coder.gguf")
    own = home / "own" / "coder.gguf"
    own.parent.mkdir(parents=True)
    own.symlink_to(shared)
    assert names(Places(own=home / "own", lm_studio=(home / "lm",))) == {"coder": "codehearth"}


def test_a_link_that_leads_in_circles_ends(home: Path) -> None:
    """Folders are not followed through links."""
    file(home / "lm" / "a" / "coder.gguf")
    (home / "lm" / "a" / "circle").symlink_to(home / "lm")
    assert names(Places(own=home / "none", lm_studio=(home / "lm",))) == {"coder": "lm-studio"}


def test_places_are_those_the_programs_use(home: Path) -> None:
    """Without variables the defaults of each program and platform."""
    linux = Places.of_this_machine({}, home, "linux")
    assert linux.ollama[0] == home / ".ollama" / "models"
    assert linux.hugging_face == (home / ".cache" / "huggingface" / "hub",)
    assert linux.llama_cpp == (home / ".cache" / "llama.cpp",)
    assert home / ".lmstudio" / "models" in linux.lm_studio
    assert Places.of_this_machine({}, home, "darwin").llama_cpp == (home / "Library" / "Caches" / "llama.cpp",)
    windows = Places.of_this_machine({"LOCALAPPDATA": str(home / "local")}, home, "win32")
    assert windows.llama_cpp == (home / "local" / "llama.cpp",)


def test_environment_variables_move_the_places(home: Path) -> None:
    """People with a second disk set these; the more specific variable wins."""
    environment = {
        "OLLAMA_MODELS": "/disk/o",
        "LLAMA_CACHE": "/disk/l",
        "HF_HOME": "/disk/h",
        "XDG_CACHE_HOME": "/disk/x",
    }
    places = Places.of_this_machine(environment, home, "linux")
    assert places.ollama == (Path("/disk/o"),)
    assert places.llama_cpp == (Path("/disk/l"),)
    assert places.hugging_face == (Path("/disk/h/hub"),)
    assert Places.of_this_machine({"HF_HUB_CACHE": "/disk/hub", **environment}, home).hugging_face == (
        Path("/disk/hub"),
    )
    assert Places.of_this_machine({"XDG_CACHE_HOME": "/disk/x"}, home, "linux").hugging_face == (
        Path("/disk/x/huggingface/hub"),
    )
