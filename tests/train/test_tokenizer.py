"""The tokenizer: its special tokens, its agreement with llama.cpp, and what is said when it cannot be made."""

from pathlib import Path

import pytest

pytest.importorskip("tokenizers")

from models.train import __main__ as stages
from models.train.export.gguf_writing import Vocabulary
from models.train.stage import TrainingError, Workplace
from models.train.tokenizer import learning
from models.train.tokenizer.coder import FILE, Coder
from models.train.tokenizer.special import SPECIALS
from tests.train import small_corpus
from tests.train.models_of_ours import written

AWKWARD = (
    "<|endoftext|> and <|fim_prefix|> are text here",
    "naïve ſ I'M don'T she'll “x” 日本語 e\u0301 𝒳 ½ ²٣",
    "tabs\t\tand\r\nold\rline ends\n\n\n    deep\n\u00a0\u2028\x85 space   ",
    "",
    "        \n   \n x",
    "12345 0x1F 1_000.5e-10 ===== -------- !!??",
)


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    workplace = small_corpus.shops(tmp_path_factory.mktemp("work"))
    assert stages.main(["tokenizer", "--work", str(workplace.root)]) == 0
    return workplace


@pytest.fixture(scope="module")
def coder(learnt: Workplace) -> Coder:
    return Coder(learnt.root / "tokenizer" / FILE)


def test_the_special_tokens_are_the_first(coder: Coder) -> None:
    assert [coder.special(text) for text in SPECIALS] == list(range(7))


def test_source_text_never_becomes_a_special_token(coder: Coder) -> None:
    text = "".join(SPECIALS)
    assert min(coder.tokens(text)) >= len(SPECIALS)
    assert coder.text(coder.tokens(text)) == text


@pytest.mark.parametrize("text", [*AWKWARD, small_corpus.CART])
def test_text_comes_back_as_it_was(coder: Coder, text: str) -> None:
    assert coder.text(coder.tokens(text)) == text


def test_the_first_token_of_a_middle_may_begin_before_it(coder: Coder) -> None:
    """A middle that begins inside a word, or inside a character's bytes, is reached by the token over its start."""
    text = "        self.orders = naïve(日本)"
    tokens = coder.tokens(text)
    for place in range(len(text)):
        length = len(text[:place].encode())
        first = coder.reaching(tokens, length)
        before, through = coder.text(tokens[:first]).encode(), coder.text(tokens[: first + 1]).encode()
        if "\ufffd" not in coder.text(tokens[:first]) + coder.text(tokens[: first + 1]):
            assert len(before) <= length < len(through)
    assert coder.reaching(tokens, len(text.encode())) == len(tokens)


def test_llama_cpp_reads_text_the_same_way(learnt: Workplace, coder: Coder, tmp_path: Path) -> None:
    """The engine's tokens of any text are those that a model has learnt from."""
    pytest.importorskip("llama_cpp")
    import attrs

    from lsp_server.engine import llama
    from lsp_server.engine.protocol import Segment
    from models.train.export import gguf_writing
    from tests.train.models_of_ours import TINY, arrays

    vocabulary = gguf_writing.Vocabulary.read(learnt.root / "tokenizer" / FILE)
    size = attrs.evolve(TINY, vocabulary=-(-coder.size // 32) * 32)
    path = tmp_path / "tiny.gguf"
    gguf_writing.write(path, arrays(size), size, vocabulary, gguf_writing.Provenance("", 0, 0, "test"))
    model = llama.Model(str(path), gpu_layers=0, vocabulary_only=True)
    try:
        engine = llama.Vocabulary(model.pointer)
        own = Path(learning.__file__).read_text(encoding="utf-8")
        for text in (*AWKWARD, small_corpus.CART, small_corpus.STORE, own):
            assert engine.tokens([Segment(text)]) == coder.tokens(text)
        for text in SPECIALS:
            assert engine.tokens([Segment(text, special=True)]) == [coder.special(text)]
    finally:
        model.close()


def test_the_receipt_says_what_was_measured(learnt: Workplace) -> None:
    receipt = learnt.need("tokenizer")
    assert 1 < receipt["characters_per_token"] < 20
    assert receipt["characters"] > 1000


def test_equal_corpora_give_equal_tokenizers(learnt: Workplace, tmp_path: Path) -> None:
    other = small_corpus.shops(tmp_path)
    assert stages.main(["tokenizer", "--work", str(tmp_path)]) == 0
    assert other.need("tokenizer")["digest"] == learnt.need("tokenizer")["digest"]


def test_a_corpus_that_is_missing_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert stages.main(["tokenizer", "--work", str(tmp_path)]) == 1
    assert "models.train corpus" in capsys.readouterr().err


def test_a_damaged_package_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workplace = small_corpus.shops(tmp_path)
    (workplace.root / "corpus" / "packages" / "pypi-shop.jsonl.gz").write_bytes(b"no gzip")
    assert stages.main(["tokenizer", "--work", str(tmp_path)]) == 1
    assert "pypi-shop.jsonl.gz" in capsys.readouterr().err
    assert workplace.receipt("tokenizer") is None


def test_a_file_that_is_no_tokenizer_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(TrainingError):
        Coder(path)


def test_the_one_of_an_exported_model_is_taken(learnt: Workplace, tmp_path: Path) -> None:
    """To go on with a model whose tokenizer is left in its file alone."""
    vocabulary = Vocabulary.read(learnt.root / "tokenizer" / FILE)
    model = written(tmp_path / "model.gguf", vocabulary)
    other = small_corpus.shops(tmp_path / "work")
    assert stages.main(["tokenizer", "--work", str(other.root), "--of", str(model)]) == 0
    assert Vocabulary.read(other.root / "tokenizer" / FILE) == vocabulary
    coder, rebuilt = Coder(learnt.root / "tokenizer" / FILE), Coder(other.root / "tokenizer" / FILE)
    for text in (*AWKWARD, small_corpus.CART):
        assert rebuilt.tokens(text) == coder.tokens(text)


def test_a_file_that_is_no_model_of_ours_has_no_tokenizer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = small_corpus.shops(tmp_path / "work")
    (tmp_path / "model.gguf").write_bytes(b"GGUF and nothing more")
    assert stages.main(["tokenizer", "--work", str(other.root), "--of", str(tmp_path / "model.gguf")]) == 1
    assert "model.gguf is no model that `export` wrote" in capsys.readouterr().err
