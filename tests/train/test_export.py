"""The exported file: what stands in it, and that it answers as the trained model."""

import json
from pathlib import Path

import attrs
import numpy as np
import pytest

from lsp_server.engine import llama
from lsp_server.modelstore import catalogue, facts, store
from models.train.export import check as export_check
from models.train.export import gguf_writing
from models.train.export.check import Expected
from models.train.export.gguf_writing import Array, Provenance, Quantisation, Vocabulary
from models.train.stage import TrainingError
from models.train.tokenizer.special import SPECIALS
from tests.train.models_of_ours import TINY, arrays, letters, likeliest, log_probabilities, tokenizer

PROVENANCE = Provenance(manifest="ab" * 32, tokens=123_456_789_012, steps=4_321, recipe="cpu")


def written(
    folder: Path, weights: dict[str, Array] | None = None, quantisation: Quantisation = "F32"
) -> tuple[Path, Vocabulary]:
    vocabulary = Vocabulary.read(tokenizer(folder / "tokenizer.json"))
    path = folder / "model.gguf"
    gguf_writing.write(path, weights or arrays(), TINY, vocabulary, PROVENANCE, quantisation)
    return path, vocabulary


def expected(path: Path, weights: dict[str, Array]) -> Expected:
    """The answers of the model in numpy; the tokens are llama.cpp's own."""
    model = llama.Model(str(path), gpu_layers=0)
    assert model.vocabulary is not None
    prompt = model.vocabulary.tokens(export_check.PROMPT)
    texts = tuple(tuple(model.vocabulary.tokens([export_check.Segment(text)])) for text in export_check.TEXTS)
    model.close()
    return Expected(tuple(prompt), tuple(likeliest(log_probabilities(weights, TINY, prompt))), texts)


def test_the_file_says_what_it_is_and_where_it_comes_from(tmp_path: Path) -> None:
    """Name, licence, order, prompt format, training and dimensions are in its metadata."""
    path, vocabulary = written(tmp_path, quantisation="Q8_0")
    usable = store.check(path)
    found = usable.facts
    assert (found.name, found.architecture, found.quantisation) == ("codehearth-code-1m", "llama", "Q8_0")
    assert (found.trained_context, found.vocabulary_size, found.parameters) == (512, 288, TINY.parameters)
    assert found.metadata["general.license"] == "apache-2.0"
    assert found.metadata["codehearth.training.manifest_sha256"] == "ab" * 32
    assert found.metadata["codehearth.training.tokens"] == "123456789012"
    assert catalogue.prompt_format(found) == catalogue.PROMPT_FORMAT
    assert found.fim_tokens == dict(zip(("pre", "suf", "mid", "pad", "rep", "sep"), SPECIALS[1:], strict=True))
    assert found.special_tokens == SPECIALS
    assert len(vocabulary.tokens) < found.vocabulary_size


def test_the_file_says_how_long_a_prompt_is_worth_reading(tmp_path: Path) -> None:
    vocabulary = Vocabulary.read(tokenizer(tmp_path / "tokenizer.json"))
    path = tmp_path / "model.gguf"
    gguf_writing.write(path, arrays(), TINY, vocabulary, PROVENANCE, prompt_tokens=768)
    assert catalogue.prompt_tokens(facts.read(path)) == 768


@pytest.mark.parametrize("quantisation", gguf_writing.QUANTISATIONS)
def test_llama_cpp_answers_as_the_arrays_do(tmp_path: Path, quantisation: Quantisation) -> None:
    """Names, rotation, norms and rounding are right: the model in numpy and the file agree on a whole prompt."""
    weights = arrays()
    path, _ = written(tmp_path, weights, quantisation)
    agreement = export_check.verify(path, expected(path, weights), quantisation)
    assert agreement.same > 0.9


