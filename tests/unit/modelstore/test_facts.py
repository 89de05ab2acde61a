"""Reading a GGUF's header."""

import subprocess
import sys
from pathlib import Path

import attrs
import pytest

from lsp_server.errors import ModelUnavailable
from lsp_server.modelstore import facts
from tests.unit.modelstore.ggufs import QWEN, write


def test_facts_of_a_small_model(tmp_path: Path) -> None:
    """Sizes, lengths and names come from the header, and the parameters are those of all tensors."""
    path = write(tmp_path / "model-Q8_0.gguf", name="Tiny Coder", words=92)
    found = facts.read(path)
    assert (found.name, found.architecture, found.path) == ("Tiny Coder", "llama", str(path))
    assert (found.trained_context, found.vocabulary_size, found.quantisation) == (2048, 100, "Q8_0")
    assert found.parameters == 100 * 64 + 64
    assert found.file_bytes == path.stat().st_size
    assert found.blocks == 2


def test_the_cache_counts_keys_and_values_of_all_layers(tmp_path: Path) -> None:
    """Two layers of two KV heads of 16 numbers, keys and values: 128 numbers per token."""
    assert facts.read(write(tmp_path / "a.gguf")).cached_values_per_token == 2 * 2 * (16 + 16)


def test_heads_may_differ_between_layers(tmp_path: Path) -> None:
    """Some architectures give the KV heads per layer; their sum counts."""
    assert facts.read(write(tmp_path / "a.gguf", kv_heads=[1, 3])).cached_values_per_token == 4 * (16 + 16)


def test_special_tokens_and_roles_come_from_the_vocabulary(tmp_path: Path) -> None:
    """Control tokens are listed in the order of their ids, and the roles are found by their texts."""
    found = facts.read(write(tmp_path / "a.gguf"))
    assert found.special_tokens == QWEN
    assert found.fim_tokens["pre"] == "<|fim_prefix|>"
    assert found.fim_tokens["suf"] == "<|fim_suffix|>"
    assert found.fim_tokens["mid"] == "<|fim_middle|>"
    assert found.fim_tokens["sep"] == "<|file_sep|>"


def test_tokens_appended_as_ordinary_text_are_found(tmp_path: Path) -> None:
    """CodeLlama's tokens follow the vocabulary and are marked as ordinary ones in many files."""
    path = write(tmp_path / "a.gguf", special=("</s>",), normal=("▁<PRE>", "▁<SUF>", "▁<MID>", "▁<EOT>"))
    found = facts.read(path)
    assert found.fim_tokens == {"pre": "▁<PRE>", "suf": "▁<SUF>", "mid": "▁<MID>"}
    assert {"▁<PRE>", "▁<EOT>", "</s>"} <= set(found.special_tokens)


def test_metadata_names_tokens_that_no_list_knows(tmp_path: Path) -> None:
    """A token id in the metadata wins over what the token is called."""
    path = write(tmp_path / "a.gguf", special=("<before>", "<after>"), numbers={"tokenizer.ggml.fim_pre_token_id": 100})
    assert facts.read(path).fim_tokens == {"pre": "<before>"}


@pytest.mark.parametrize("name", [None, "/home/somebody/models", "D:\\models", "0123456789abcdef" * 2])
def test_a_useless_name_gives_way_to_the_file_name(tmp_path: Path, name: str | None) -> None:
    """Converters leave folders and hashes of their own machine; people know the file's name."""
    assert facts.read(write(tmp_path / "coder-7b.gguf", name=name)).name == "coder-7b"


def test_long_values_are_cut_as_the_engine_cuts_them(tmp_path: Path) -> None:
    """A chat template is kept only as far as the engine keeps it."""
    found = facts.read(write(tmp_path / "a.gguf", strings={"tokenizer.chat_template": "x" * 5000}))
    assert len(found.metadata["tokenizer.chat_template"]) == facts.LONGEST_VALUE


def test_what_the_engine_reports_gives_the_same_facts(tmp_path: Path) -> None:
    """A loaded model and its file lead to the same format; only the quantisation is left out."""
    read = facts.read(write(tmp_path / "a.gguf"))
    assert facts.of_loaded(read, read.path) == attrs.evolve(read, quantisation="")


def test_a_model_in_parts_is_one_model(tmp_path: Path) -> None:
    """Any part leads to the first one, and sizes add up."""
    first = write(tmp_path / "big-00001-of-00002.gguf", name=None)
    second = write(tmp_path / "big-00002-of-00002.gguf", special=(), words=0)
    found = facts.read(second)
    assert (found.name, found.path) == ("big", str(first))
    assert found.file_bytes == first.stat().st_size + second.stat().st_size
    assert found.parameters == (100 + len(QWEN)) * 64 + 64 + 64


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    """Without one of its parts a model cannot be used, and the sentence says which."""
    path = write(tmp_path / "big-00001-of-00003.gguf")
    with pytest.raises(ModelUnavailable, match=r"big has 3 parts, and big-00002-of-00003\.gguf is missing"):
        facts.read(path)


def test_a_truncated_file_is_refused_with_what_is_missing(tmp_path: Path) -> None:
    """Interrupted downloads are the usual damage: the header is whole and the weights end too soon."""
    path = write(tmp_path / "a.gguf")
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(ModelUnavailable, match=r"a\.gguf is cut short: [\d,]+ of its [\d,]+ bytes are missing"):
        facts.read(path)


@pytest.mark.parametrize("length", [8, 24, 60, 300, 1500])
def test_a_file_that_ends_in_its_header_is_refused(tmp_path: Path, length: int) -> None:
    """Wherever the header ends, the answer is a sentence and no crash."""
    path = write(tmp_path / "a.gguf")
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ModelUnavailable, match="damaged or cut short"):
        facts.read(path)


def test_a_header_of_absurd_numbers_is_refused_at_once(tmp_path: Path) -> None:
    """A length of 2^63 neither allocates memory nor loops."""
    path = write(tmp_path / "a.gguf")
    data = bytearray(path.read_bytes())
    data[24:32] = b"\xff\xff\xff\xff\xff\xff\xff\x7f"
    path.write_bytes(data)
    with pytest.raises(ModelUnavailable, match="damaged or cut short"):
        facts.read(path)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "empty"),
        (b"PK\x03\x04 a zip", "not a GGUF model"),
        (b"tjgg" + bytes(100), "an old GGML file"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (b"GGUF\x00\x00\x00\x03" + bytes(100), "big-endian"),
    ],
)
def test_other_files_are_named_for_what_they_are(tmp_path: Path, content: bytes, sentence: str) -> None:
    """What is no GGUF is refused with what it is, and with a next step."""
    path = tmp_path / "a.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelUnavailable, match=sentence) as raised:
        facts.read(path)
    assert raised.value.next_step


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    """Both are the user's to correct, with different sentences."""
    with pytest.raises(ModelUnavailable, match="There is no model file"):
        facts.read(tmp_path / "none.gguf")
    with pytest.raises(ModelUnavailable, match="is a folder"):
        facts.read(tmp_path)


def test_the_server_gets_facts_without_numpy() -> None:
    """The server converts the engine's facts and must stay small: numpy and gguf are for reading files only."""
    script = (
        "import sys\n"
        "from lsp_server.modelstore import budget, catalogue, facts, find, selftest, store\n"
        "known = facts.GgufFacts('n', 'p', 'llama', 1, 1, 1, 1, '', {'general.file_type': '7'}, {}, ())\n"
        "facts.of_loaded(known, 'p')\n"
        "assert not {'numpy', 'gguf', 'llama_cpp'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(facts.__file__).parents[2])
