"""Which model is meant, choosing one and taking one in."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from lsp_server import paths, settings
from lsp_server.errors import ModelUnavailable, ServerError
from lsp_server.modelstore import find, store
from lsp_server.modelstore.catalogue import ORDER_KEY
from lsp_server.modelstore.find import Places
from tests.unit.modelstore.ggufs import write


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CODEHEARTH_HOME", str(tmp_path / "codehearth"))
    return tmp_path


@pytest.fixture
def places(home: Path) -> Places:
    """LM Studio has three coders."""
    for name in ("qwen2.5-coder-1.5b-Q8_0", "qwen2.5-coder-7b-Q4_K_M", "starcoder2-3b"):
        write(home / "lm" / f"{name}.gguf", strings={ORDER_KEY: "psm"})
    return Places(own=find.own_folder(), lm_studio=(home / "lm",))


def user_file() -> Path:
    return paths.config_folder() / settings.USER_FILE


def test_the_embedded_model_is_there_and_complete() -> None:
    """The package carries one model that can fill in the middle."""
    path = store.embedded()
    assert path.suffix == ".gguf"
    assert store.check(path).facts.parameters > 1_000_000


def test_an_installation_without_its_model_says_so(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No model, and two models, are each a sentence."""
    monkeypatch.setattr(store, "_PACKAGE", home / "site" / "lsp_server")
    with pytest.raises(ModelUnavailable, match="embedded model is missing"):
        store.embedded()
    for name in ("a", "b"):
        write(home / "site" / "lsp_server" / "embedded" / f"{name}.gguf")
    with pytest.raises(ModelUnavailable, match="There are 2 embedded models"):
        store.embedded()


