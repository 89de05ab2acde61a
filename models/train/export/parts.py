"""A model in parts that are small enough to be carried, and the model put together again and verified.

The index names every part with its length and SHA-256 and is written last. Knows nothing of what is in the file.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import attrs
import cattrs

from models.train.stage import TrainingError, console, disk_trouble, need_room, replacing

PART_BYTES = 16_000_000

_INDEX = ".parts.json"


@attrs.frozen
class Part:
    name: str
    bytes: int
    sha256: str


@attrs.frozen
class Index:
    """`files`: the parts in order. `notes`: whatever the exporting stage has to tell the joining one."""

    name: str
    bytes: int
    sha256: str
    parts: tuple[Part, ...]
    notes: dict[str, Any]


def split(model: Path, folder: Path, notes: dict[str, Any], part_bytes: int = PART_BYTES) -> Index:
    """Writes the parts and the index into `folder`; what a former split of that name left there is replaced."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob(f"{model.name}.*"):
            if old != model and (old.name.endswith(_INDEX) or ".part-" in old.name):
                old.unlink()
    except OSError as error:
        raise disk_trouble(error, folder) from error
    size = model.stat().st_size
    need_room(folder, size)
    whole = hashlib.sha256()
    parts: list[Part] = []
    with model.open("rb") as source:
        while piece := source.read(part_bytes):
            path = folder / f"{model.name}.part-{len(parts) + 1:03}"
            with replacing(path) as temporary:
                temporary.write_bytes(piece)
            parts.append(Part(path.name, len(piece), hashlib.sha256(piece).hexdigest()))
            whole.update(piece)
    index = Index(model.name, size, whole.hexdigest(), tuple(parts), notes)
    with replacing(folder / f"{model.name}{_INDEX}") as temporary:
        temporary.write_text(json.dumps(cattrs.unstructure(index), indent=1) + "\n", encoding="utf-8")
    console.print(f"{model.name} lies in {len(parts)} parts in {folder}.", highlight=False)
    return index


def join(folder: Path, into: Path) -> tuple[Path, Index]:
    """Puts the model in `folder` together in the folder `into` and verifies every part and the whole.

    Raises TrainingError when the index or a part is missing, a part is damaged, or the disk is full.
    """
    index = _index(folder)
    missing = [part.name for part in index.parts if not (folder / part.name).is_file()]
    if missing:
        raise TrainingError(
            f"{len(missing)} of the {len(index.parts)} parts of {index.name} are missing: {', '.join(missing[:5])}.",
            f"Carry them into {folder} and run the command again.",
        )
    need_room(into, index.bytes)
    whole, target = hashlib.sha256(), into / index.name
    with replacing(target) as temporary, temporary.open("wb") as file:
        for part in index.parts:
            piece = (folder / part.name).read_bytes()
            if len(piece) != part.bytes or hashlib.sha256(piece).hexdigest() != part.sha256:
                raise TrainingError(
                    f"{part.name} is damaged: it is not the part that was written.",
                    "Carry it over again and run the command again.",
                )
            whole.update(piece)
            file.write(piece)
        if whole.hexdigest() != index.sha256:
            raise TrainingError(
                f"The parts of {index.name} are whole and do not make up the model.",
                "Write them again with `python -m models.train export --parts`.",
            )
    return target, index


def _index(folder: Path) -> Index:
    found = sorted(folder.glob(f"*{_INDEX}"))
    if not found:
        raise TrainingError(
            f"There is no model in parts in {folder}: the index `NAME{_INDEX}` is missing.",
            "Name the folder that `export --parts` wrote; the index is written last.",
        )
    if len(found) > 1:
        raise TrainingError(f"There are {len(found)} models in parts in {folder}.", "Leave one of them there.")
    try:
        index = cattrs.structure(json.loads(found[0].read_text(encoding="utf-8")), Index)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, cattrs.BaseValidationError) as error:
        raise TrainingError(f"{found[0].name} is damaged.", "Carry it over again.") from error
    if any(Path(name).name != name for name in (index.name, *(part.name for part in index.parts))):
        raise TrainingError(f"{found[0].name} names files outside its folder.", "Carry it over again.")
    return index
