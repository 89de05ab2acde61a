"""Reads back what `gguf_writing.py` wrote: the weights of an exported model, for training to go on where no checkpoint
is left. What quantisation took is gone; so is what the optimisers knew.
"""

from pathlib import Path
from typing import Any

import attrs
import numpy as np

from models.train.export.gguf_writing import Array, Dimensions, Vocabulary, tensor_name
from models.train.stage import TrainingError


@attrs.frozen(eq=False)
class Exported:
    """arrays: float32, by the names of `Dimensions.shapes`. tokens, steps: what its training has read and done."""

    arrays: dict[str, Array]
    vocabulary: Vocabulary
    tokens: int
    steps: int


def vocabulary(path: Path) -> Vocabulary:
    """Of a model that `export` wrote, unused tokens left out. Raises TrainingError where the file cannot be read."""
    try:
        return _vocabulary(_opened(path))
    except KeyError as error:
        raise _foreign(path) from error


def read(path: Path, dimensions: Dimensions) -> Exported:
    """Raises TrainingError where the file cannot be read or holds a network of other dimensions."""
    import gguf

    reader = _opened(path)
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    try:
        arrays = {
            name: gguf.quants.dequantize(tensors[tensor_name(name)].data, tensors[tensor_name(name)].tensor_type)
            for name in dimensions.shapes()
        }
        words = _vocabulary(reader)
        tokens, steps = (int(reader.fields[f"codehearth.training.{name}"].contents()) for name in ("tokens", "steps"))
    except (KeyError, NotImplementedError) as error:
        raise _foreign(path) from error
    for name, shape in dimensions.shapes().items():
        if arrays[name].shape != shape:
            raise TrainingError(
                f"{path.name} has a network of other dimensions: `{name}` is {arrays[name].shape} instead of {shape}.",
                "Name the recipe that it was trained by.",
            )
    return Exported({name: np.array(each, np.float32) for name, each in arrays.items()}, words, tokens, steps)


def _opened(path: Path) -> Any:
    import gguf

    try:
        return gguf.GGUFReader(path)
    except (OSError, ValueError, IndexError) as error:
        raise _foreign(path) from error


def _vocabulary(reader: Any) -> Vocabulary:
    tokens, merges = (reader.fields[f"tokenizer.ggml.{name}"].contents() for name in ("tokens", "merges"))
    return Vocabulary(tuple(token for token in tokens if not token.startswith("[PAD")), tuple(merges))


def _foreign(path: Path) -> TrainingError:
    return TrainingError(f"{path.name} is no model that `export` wrote for this recipe.", "Name another file.")
