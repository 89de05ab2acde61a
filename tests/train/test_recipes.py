"""The recipes fit the models they are for, and what is carried to the GPU machine is all it needs."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from models.train.export.gguf_writing import Dimensions
from models.train.stages import export

ROOT = Path(__file__).resolve().parents[2]
RECIPES = ROOT / "models" / "train" / "recipes"
NOT_THERE = {"llama-cpp-python", "lsprotocol", "pygls", "torch", "matplotlib"}
"""The engine, the server, what is there already, and the picture of the loss, which is drawn where matplotlib is."""


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_a_recipe_makes_a_model_that_fits_the_package(path: Path) -> None:
    """8 bits and a scale for every 32 weights, and a vocabulary of 0.6 MB: at most 40 MB."""
    recipe = tomllib.loads(path.read_text(encoding="utf-8"))
    dimensions = Dimensions.of(recipe["model"])
    assert dimensions.parameters * 34 / 32 + 600_000 < export.EMBEDDED_BYTES
    assert dimensions.width % dimensions.heads == 0
    assert dimensions.heads % dimensions.kv_heads == 0
    assert dimensions.context == recipe["train"]["buckets"][-1] == 2048


def test_the_recipes_are_of_the_sizes_they_promise() -> None:
    """8 to 12 million parameters for a CPU, about 40 for a GPU, and the minutes each may take."""
    found = {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in RECIPES.glob("*.toml")}
    millions = {name: round(Dimensions.of(recipe["model"]).parameters / 1e6) for name, recipe in found.items()}
    assert 8 <= millions["cpu"] <= 12
    assert 35 <= millions["gpu"] <= 45
    assert found["cpu"]["train"]["minutes"] <= 75
    assert found["gpu"]["train"]["minutes"] <= 14


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_training_takes_the_recipe(path: Path) -> None:
    """Every key is one that `train` knows."""
    pytest.importorskip("torch")
    from models.train.network.recipe import read_recipe

    config, recipe = read_recipe(path.stem, [], None)
    assert config.width > 0
    assert recipe.minutes > 0


def test_what_is_carried_is_what_the_project_depends_on() -> None:
    """The same versions as everywhere, less what training never loads."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {*project["dependencies"], *project["optional-dependencies"]["train"]}
    lines = (RECIPES / "gpu-requirements.txt").read_text(encoding="utf-8").splitlines()
    carried = {line for line in lines if line and not line.startswith("#")}
    names = re.compile(r"[A-Za-z0-9-]+")
    assert carried == {each for each in needed if names.match(each)[0] not in NOT_THERE}  # type: ignore[index]


def test_the_stages_load_neither_engine_nor_server() -> None:
    """On a machine that has neither, every stage of the GPU recipe still begins."""
    pytest.importorskip("torch")
    pytest.importorskip("tokenizers")
    pytest.importorskip("rapidfuzz")
    program = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({sorted(NOT_THERE)!r}))\n"
        "sys.modules.update(llama_cpp=None)\n"
        "del sys.modules['torch']\n"
        "from models.train.stages import corpus, export, gpu, pack, tokenizer, train\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stderr