def test_a_wheel_finds_its_model_inside_the_package(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inside the package comes before beside it."""
    monkeypatch.setattr(store, "_PACKAGE", home / "site" / "lsp_server")
    write(home / "site" / "models" / "embedded" / "checkout.gguf")
    assert store.embedded().name == "checkout.gguf"
    write(home / "site" / "lsp_server" / "embedded" / "wheel.gguf")
    assert store.embedded().name == "wheel.gguf"


@pytest.mark.parametrize("value", [None, "embedded"])
def test_nothing_chosen_means_the_embedded_model(value: str | None) -> None:
    """The setting's default needs no download."""
    assert store.locate(value) == store.embedded()


@pytest.mark.parametrize("name", ["starcoder2-3b", "StarCoder2-3B", "starcoder2", "qwen2.5-coder-1"])
def test_a_name_or_its_unmistakable_beginning_is_enough(places: Places, name: str) -> None:
    """Upper and lower case do not matter."""
    assert store.locate(name, places).name.lower().startswith(name.lower())


def test_an_ambiguous_name_lists_what_it_may_mean(places: Places) -> None:
    """Two sizes of one family are not guessed between."""
    with pytest.raises(ModelUnavailable, match=r"several models: qwen2\.5-coder-1\.5b-Q8_0, qwen2\.5-coder-7b-Q4_K_M"):
        store.locate("qwen2.5-coder", places)


def test_an_unknown_name_lists_near_matches(places: Places) -> None:
    """A typing error is answered with what was probably meant."""
    with pytest.raises(ModelUnavailable, match="No model on this machine is called `starcoder3-3b`") as raised:
        store.locate("starcoder3-3b", places)
    assert raised.value.next_step == "Near matches: starcoder2-3b."


def test_an_absolute_path_is_taken_as_it_is(home: Path, places: Places) -> None:
    """A path needs no list; a missing one is told."""
    assert store.locate(str(home / "lm" / "starcoder2-3b.gguf"), places) == home / "lm" / "starcoder2-3b.gguf"
    with pytest.raises(ModelUnavailable, match="There is no model file"):
        store.locate(str(home / "lm" / "gone.gguf"), places)


@pytest.mark.parametrize("value", ["models/mine.gguf", "./mine.gguf", "mine.gguf", "mine"])
def test_a_workspace_cannot_bring_its_own_model(
    home: Path, places: Places, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """The server's current folder is the workspace: nothing in it answers to a name or a relative path."""
    for name in ("mine", "mine.gguf", "models/mine.gguf"):
        write(home / "workspace" / name)
    monkeypatch.chdir(home / "workspace")
    with pytest.raises(ModelUnavailable, match="No model on this machine"):
        store.locate(value, places)


def test_using_a_model_keeps_the_other_settings(places: Places) -> None:
    """Only `model` changes in the user's file, to the whole name, and every server reads it there."""
    user_file().write_text('{"eagerness": "calm", "completion": {"mode": "line"}}')
    path = store.use("starcoder2", places)
    assert path.name == "starcoder2-3b.gguf"
    assert json.loads(user_file().read_text()) == {
        "eagerness": "calm",
        "completion": {"mode": "line"},
        "model": "starcoder2-3b",
    }
    read, problems = settings.read_user_file(paths.config_folder())
    assert (read.model, problems) == ("starcoder2-3b", [])


def test_using_a_file_writes_its_absolute_path(home: Path, places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path that a person types counts from where they are, and must mean the same everywhere."""
    monkeypatch.chdir(home)
    store.use("lm/starcoder2-3b.gguf", places)
    assert json.loads(user_file().read_text())["model"] == str(home / "lm" / "starcoder2-3b.gguf")


def test_using_the_embedded_model_removes_the_choice(places: Places) -> None:
    """Back to the default, whatever was chosen before."""
    store.use("starcoder2", places)
    assert store.use(None) == store.embedded()
    assert "model" not in json.loads(user_file().read_text())


def test_a_model_that_cannot_complete_is_not_chosen(home: Path, places: Places) -> None:
    """The file stays as it was when the model is refused."""
    chat = write(home / "lm" / "chat.gguf", name="Chat", special=("<|end|>",))
    user_file().write_text('{"model": "starcoder2"}')
    with pytest.raises(ModelUnavailable, match="Chat cannot fill in the middle"):
        store.use(str(chat), places)
    assert json.loads(user_file().read_text()) == {"model": "starcoder2"}


@pytest.mark.parametrize("content", ["{", "[1]"])
def test_a_damaged_settings_file_is_left_alone(places: Places, content: str) -> None:
    """What the user wrote is not overwritten because it has a comma too many."""
    user_file().write_text(content)
    with pytest.raises(ServerError, match="left as it is"):
        store.use("starcoder2", places)
    assert user_file().read_text() == content


def test_an_imported_model_has_its_digest_and_survives_the_original(home: Path) -> None:
    """It is found by name, verified by SHA-256 and independent of the file it came from."""
    original = write(home / "downloads" / "coder.gguf", strings={ORDER_KEY: "psm"})
    content = original.read_bytes()
    steps: list[tuple[int, int]] = []
    model = store.import_model(original, lambda done, total: steps.append((done, total)))
    original.unlink()
    assert model.path.read_bytes() == content
    digest = model.path.with_name("coder.gguf.sha256").read_text()
    assert digest == f"{hashlib.sha256(content).hexdigest()}  coder.gguf\n"
    assert store.locate("coder", Places(own=find.own_folder())) == model.path
    assert steps[-1][0] == steps[-1][1]
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)


def test_another_disk_is_copied_to(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no link is possible the bytes are copied, read back and left complete."""

    def no_link(source: Path, target: Path) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", no_link)
    original = write(home / "coder.gguf", strings={ORDER_KEY: "psm"})
    model = store.import_model(original)
    assert model.path.read_bytes() == original.read_bytes()
    assert not model.path.samefile(original)
    assert sorted(path.name for path in find.own_folder().iterdir()) == ["coder.gguf", "coder.gguf.sha256"]


def test_importing_twice_changes_nothing(home: Path) -> None:
    """The same bytes under the same name are already there."""
    original = write(home / "coder.gguf", strings={ORDER_KEY: "psm"})
    assert store.import_model(original) == store.import_model(original)


def test_a_different_model_of_the_same_name_is_not_overwritten(home: Path) -> None:
    """An import never destroys another one."""
    store.import_model(write(home / "a" / "coder.gguf", strings={ORDER_KEY: "psm"}))
    with pytest.raises(ServerError, match=r"A different model called coder\.gguf"):
        store.import_model(write(home / "b" / "coder.gguf", strings={ORDER_KEY: "psm"}, words=101))


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ({"special": ("<|end|>",)}, "cannot fill in the middle"),
        ({"strings": {"general.type": "adapter", ORDER_KEY: "psm"}}, "of type `adapter`"),
        ({"strings": {ORDER_KEY: "psm"}, "weights": False}, "no weights"),
    ],
)
def test_what_cannot_complete_is_not_imported(home: Path, model: dict[str, object], sentence: str) -> None:
    """Nothing is copied for a model that would be refused later."""
    with pytest.raises(ModelUnavailable, match=sentence):
        store.import_model(write(home / "coder.gguf", **model))  # type: ignore[arg-type]
    assert not find.own_folder().exists()


def test_an_ollama_blob_is_imported_under_the_name_of_its_model(home: Path) -> None:
    """Blobs are called by their digest; people know the model's name."""
    blob = write(home / "blobs" / "sha256-ab12", name="Qwen2.5 Coder 7B", architecture="qwen2")
    assert store.import_model(blob).path.name == "Qwen2.5-Coder-7B.gguf"


def test_all_parts_of_a_model_are_imported(home: Path) -> None:
    """A model in parts arrives whole, whichever part was named."""
    write(home / "big-00001-of-00002.gguf", strings={ORDER_KEY: "psm"})
    second = write(home / "big-00002-of-00002.gguf", special=(), words=0)
    model = store.import_model(second)
    assert (model.name, model.path.name) == ("big", "big-00001-of-00002.gguf")
    assert store.check(model.path).facts.name == "Test"
