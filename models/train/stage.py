"""What every stage shares: where it works, what it leaves for the next, how it fails and how it tells its progress.

A stage writes into its own folder of the workplace and, last of all, a receipt. A stage that was interrupted has no
receipt, so the next one asks for it by name; what it had finished by then is kept and not done again.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from lsp_server.errors import ServerError

RECEIPT = "receipt.json"

console = Console(stderr=True)


class TrainingError(ServerError):
    """A stage cannot go on: a sentence and a next step. Earlier stages are left as they were."""


@attrs.frozen
class Workplace:
    """The folder that holds one model's stages, each in a folder of its own."""

    root: Path

    def folder(self, stage: str) -> Path:
        folder = self.root / stage
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def finish(self, stage: str, **facts: Any) -> None:
        """Writes the receipt: the stage is complete and `facts` describe it."""
        with replacing(self.folder(stage) / RECEIPT) as path:
            path.write_text(json.dumps(facts, indent=2, sort_keys=True) + "\n", encoding="utf-8")

    def receipt(self, stage: str) -> dict[str, Any] | None:
        """The facts of a finished stage; None where it has not been finished."""
        try:
            found = json.loads((self.root / stage / RECEIPT).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise TrainingError(
                f"The receipt of stage `{stage}` cannot be read.", f"Run `python -m models.train {stage}` again."
            ) from error
        return found if isinstance(found, dict) else None

    def need(self, stage: str) -> dict[str, Any]:
        """The receipt of an earlier stage. Raises TrainingError where that stage has not been finished."""
        receipt = self.receipt(stage)
        if receipt is None:
            raise TrainingError(
                f"Stage `{stage}` has not been finished in {self.root}.",
                f"Run `python -m models.train {stage}` first, or name another folder with --work.",
            )
        return receipt

    def begin_again(self, stage: str) -> None:
        """Takes the receipt away before a finished stage is changed."""
        (self.folder(stage) / RECEIPT).unlink(missing_ok=True)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A name to write to; the file takes the place of `path` once it is complete and vanishes on failure.

    Raises TrainingError when the disk is full.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise disk_trouble(error, path) from error
    finally:
        temporary.unlink(missing_ok=True)


def disk_trouble(error: OSError, path: Path) -> TrainingError:
    return TrainingError(
        f"{path.name} cannot be written: {error.strerror or error}.",
        "Make room or name another folder with --work, and run the command again: finished parts are kept.",
    )


def need_room(folder: Path, bytes_needed: int) -> None:
    """Raises TrainingError when `folder`'s disk has less room than a stage is about to use."""
    free = shutil.disk_usage(folder).free
    if free < bytes_needed:
        raise TrainingError(
            f"{folder} has {free / 1e9:.1f} GB free and this stage needs about {bytes_needed / 1e9:.1f} GB.",
            "Make room or name another folder with --work.",
        )


def digest(*parts: object) -> str:
    """A short name for a configuration or a list of inputs: equal parts have equal digests."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def sha256(path: Path) -> str:
    """Of a whole file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def progress() -> Progress:
    """A bar on the terminal's error output; silent lines where that is not a terminal."""
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console
    )
