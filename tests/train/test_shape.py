"""Random-weight models of the named families: their size, their tokens, and that product and llama.cpp take them."""

from pathlib import Path

import attrs
import pytest

from lsp_server.engine import llama
from lsp_server.engine.protocol import Segment
from lsp_server.evaluate import shapes
from lsp_server.evaluate.shapes import Quantisation, Vocabulary
from lsp_server.modelstore import facts
from models.train.__main__ import main
from models.train.shapes.families import FAMILIES, Family
from models.train.shapes.vocabulary import of_file, synthetic
from models.train.stage import TrainingError
from models.train.stages import shape

MILLIONS = {
    "qwen2.5-coder-0.5b": 494,
    "qwen2.5-coder-1.5b": 1_544,
    "qwen2.5-coder-3b": 3_086,
    "qwen2.5-coder-7b": 7_616,
    "starcoder2-3b": 3_030,
    "starcoder2-7b": 7_174,
    "deepseek-coder-1.3b": 1_346,
    "deepseek-coder-6.7b": 6_741,
    "codellama-7b": 6_739,
}
"""Parameters as their makers publish them."""

EACH_KIND = ("qwen2.5-coder-0.5b", "starcoder2-3b", "deepseek-coder-1.3b", "codellama-7b")


def small(name: str, ordinary: int = 1_500) -> Family:
    """The family with everything tiny: its special tokens follow fewer ordinary ones."""
    family = FAMILIES[name]
    cut = family.ordinary - ordinary

    def moved(value: int | bool) -> int | bool:
        return value - cut if value >= family.ordinary else value

    shape = attrs.evolve(
        family.shape,
        layers=2,
        width=64,
        heads=4,
        kv_heads=2,
        feed_forward=96,
        vocabulary=family.shape.vocabulary - cut,
    )
    return attrs.evolve(
        family,
        shape=shape,
        ordinary=ordinary,
        special={int(moved(token)): named for token, named in family.special.items()},
        keys={key: moved(value) for key, value in family.keys.items()},
    )


@pytest.mark.parametrize("name", ["qwen2.5-coder-7b", "starcoder2-7b", "deepseek-coder-6.7b", "codellama-7b"])
def test_a_made_up_vocabulary_has_the_true_ids(name: str) -> None:
    """Every token is another text, and the special ones stand where the family has them."""
    family = FAMILIES[name]
    made = synthetic(family)
    assert len(made.tokens) == len(set(made.tokens)) == len(made.types)
    assert len(made.tokens) == max(family.ordinary, max(family.special) + 1) <= family.shape.vocabulary
    assert {token: (made.tokens[token], made.types[token]) for token in family.special} == family.special


def test_every_family_has_its_published_size() -> None:
    """Biases, tied embeddings and both norms counted, the parameters are the published ones."""
    assert {name: round(shapes.parameters(family.shape) / 1e6) for name, family in FAMILIES.items()} == MILLIONS


@pytest.mark.parametrize("name", EACH_KIND)
def test_product_and_llama_cpp_take_it_for_its_family(tmp_path: Path, name: str) -> None:
    """Recognised with the right tokens in the right order, loaded, and evaluated to finite answers."""
    family, path = small(name), tmp_path / "model.gguf"
    shape.write(path, family, "Q8_0")
    found = facts.read(path)
    assert (found.architecture, found.vocabulary_size) == (family.shape.architecture, family.shape.vocabulary)
    assert found.metadata[shapes.RANDOM_KEY] == "true"
    assert found.trained_context == family.shape.context
    model = llama.Model(str(path), gpu_layers=0)
    assert model.vocabulary is not None
    assert model.parameters == found.parameters
    assert set(model.vocabulary.fim_tokens().values()) <= {text for text, _ in family.special.values()}
    assert {"pre", "suf", "mid"} <= set(model.vocabulary.fim_tokens())
    tokens = model.vocabulary.tokens([Segment("def add(first, second):\n    return first\n")])
    assert b"".join(map(model.vocabulary.bytes_of, tokens)).strip() == b"def add(first, second):\n    return first"
    context = llama.Context(model, tokens=64, sequences=1, threads=1)
    assert context.evaluate(0, tokens, 0)
    assert -20 < context.greedy()[1] < 0
    context.close()
    model.close()


