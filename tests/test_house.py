"""The house: floors and fences, file sizes, documented modules, nothing that prints."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from lsp_server.syntax.languages import LANGUAGES

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "lsp_server"
MODELS = ROOT / "models"

FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"errors", "settings", "text", "cancel", "trace", "paths", "syntax"}),
    frozenset({"documents", "index", "engine", "modelstore"}),
    frozenset({"context"}),
    frozenset({"completion", "actions", "evaluate"}),
    frozenset({"server"}),
    frozenset({"cli", "__main__"}),
)
SEPARATE_ROOMS = FLOORS[1] | {"completion", "evaluate"}
"""Rooms that must not import a neighbour on their own floor."""

FENCES: dict[str, tuple[str, ...]] = {
    "pygls": ("server/",),
    "lsprotocol": ("server/",),
    "llama_cpp": ("engine/llama.py",),
    "tree_sitter": ("syntax/",),
    **dict.fromkeys(sorted({language.grammar[0] for language in LANGUAGES}), ("syntax/",)),
    "watchdog": ("index/",),
    "sqlite3": ("index/",),
    "pathspec": ("index/",),
    "platformdirs": ("paths.py",),
    "gguf": ("modelstore/", "evaluate/shapes.py"),
    "rich": ("cli/",),
}
"""Which files may import a library; everything else is free of it."""

TRAINING_ONLY = frozenset({"models", "torch", "tokenizers", "matplotlib", "rapidfuzz"})
"""What the product never imports: the code that makes the model, and its libraries."""

MODELS_FENCES: dict[str, tuple[str, ...]] = {
    "torch": ("train/network/",),
    "matplotlib": ("train/network/curve.py",),
    "tokenizers": ("train/tokenizer/",),
    "tree_sitter": ("train/examples/",),
    "gguf": ("train/export/",),
    "llama_cpp": ("evaluation/engine.py",),
}

TRAINING_ROOMS: dict[str, frozenset[str]] = {
    "packages": frozenset(),
    "corpus": frozenset({"packages"}),
    "tokenizer": frozenset({"corpus"}),
    "examples": frozenset({"corpus", "tokenizer"}),
    "network": frozenset(),
    "export": frozenset({"tokenizer", "examples"}),
    "shapes": frozenset(),
    "stages": frozenset({"packages", "corpus", "tokenizer", "examples", "network", "export", "shapes"}),
}
"""Which other rooms each room of `models/train` may import; all of them share `stage.py`, and no stage imports one."""


def sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def model_sources() -> list[Path]:
    return sorted(MODELS.rglob("*.py"))


def place(path: Path, package: Path = PACKAGE) -> str:
    return path.relative_to(package).as_posix()


def imports(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}:{node.lineno} imports relatively"
            yield node.lineno, node.module or ""
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def room_of(module: str) -> str:
    """`lsp_server.index.store` -> `index`."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def floor_of(room: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if room in rooms)


def test_every_room_stands_on_a_floor() -> None:
    """A new room or top-level module is given its floor here before anything else."""
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and any(path.rglob("*.py"))}
    rooms |= {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    known = frozenset().union(*FLOORS)
    assert sorted(rooms - known) == []


def faults_of_direction(path: Path, package: Path = PACKAGE) -> Iterator[str]:
    own = room_of("lsp_server." + place(path, package).removesuffix(".py").replace("/", "."))
    if own == "__init__":
        return
    for line, module in imports(path):
        room = room_of(module) if module.startswith("lsp_server.") else ""
        if room in ("", own, "__version__"):
            continue
        above = floor_of(room) > floor_of(own)
        beside = floor_of(room) == floor_of(own) and own in SEPARATE_ROOMS and room in SEPARATE_ROOMS
        if above or beside:
            yield f"{place(path, package)}:{line} imports {module}"


def test_imports_go_downwards() -> None:
    """A file imports lower floors or its own room; rooms side by side do not know each other."""
    assert [fault for path in sources() for fault in faults_of_direction(path)] == []


def test_libraries_stay_behind_their_fences() -> None:
    """Each library that shapes a room is imported in that room alone."""
    assert list(faults_of_fences(sources(), PACKAGE, FENCES)) == []
    assert list(faults_of_fences(model_sources(), MODELS, MODELS_FENCES)) == []


def faults_of_fences(paths: list[Path], package: Path, fences: dict[str, tuple[str, ...]]) -> Iterator[str]:
    for path in paths:
        for line, module in imports(path):
            allowed = fences.get(module.split(".")[0])
            if allowed and not place(path, package).startswith(allowed):
                yield f"{place(path, package)}:{line} imports {module}"


def test_rooms_of_training_import_what_is_written_here() -> None:
    """What is learnt from knows no network, the network no packages, and no stage another stage."""
    training = MODELS / "train"
    rooms = {path.parent.name for path in training.glob("*/*.py")}
    assert rooms == set(TRAINING_ROOMS)
    assert [fault for path in training.glob("*/*.py") for fault in faults_of_training(path)] == []


def faults_of_training(path: Path) -> Iterator[str]:
    own = path.parent.name
    allowed = TRAINING_ROOMS[own] | {"stage"} | ({own} - {"stages"})
    for line, module in imports(path):
        parts = module.split(".")
        if parts[:2] == ["models", "train"] and len(parts) > 2 and parts[2] not in allowed:
            yield f"{own}/{path.name}:{line} imports {module}"


def test_the_product_knows_nothing_of_training() -> None:
    """What makes the model, and the libraries for it, never run in the product."""
    faults = [
        f"{place(path)}:{line} imports {module}"
        for path in sources()
        for line, module in imports(path)
        if module.split(".")[0] in TRAINING_ONLY
    ]
    assert faults == []


def test_the_floors_test_sees_a_violation(tmp_path: Path) -> None:
    """The test above can fail: a planted upward import is reported."""
    planted = tmp_path / "lsp_server" / "index" / "wrong.py"
    planted.parent.mkdir(parents=True)
    planted.write_text("from lsp_server.engine.protocol import Piece\n", encoding="utf-8")
    assert list(faults_of_direction(planted, tmp_path / "lsp_server")) != []


@pytest.mark.parametrize(
    "planted", ["corpus: from models.train.network import model", "stages: from models.train.stages.pack import run"]
)
def test_the_rooms_test_sees_a_violation(planted: str, tmp_path: Path) -> None:
    """So can the one of training's rooms."""
    room, _, line = planted.partition(": ")
    path = tmp_path / room / "wrong.py"
    path.parent.mkdir()
    path.write_text(line + "\n", encoding="utf-8")
    assert list(faults_of_training(path)) != []


@pytest.mark.parametrize("path", model_sources(), ids=lambda path: place(path, MODELS))
def test_a_file_of_training_has_one_idea(path: Path) -> None:
    """Training is held to the product's rules: a docstring that says what the file is, and not too long."""
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), "a module docstring says what the file is"
    assert text.count("\n") <= 600


@pytest.mark.parametrize("path", sources(), ids=place)
def test_a_file_has_one_idea(path: Path) -> None:
    """A module says what it is, stays under 600 lines, and nothing outside the command line prints."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "a module docstring says what the file is"
    assert text.count("\n") <= 600
    if not place(path).startswith("cli/"):
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
        assert [call.lineno for call in calls if call.func.id == "print"] == []  # type: ignore[attr-defined]