@pytest.mark.parametrize("wrong", ["rotation", "norm", "layers"])
def test_a_file_with_other_answers_is_refused(tmp_path: Path, wrong: str) -> None:
    """A mistake in the layout of the weights never becomes a release."""
    weights = arrays()
    planted = dict(weights)
    name = "blocks.0.query.weight"
    if wrong == "rotation":  # the halves of each head instead of its neighbours, as other exports have them
        planted[name] = weights[name].reshape(4, 2, 8, 64).swapaxes(1, 2).reshape(64, 64)
    elif wrong == "norm":
        planted["norm.weight"] = np.ones_like(weights["norm.weight"]) * 0.5
    else:
        planted[name], planted["blocks.1.query.weight"] = weights["blocks.1.query.weight"], weights[name]
    path, _ = written(tmp_path, planted)
    with pytest.raises(TrainingError, match="does not answer as the trained model does"):
        export_check.verify(path, expected(path, weights), "F32")


def test_other_tokens_for_a_text_are_refused(tmp_path: Path) -> None:
    """A pre-tokenizer that cuts differently than the one of training would cost the model its spelling."""
    weights = arrays()
    path, _ = written(tmp_path, weights)
    answers = expected(path, weights)
    other = attrs.evolve(answers, texts=((1, 2, 3), *answers.texts[1:]))
    with pytest.raises(TrainingError, match="other tokens"):
        export_check.verify(path, other, "F32")


def test_recorded_answers_survive_the_file(tmp_path: Path) -> None:
    """What is compared on another machine is what PyTorch said."""
    path, _ = written(tmp_path)
    answers = expected(path, arrays())
    kept = export_check.expected_file(path)
    kept.write_text(json.dumps(answers.as_json()), encoding="utf-8")
    assert export_check.read(kept) == answers
    kept.write_text("{}", encoding="utf-8")
    with pytest.raises(TrainingError, match="cannot be read"):
        export_check.read(kept)


def test_the_same_weights_give_the_same_bytes(tmp_path: Path) -> None:
    """A file can be checked by making it again."""
    first = written(tmp_path)[0].read_bytes()
    assert written(tmp_path)[0].read_bytes() == first


def test_bad_weights_are_named(tmp_path: Path) -> None:
    """Values that are no numbers, missing, misshapen and unknown arrays: each stops with its name, and no file."""
    good = arrays()
    broken = good["blocks.1.up.weight"].copy()
    broken[3, 5] = np.nan
    for changed, sentence in (
        (good | {"blocks.1.up.weight": broken}, "`blocks.1.up.weight` hold values that are not numbers"),
        ({name: array for name, array in good.items() if name != "norm.weight"}, "no weights `norm.weight`"),
        (good | {"norm.weight": np.ones(3, np.float32)}, r"`norm.weight` have the shape \(3,\) instead of \(64,\)"),
        (good | {"extra": np.ones(3, np.float32)}, "`extra` that no part of the model takes"),
    ):
        with pytest.raises(TrainingError, match=sentence):
            written(tmp_path, changed)
    assert not (tmp_path / "model.gguf").exists()


def test_a_tokenizer_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    """Other first tokens, a gap in the ids, no file: each has its sentence."""
    path = tmp_path / "tokenizer.json"
    with pytest.raises(TrainingError, match="There is no tokenizer"):
        Vocabulary.read(path)
    model = {"vocab": {letter: number for number, letter in enumerate(letters())}, "merges": []}
    path.write_text(json.dumps({"model": model}), encoding="utf-8")
    with pytest.raises(TrainingError, match="first tokens"):
        Vocabulary.read(path)
    model["vocab"] = {"a": 1}
    path.write_text(json.dumps({"model": model}), encoding="utf-8")
    with pytest.raises(TrainingError, match="gaps"):
        Vocabulary.read(path)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(TrainingError, match="cannot be read"):
        Vocabulary.read(path)


def test_a_vocabulary_larger_than_the_model_is_refused(tmp_path: Path) -> None:
    """Such a tokenizer belongs to another model."""
    vocabulary = Vocabulary(tuple(f"t{number}" for number in range(300)), ())
    with pytest.raises(TrainingError, match="300 tokens and the model 288"):
        gguf_writing.write(tmp_path / "a.gguf", arrays(), TINY, vocabulary, PROVENANCE)


def test_unused_rows_of_the_vocabulary_stay_silent(tmp_path: Path) -> None:
    """Rows that no token has are marked as unused."""
    path, vocabulary = written(tmp_path)
    assert facts.read(path).vocabulary_size - len(vocabulary.tokens) == 22
