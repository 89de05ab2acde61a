"""What `codehearth doctor` finds out about this machine: processor, graphics cards, llama.cpp's build and editors.

Asks the system and small tools that may be missing, each under a deadline; absence is an answer. Changes nothing.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Literal

import attrs

from lsp_server import paths

Run = Callable[[Sequence[str]], str | None]
"""Runs a program and returns what it printed; None when it is missing, fails or takes too long."""

_PACKAGES = Path(__file__).resolve().parents[2]
_TOOL_SECONDS = 5
_LLAMA_SECONDS = 30
"""Loading llama.cpp takes about a second; with CUDA and a cold disk ten."""


@attrs.frozen
class Cpu:
    """features: as llama.cpp spells them, as far as they matter to it."""

    name: str
    cores: int
    """Physical cores this process may use."""
    features: tuple[str, ...]


@attrs.frozen
class Gpu:
    vendor: Literal["nvidia", "amd", "intel", "apple"]
    name: str
    memory_bytes: int | None = None
    driver: str | None = None

    @property
    def cmake_flag(self) -> str:
        """The option with which llama.cpp is built for it."""
        return {"nvidia": "-DGGML_CUDA=on", "apple": "-DGGML_METAL=on"}.get(self.vendor, "-DGGML_VULKAN=on")

    @property
    def tool(self) -> tuple[str, str]:
        """The program that building needs, and where it comes from."""
        if self.vendor == "nvidia":
            return "nvcc", "the CUDA toolkit (nvcc)"
        if self.vendor == "apple":
            return "clang", "the Xcode command line tools (xcode-select --install)"
        return "glslc", "the Vulkan SDK (Debian, Ubuntu: apt install libvulkan-dev glslc)"


@attrs.frozen
class LlamaBuild:
    """What the installed llama-cpp-python was built with. backends: name to its features."""

    package: str
    version: str
    gpu: bool
    backends: Mapping[str, tuple[str, ...]]
    free_device_bytes: int


@attrs.frozen
class LlamaFailure:
    """llama.cpp does not even load here. `reason` is its last line, or the signal that ended it."""

    reason: str
    illegal_instruction: bool


@attrs.frozen
class Editor:
    name: str
    version: str | None
    """None where asking would start the editor."""


def cpu(info: Path = Path("/proc/cpuinfo"), run: Run | None = None) -> Cpu:
    import psutil

    run = run or output_of
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else psutil.cpu_count() or 1
    cores = min(cores, psutil.cpu_count(logical=False) or cores)
    try:
        text = info.read_text(encoding="utf-8", errors="replace")
    except OSError:
        name = (run(["sysctl", "-n", "machdep.cpu.brand_string"]) or os.environ.get("PROCESSOR_IDENTIFIER", "")).strip()
        return Cpu(name or "unknown processor", cores, ())
    name = _field(text, "model name") or _field(text, "Model") or "unknown processor"
    flags = set((_field(text, "flags") or _field(text, "Features") or "").split())
    return Cpu(name, cores, tuple(feature for feature, flag in _FEATURES.items() if flag in flags))


def gpus(run: Run | None = None, root: Path = Path("/"), platform: str = sys.platform) -> list[Gpu]:
    """The graphics cards that llama.cpp has a backend for."""
    run = run or output_of
    if platform == "darwin":
        chip = (run(["sysctl", "-n", "machdep.cpu.brand_string"]) or "").strip()
        return [Gpu("apple", chip)] if chip.startswith("Apple") else []
    found = _nvidia(run)
    if not found and (root / "proc/driver/nvidia/version").exists():
        found = [Gpu("nvidia", "NVIDIA graphics")]
    others = _listed(run) or _on_the_bus(root)
    return found + [gpu for gpu in others if gpu.vendor != "nvidia" or not found]


def llama_build() -> LlamaBuild | LlamaFailure:
    """Loads llama.cpp in a process of its own: one built for another processor kills whoever loads it."""
    script = (
        f"import json, sys; sys.path.insert(0, {str(_PACKAGES)!r})\n"
        "from lsp_server.engine import llama\n"
        "print(json.dumps([llama.version(), llama.system_info(), llama.gpu_offload(), llama.free_device_bytes()]))\n"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", script],
            cwd=paths.log_folder(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LLAMA_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return LlamaFailure(str(error), illegal_instruction=False)
    if done.returncode != 0:
        if done.returncode < 0:
            illegal = -done.returncode == 4
            what = "an illegal instruction" if illegal else f"signal {-done.returncode}"
            return LlamaFailure(f"ended by {what}", illegal_instruction=illegal)
        lines = done.stderr.strip().splitlines()
        return LlamaFailure(lines[-1] if lines else f"exit code {done.returncode}", illegal_instruction=False)
    version, system, gpu, free = json.loads(done.stdout.splitlines()[-1])
    return LlamaBuild(package_version() or "?", version, gpu, backends_of(system), free)


def backends_of(system: str) -> dict[str, tuple[str, ...]]:
    """`CPU : AVX2 = 1 | FMA = 1 | CUDA : ARCHS = 800 | …` as backend to features that are on."""
    backends: dict[str, list[str]] = {}
    current: list[str] = backends.setdefault("CPU", [])
    for part in system.split("|"):
        name, separator, rest = part.partition(" : ")
        if separator:
            current = backends.setdefault(name.strip(), [])
        feature, _, value = (rest if separator else part).partition(" = ")
        if value.strip() not in ("", "0"):
            current.append(feature.strip())
    return {name: tuple(features) for name, features in backends.items()}


def rebuild_command(flag: str | None, platform: str = sys.platform) -> str:
    """The exact command that compiles the pinned llama-cpp-python for this machine and this Python."""
    requirement = f"llama-cpp-python=={pinned_version() or package_version()}"
    options = f"--force-reinstall --no-deps --no-cache-dir --no-binary llama-cpp-python {requirement}"
    if platform == "win32":
        setting = f'$env:CMAKE_ARGS="{flag}"; ' if flag else ""
        return f'{setting}& "{sys.executable}" -m pip install {options}'
    setting = f'CMAKE_ARGS="{flag}" ' if flag else ""
    return f"{setting}{shlex.quote(sys.executable)} -m pip install {options}"


def pinned_version() -> str | None:
    """The release of llama-cpp-python that this codehearth asks for; None where it is not installed as a package."""
    try:
        wanted = metadata.requires("codehearth") or []
    except metadata.PackageNotFoundError:
        return None
    for requirement in wanted:
        found = re.match(r"llama-cpp-python\s*==\s*([\w.]+)", requirement)
        if found:
            return found[1]
    return None


def package_version() -> str | None:
    """The release of llama-cpp-python that is installed."""
    try:
        return metadata.version("llama-cpp-python")
    except metadata.PackageNotFoundError:
        return None


def editors(run: Run | None = None, which: Callable[[str], str | None] = shutil.which) -> list[Editor]:
    """Editors on the path, in alphabetical order; only those are asked for their version that answer at once."""
    run = run or output_of
    found = []
    for command, (name, pattern) in _EDITORS.items():
        if which(command):
            version = re.search(pattern, run([command, "--version"]) or "") if pattern else None
            found.append(Editor(name, version[1] if version else None))
    return found


def output_of(command: Sequence[str]) -> str | None:
    """See `Run`."""
    try:
        done = subprocess.run(
            list(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TOOL_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


_EDITORS: Mapping[str, tuple[str, str | None]] = {
    "code": ("VS Code", None),
    "emacs": ("Emacs", r"GNU Emacs ([\d.]+)"),
    "hx": ("Helix", r"helix ([\d.]+)"),
    "idea": ("IntelliJ IDEA", None),
    "nvim": ("Neovim", r"NVIM v([\d.]+)"),
    "pycharm": ("PyCharm", None),
    "zed": ("Zed", None),
}

_FEATURES: Mapping[str, str] = {
    "AVX": "avx",
    "AVX2": "avx2",
    "F16C": "f16c",
    "FMA": "fma",
    "BMI2": "bmi2",
    "AVX512": "avx512f",
    "AVX512_VBMI": "avx512vbmi",
    "AVX512_VNNI": "avx512_vnni",
    "AVX512_BF16": "avx512_bf16",
    "AVX_VNNI": "avx_vnni",
    "AMX_INT8": "amx_int8",
    "NEON": "asimd",
    "DOTPROD": "asimddp",
    "MATMUL_INT8": "i8mm",
    "SVE": "sve",
}
"""llama.cpp's names of processor features to the kernel's."""


def _field(text: str, name: str) -> str | None:
    found = re.search(rf"^{name}\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1].strip() if found else None


def _nvidia(run: Run) -> list[Gpu]:
    query = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader,nounits"]
    found = []
    for line in (run(query) or "").splitlines():
        name, *rest = (part.strip() for part in line.split(","))
        if len(rest) == 2:
            found.append(Gpu("nvidia", name, int(rest[0]) * 2**20 if rest[0].isdecimal() else None, rest[1]))
    return found


def _listed(run: Run) -> list[Gpu]:
    """By `lspci`, which knows the names."""
    found = []
    for line in (run(["lspci"]) or "").splitlines():
        device = re.search(r"(?:VGA compatible|3D|Display) controller: (.+)$", line)
        if device:
            for vendor, pattern in _VENDOR_NAMES:
                if re.search(pattern, device[1]):
                    found.append(Gpu(vendor, re.sub(r" \(rev \w+\)$", "", device[1])))
                    break
    return found


def _on_the_bus(root: Path) -> list[Gpu]:
    """By the kernel's list of devices, where there is no `lspci`."""
    found = []
    for device in sorted(root.glob("sys/bus/pci/devices/*")):
        try:
            kind, vendor = (device / "class").read_text().strip(), (device / "vendor").read_text().strip()
        except OSError:
            continue
        if kind.startswith("0x03") and vendor in _VENDOR_IDS:
            found.append(_VENDOR_IDS[vendor])
    return found


_VENDOR_NAMES: Sequence[tuple[Literal["nvidia", "amd", "intel"], str]] = (
    ("nvidia", "NVIDIA"),
    ("amd", r"Advanced Micro Devices|AMD|\bATI\b"),
    ("intel", "Intel"),
)
_VENDOR_IDS: Mapping[str, Gpu] = {
    "0x10de": Gpu("nvidia", "NVIDIA graphics"),
    "0x1002": Gpu("amd", "AMD graphics"),
    "0x8086": Gpu("intel", "Intel graphics"),
}