@pytest.mark.parametrize("quantisation", shape.QUANTISATIONS)
def test_every_quantisation_is_as_long_as_said_and_runs(tmp_path: Path, quantisation: Quantisation) -> None:
    """Blocks, scales and 16-bit floats are laid out as llama.cpp reads them."""
    family = small("deepseek-coder-1.3b")
    path = tmp_path / "model.gguf"
    shape.write(path, family, quantisation)
    assert 0 < path.stat().st_size - shapes.size(family.shape, quantisation) < 200_000
    assert facts.read(path).quantisation == quantisation
    model = llama.Model(str(path), gpu_layers=0)
    context = llama.Context(model, tokens=64, sequences=1, threads=1)
    context.evaluate(0, [100, 200, 300], 0)
    assert -20 < context.greedy()[1] < 0
    context.close()
    model.close()


@pytest.mark.parametrize("quantisation", shape.QUANTISATIONS)
def test_weights_come_a_few_megabytes_at_a_time(quantisation: Quantisation) -> None:
    """A model of 7 billion parameters is written by a machine with little memory."""
    chunks = [len(chunk) for chunk in shapes._weights("a.weight", 5_000, 4_096, 5_000, (0, 0), quantisation)]
    assert max(chunks) <= 9_000_000
    assert sum(chunks) == 5_000 * shapes._line_bytes(4_096, quantisation)


def test_weights_have_the_spread_of_trained_ones() -> None:
    """Centred, and with a variance of one over the width: activations stay finite through all layers."""
    import gguf
    import numpy as np

    for quantisation in shape.QUANTISATIONS:
        raw = b"".join(shapes._weights("a.weight", 64, 256, 64, (0, 0), quantisation))
        lines = np.frombuffer(raw, np.uint8).reshape(64, -1)
        kind = gguf.GGMLQuantizationType[quantisation]
        values = gguf.quants.dequantize(lines.view(np.float16) if quantisation == "F16" else lines, kind)
        assert abs(values.mean()) * 16 < 0.05
        assert 0.7 < values.std() * 16 < 1.4


def test_a_vocabulary_file_is_given_the_tokens_it_lacks(tmp_path: Path) -> None:
    """Qwen2's file has the places and not the names; those of the family are put in, and unused ones marked."""
    plain = Vocabulary(
        tokens=("a", "b", "<end>", "[PAD3]", "[PAD4]"),
        types=(1, 1, 3, 4, 4),
        merges=("a b",),
        scalars={"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "qwen2"},
    )
    source = tmp_path / "vocabulary.gguf"
    family = attrs.evolve(FAMILIES["qwen2.5-coder-0.5b"], ordinary=2, special={4: ("<|fim_prefix|>", 3)})
    shapes.write(source, shapes.Shape("v", 1, 32, 1, 1, 32, 5, 64), source=plain)
    found = of_file(source, family)
    assert found.tokens == ("a", "b", "<end>", "[PAD3]", "<|fim_prefix|>")
    assert found.types == (1, 1, 3, 5, 3)
    assert found.merges == ("a b",)
    assert found.scalars["tokenizer.ggml.eos_token_id"] == 151_643


def test_another_familys_vocabulary_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The sentence says where the right one is; a missing file is named as well."""
    source = tmp_path / "vocabulary.gguf"
    shape.write(source, small("starcoder2-3b"), "Q8_0")
    out = tmp_path / "out.gguf"
    for family, vocabulary, sentence in (
        ("codellama-7b", source, "does not have the vocabulary of CodeLlama-7B"),
        ("codellama-7b", tmp_path / "none.gguf", "There is no model file"),
    ):
        assert main(["shape", family, "--out", str(out), "--vocabulary", str(vocabulary)]) == 1
        assert sentence in " ".join(capsys.readouterr().err.split())
    assert not out.exists()


def test_the_stage_tells_what_it_wrote(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the file is, how large, and that it says nothing sensible."""
    monkeypatch.setitem(shape.FAMILIES, "codellama-7b", small("codellama-7b"))  # type: ignore[misc]
    assert main(["shape", "codellama-7b", "--work", str(tmp_path), "--quantisation", "Q4_0"]) == 0
    assert (tmp_path / "shape" / "codellama-7b-Q4_0.gguf").is_file()
    assert "noise" in capsys.readouterr().err


def test_a_full_disk_stops_before_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven gigabytes are not begun where three are free."""
    monkeypatch.setattr("shutil.disk_usage", lambda folder: type("Usage", (), {"free": 3_000_000_000}))
    with pytest.raises(TrainingError, match=r"3\.0 GB free and this stage needs about 7\.2 GB"):
        shape.write(tmp_path / "a.gguf", FAMILIES["codellama-7b"], "Q8_0")
    assert list(tmp_path.iterdir()) == []
