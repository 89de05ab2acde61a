"""What a training runs on."""

from pathlib import Path

import torch


def best() -> str:
    """The GPU where there is one."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def device(name: str, threads: int | None) -> torch.device:
    """threads: of the CPU; None leaves as many as there are cores."""
    if threads:
        torch.set_num_threads(threads)
    return torch.device(name)


def described(device: torch.device) -> str:
    """Its name, for the receipt."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    ]
    return f"{names[0] if names else 'CPU'}, {torch.get_num_threads()} threads"
