"""Models of random weights for measuring speed."""

from pathlib import Path

import attrs
import pytest

from lsp_server.evaluate import shapes
from lsp_server.evaluate.shapes import Shape
from lsp_server.modelstore import catalogue, facts, header, store
from lsp_server.modelstore.card import FimFormat
from tests.unit.modelstore.ggufs import write

SMALL = Shape("random-small", 2, 64, 2, 1, 96, 20_000, 256)


def test_a_shape_has_its_dimensions_and_the_vocabulary_of_its_source(tmp_path: Path) -> None:
    """Everything the product asks of a model is there: sizes, tokens, order."""
    path = shapes.write(tmp_path / "a.gguf", SMALL)
    usable = store.check(path)
    source = facts.read(store.embedded())
    assert isinstance(usable.fim, FimFormat)
    assert usable.fim.order == "spm"
    found = usable.facts
    assert (found.name, found.architecture, found.quantisation) == ("random-small", "llama", "Q8_0")
    assert (found.trained_context, found.vocabulary_size) == (256, 20_000)
    assert found.special_tokens == source.special_tokens
    assert catalogue.random_weights(found)
    per_layer = 2 * 64 + 2 * 64 * 64 + 2 * 32 * 64 + 3 * 96 * 64
    assert found.parameters == 20_000 * 64 + 64 + 2 * per_layer
    assert found.cached_values_per_token == 2 * 1 * (32 + 32)


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    """Figures of two days are of the same model."""
    first = shapes.write(tmp_path / "a.gguf", SMALL, seed=3).read_bytes()
    assert shapes.write(tmp_path / "b.gguf", SMALL, seed=3).read_bytes() == first
    assert shapes.write(tmp_path / "c.gguf", SMALL, seed=4).read_bytes() != first


def test_the_file_is_exactly_as_long_as_its_header_says(tmp_path: Path) -> None:
    """A tensor too short or too long would shift all that follow."""
    path = shapes.write(tmp_path / "a.gguf", SMALL)
    with header.opened(path) as found:
        assert found.tensors_end <= path.stat().st_size < found.tensors_end + 32


def test_a_vocabulary_larger_than_the_shape_is_not_cut(tmp_path: Path) -> None:
    """Token ids stay those of the source."""
    source = write(tmp_path / "source.gguf", words=500)
    path = shapes.write(tmp_path / "a.gguf", attrs.evolve(SMALL, vocabulary=100), source=source)
    assert facts.read(path).vocabulary_size == facts.read(source).vocabulary_size


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk in the middle of it: no file that looks like a model, and no rest."""

    def full(*arguments: object) -> object:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shapes, "_weights", full)
    with pytest.raises(OSError, match="No space left"):
        shapes.write(tmp_path / "a.gguf", SMALL)
    assert list(tmp_path.iterdir()) == []


def test_a_cached_shape_is_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second benchmark starts at once; another shape is another file."""
    monkeypatch.setenv("CODEHEARTH_HOME", str(tmp_path))
    first = shapes.cached(SMALL)
    written = first.stat().st_mtime_ns
    assert shapes.cached(SMALL) == first
    assert first.stat().st_mtime_ns == written
    assert shapes.cached(attrs.evolve(SMALL, layers=1)) != first


def test_the_real_shapes_have_their_published_sizes() -> None:
    """494 million and 1.54 billion parameters, biases aside."""
    for shape, millions in ((shapes.QWEN_0_5B, 494), (shapes.QWEN_1_5B, 1_544)):
        tensors = shapes._tensors(shape, shape.vocabulary)
        assert round(sum(rows * (columns or 1) for _, rows, columns in tensors) / 1e6) == millions
