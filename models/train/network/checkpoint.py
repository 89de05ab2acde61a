"""What a checkpoint of `training.py` says, for those who do not train: its weights as arrays, and what they answer."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.train.network.model import Config, Transformer
from models.train.stage import TrainingError

Array = np.ndarray[Any, Any]


def load(path: Path, *, last: bool) -> tuple[dict[str, Any], dict[str, Array], dict[str, Any]]:
    """Configuration, weights and the other facts. last: the last weights rather than their average.

    Raises TrainingError where there is none or it cannot be read.
    """
    try:
        found = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        weights = found["model"] if last else found.get("average") or found["model"]
        arrays = {name: tensor.detach().float().numpy() for name, tensor in weights.items()}
        config = dict(found["config"])
    except FileNotFoundError as error:
        raise TrainingError(f"There is no checkpoint {path}.", "Run `python -m models.train train` first.") from error
    except Exception as error:  # whatever unpickling a damaged file raises
        raise TrainingError(
            f"The checkpoint {path} cannot be read.", "Export the one before it with --checkpoint, or train on."
        ) from error
    averaged = not last and bool(found.get("average"))
    return config, arrays, {"averaged": averaged} | {key: found.get(key) for key in ("step", "tokens", "recipe")}


def answers(
    config: Mapping[str, Any], arrays: Mapping[str, Array], prompt: Sequence[int], best: int
) -> tuple[tuple[tuple[int, float], ...], ...]:
    """For each token of the prompt the `best` likeliest next ones and their log probabilities, in 32 bits."""
    model = Transformer(Config(**config)).eval()
    model.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    with torch.inference_mode():
        logits = model.logits(model(torch.tensor([prompt])))[0]
        found = logits.log_softmax(-1).topk(min(best, logits.shape[-1]))
    pairs = zip(found.indices.tolist(), found.values.tolist(), strict=True)
    return tuple(tuple(zip(tokens, values, strict=True)) for tokens, values in pairs)
