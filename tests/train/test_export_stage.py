"""The stage `export` as a whole: from a checkpoint to the package, here and by way of another machine."""

import json
from pathlib import Path

import pytest

from models.train.__main__ import main
from models.train.export import check as export_check
from models.train.export.quantising import quantise
from models.train.stage import TrainingError, Workplace, sha256
from models.train.stages import export
from tests.train.models_of_ours import TINY, arrays, tokenizer


def stage(work: Path, *arguments: str | Path) -> int:
    return main(["export", "--work", str(work), *map(str, arguments)])


def receipt(work: Path) -> dict[str, object]:
    return Workplace(work).need("export")


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A finished training of a tiny model, with the averaged weights apart from the last ones."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("tokenizers")
    import attrs

    folder = tmp_path / "work"
    tokenizer(folder / "tokenizer" / "tokenizer.json")
    (folder / "train").mkdir()
    checkpoint = {
        "config": attrs.asdict(TINY),
        "model": {name: torch.from_numpy(array) for name, array in arrays(seed=1).items()},
        "average": {name: torch.from_numpy(array) for name, array in arrays(seed=2).items()},
        "step": 12,
        "tokens": 34_567,
        "recipe": {"minutes": 75.0, "buckets": (256, 512)},
    }
    torch.save(checkpoint, folder / "train" / "checkpoint.pt")
    return folder


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "manifest.jsonl"
    path.write_text('{"name": "a"}\n', encoding="utf-8")
    return path


def test_a_checkpoint_becomes_the_one_embedded_model(work: Path, manifest: Path, tmp_path: Path) -> None:
    """Exported, compared with PyTorch, and put in the place of the model that was there."""
    embedded = tmp_path / "embedded"
    embedded.mkdir()
    (embedded / "old-8m.gguf").write_bytes(b"GGUF")
    assert stage(work, "--manifest", manifest, "--install", "--embedded", embedded) == 0
    facts = receipt(work)
    assert (facts["file"], facts["tokens"], facts["weights"]) == ("codehearth-code-1m.gguf", 34_567, "average")
    assert isinstance(facts["nats_off"], float)
    assert facts["nats_off"] < 0.1
    assert [path.name for path in embedded.iterdir()] == ["codehearth-code-1m.gguf"]


def test_the_last_weights_can_be_asked_for(work: Path, manifest: Path) -> None:
    """The average is the better model as a rule, and not always."""
    stage(work, "--manifest", manifest)
    average = receipt(work)["sha256"]
    assert stage(work, "--manifest", manifest, "--last") == 0
    assert receipt(work)["weights"] == "last"
    assert receipt(work)["sha256"] != average


def test_by_way_of_another_machine(work: Path, manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exported without llama.cpp it is not installed; joined where llama.cpp is, it is compared and installed."""
    embedded, parts, home = tmp_path / "embedded", tmp_path / "parts", tmp_path / "home"
    embedded.mkdir()
    with monkeypatch.context() as there:
        there.setattr(export_check, "can_verify", lambda: False)
        assert stage(work, "--manifest", manifest, "--parts", parts) == 0
        assert receipt(work)["nats_off"] is None
        assert stage(work, "--manifest", manifest, "--install", "--embedded", embedded) == 1
    assert stage(home, "--join", parts) == 0
    assert receipt(home)["nats_off"] is not None
    assert receipt(home)["sha256"] == receipt(work)["sha256"]
    assert stage(home, "--install", "--embedded", embedded) == 0
    assert [path.name for path in embedded.iterdir()] == ["codehearth-code-1m.gguf"]


def test_a_file_that_answers_differently_is_put_aside(
    work: Path, manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Answers of other weights: the joined file is not taken for a model, and the stage is not finished."""
    parts = tmp_path / "parts"
    assert stage(work, "--manifest", manifest, "--parts", parts) == 0
    index = next(parts.glob("*.parts.json"))
    noted = json.loads(index.read_text())
    for answers in noted["notes"]["expected"]["answers"]:
        answers[:] = [[token, probability - 3] for token, probability in answers]
    index.write_text(json.dumps(noted), encoding="utf-8")
    home = tmp_path / "home"
    assert stage(home, "--join", parts) == 1
    assert "does not answer as the trained model does" in " ".join(capsys.readouterr().err.split())
    assert list((home / "export").glob("*.gguf")) == []
    assert Workplace(home).receipt("export") is None


def test_llama_quantize_writes_the_other_types(work: Path, manifest: Path, tmp_path: Path) -> None:
    """The tool is given the exact file and its output is checked; its failure is told in its own words."""
    tool = tmp_path / "llama-quantize"
    tool.write_text('#!/bin/sh\n[ "$3" = Q6_K ] || { echo "unknown type $3"; exit 1; }\ncp "$1" "$2"\n')
    tool.chmod(0o755)
    assert stage(work, "--manifest", manifest, "--llama-quantize", tool, "--quantisation", "Q6_K") == 0
    assert receipt(work)["file"] == "codehearth-code-1m-Q6_K.gguf"
    with pytest.raises(TrainingError, match="did not write Q9: unknown type Q9"):
        quantise(tool, tmp_path / "a", tmp_path / "b", "Q9")
    assert not list((work / "export").glob("*.exact"))


def test_what_is_missing_is_named(work: Path, manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No manifest, no tool, a damaged checkpoint, none at all: a sentence and a next step each."""
    for arguments, sentence in (
        (("--manifest", work / "none"), "a model must say what it was trained on"),
        (("--quantisation", "Q6_K"), "Q6_K is written by llama.cpp's own tool"),
        (("--checkpoint", manifest), "cannot be read"),
        (("--checkpoint", work / "none.pt"), "There is no checkpoint"),
    ):
        assert stage(work, *arguments) == 1
        assert sentence in " ".join(capsys.readouterr().err.split())


def test_another_manifest_than_the_corpus_is_of_is_refused(
    work: Path, manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The list of packages grows on; a model names the one it was trained on."""
    Workplace(work).finish("corpus", manifests={"manifest.jsonl": sha256(manifest)})
    assert stage(work, "--manifest", manifest) == 0
    manifest.write_text('{"name": "b"}\n', encoding="utf-8")
    assert stage(work, "--manifest", manifest) == 1
    assert "not those the corpus was made of" in " ".join(capsys.readouterr().err.split())


def test_a_model_larger_than_the_package_takes_is_refused(tmp_path: Path) -> None:
    """40 MB travel with the package and no more; the model that was there stays."""
    model, embedded = tmp_path / "large.gguf", tmp_path / "embedded"
    embedded.mkdir()
    (embedded / "old.gguf").write_bytes(b"GGUF")
    with model.open("wb") as file:
        file.truncate(export.EMBEDDED_BYTES + 1)
    with pytest.raises(TrainingError, match="room for 40 MB"):
        export.install(model, embedded)
    assert [path.name for path in embedded.iterdir()] == ["old.gguf"]


def test_installing_the_same_name_again_replaces_it(tmp_path: Path) -> None:
    """A better model of the same size is an ordinary case; several models in the place are not."""
    model, embedded = tmp_path / "m.gguf", tmp_path / "embedded"
    embedded.mkdir()
    for content in (b"GGUF one", b"GGUF two"):
        model.write_bytes(content)
        assert export.install(model, embedded).read_bytes() == content
    (embedded / "other.gguf").write_bytes(b"GGUF")
    with pytest.raises(TrainingError, match="There are 2 models"):
        export.install(model, embedded)
