"""The loss curve as a picture, from the training's log."""

import json
from pathlib import Path


def draw(log: Path, picture: Path) -> None:
    """Loss over tokens; nothing is drawn before there are two lines, or where matplotlib is not installed."""
    if not log.exists():
        return
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    if len(lines) < 2:
        return
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot([line["tokens"] / 1e6 for line in lines], [line["loss"] for line in lines], linewidth=1)
    axes.set_xlabel("million tokens")
    axes.set_ylabel("loss (nats per token, running mean)")
    axes.grid(alpha=0.3)
    temporary = picture.with_suffix(".new.png")
    figure.savefig(temporary, dpi=110)
    temporary.replace(picture)
