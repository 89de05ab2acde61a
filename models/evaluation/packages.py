"""The held-out packages: fetched by name and version, known by their hash, unpacked as the repositories they are.

They are only read and measured, never imported, never trained on. Once fetched, nothing here needs a network.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs

from models.train.stage import TrainingError, disk_trouble

LISTED = Path(__file__).with_name("packages.json")
_PATIENCE_S = 600


@attrs.frozen
class Package:
    """A pure-Python wheel. `sha256` is of the file `file`."""

    name: str
    version: str
    file: str
    sha256: str


def listed(path: Path = LISTED) -> tuple[Package, ...]:
    return tuple(Package(**entry) for entry in json.loads(path.read_text(encoding="utf-8")))


def fetched(
    packages: Sequence[Package], cache: Path, tell: Callable[[str], None] = lambda sentence: None
) -> dict[str, Path]:
    """The repository of each package by its name. What the cache lacks is fetched with pip.

    Raises TrainingError where a package cannot be had or is not the one that is listed.
    """
    cache.mkdir(parents=True, exist_ok=True)
    return {package.name: _unpacked(package, cache, tell) for package in packages}


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unpacked(package: Package, cache: Path, tell: Callable[[str], None]) -> Path:
    """The hash stands in the folder's name, and the folder gets its name last: whatever is there is complete."""
    folder = cache / f"{package.name}-{package.version}-{package.sha256[:12]}" / package.name
    if folder.is_dir():
        return folder
    wheel = cache / package.file
    if not wheel.exists():
        tell(f"Fetching {package.name} {package.version}.")
        _fetch(package, cache)
    if sha256_of(wheel) != package.sha256:
        raise TrainingError(
            f"{package.file} is not the file that the holes were drawn from: its hash differs.",
            f"Delete it from {cache} and run the command again.",
        )
    fresh = folder.parent.with_name(folder.parent.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(fresh / package.name)
        fresh.replace(folder.parent)
    except OSError as error:
        raise disk_trouble(error, folder) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return folder


def _fetch(package: Package, cache: Path) -> None:
    wanted = f"{package.name}=={package.version}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    refused = TrainingError(
        f"pip cannot fetch {wanted}.",
        f"Connect to a package index once, or put {package.file} into {cache}.",
    )
    try:
        done = subprocess.run(
            [*command, "--dest", str(cache), wanted], capture_output=True, text=True, timeout=_PATIENCE_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise refused from error
    if done.returncode != 0 or not (cache / package.file).exists():
        raise refused
