"""Quantisations that llama.cpp's own tool writes, from an exact file."""

import os
import subprocess
from pathlib import Path

from models.train.export.gguf_writing import QUANTISATIONS
from models.train.stage import TrainingError, replacing

_PATIENCE_S = 3600


def need_tool(quantisation: str, tool: Path | None) -> None:
    """Raises TrainingError where the type needs the tool and it cannot be run."""
    if quantisation in QUANTISATIONS:
        return
    if tool is None:
        raise TrainingError(
            f"{quantisation} is written by llama.cpp's own tool.",
            f"Name it with --llama-quantize, or choose one of {', '.join(QUANTISATIONS)}.",
        )
    if not os.access(tool, os.X_OK):
        raise TrainingError(f"{tool} is no program that can be run.", "Give the path of llama-quantize.")


def quantise(tool: Path, source: Path, target: Path, quantisation: str) -> None:
    """Writes `target`, whole or not at all. Raises TrainingError in the tool's own words."""
    with replacing(target) as temporary:
        try:
            done = subprocess.run(
                [tool, source, temporary, quantisation],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=_PATIENCE_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise TrainingError(f"{tool.name} took more than an hour.", "Try another type.") from error
        if done.returncode != 0 or not temporary.exists():
            last = (done.stdout.strip().splitlines() or ["It said nothing"])[-1]
            raise TrainingError(
                f"{tool.name} did not write {quantisation}: {last.rstrip('.')}.", "Try another type, e.g. Q6_K."
            )
