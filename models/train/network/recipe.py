"""Recipes: the dimensions of a network and how it is trained, as a TOML file says them."""

import json
import tomllib
from pathlib import Path

import attrs
import cattrs

from models.train.network.model import Config
from models.train.stage import TrainingError

RECIPES = Path(__file__).parents[1] / "recipes"


@attrs.frozen
class Recipe:
    """How to train. minutes: the whole schedule, over all runs. decay_share: of the schedule, at its end."""

    minutes: float
    batch_tokens: int
    learning_rate: float
    embedding_rate: float
    warmup: int = 50
    decay_share: float = 0.45
    answer_weight: float = 1.0
    average: float = 0.998
    embedding_start: float = 0.06
    """Deviation of the embeddings counted from the packed text (`initial.py`); 0 begins with random ones."""
    copying: bool = True
    """Whether heads begin as an induction circuit (`copying.py`); without `embedding_start` they do not."""
    buckets: tuple[int, ...] = (384, 512, 640, 768, 896, 1024, 1280, 1536, 2048)
    logit_rows: int = 256
    weight_decay: float = 0.0


def read_recipe(name: str, changes: list[str], minutes: float | None) -> tuple[Config, Recipe]:
    """Raises TrainingError for an unknown recipe, key or value."""
    path = Path(name) if name.endswith(".toml") else RECIPES / f"{name}.toml"
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        for change in changes:
            key, _, value = change.partition("=")
            section = "model" if key in attrs.fields_dict(Config) else "train"
            raw[section][key] = json.loads(value)
        if minutes is not None:
            raw["train"]["minutes"] = minutes
        converter = cattrs.Converter(forbid_extra_keys=True)
        return converter.structure(raw["model"], Config), converter.structure(raw["train"], Recipe)
    except FileNotFoundError:
        known = ", ".join(sorted(each.stem for each in RECIPES.glob("*.toml")))
        raise TrainingError(f"There is no recipe `{name}`.", f"Choose one of: {known}; or a TOML file.") from None
    except (ValueError, KeyError, cattrs.BaseValidationError) as error:
        raise TrainingError(
            f"The recipe `{name}` cannot be used: {error}.", "See the fields of Config and Recipe."
        ) from error
