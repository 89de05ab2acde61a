"""The standard library of the Python that runs, as a package: what version it is, and whether it is the manifest's."""

import hashlib
import sys
import sysconfig
from pathlib import Path

from models.train.packages.manifest import Entry
from models.train.packages.sources import sources
from models.train.stage import TrainingError


def standard_library() -> tuple[Entry, Path]:
    """The library of the Python that runs, without a hash, and its folder."""
    version = ".".join(map(str, sys.version_info[:3]))
    return Entry("stdlib", "python", version, "PSF-2.0"), Path(sysconfig.get_path("stdlib"))


def verified_library(entry: Entry) -> Path:
    library, folder = standard_library()
    if entry.version != library.version:
        raise TrainingError(
            f"The manifest names the standard library of Python {entry.version}, and this is {library.version}.",
            f"Run the stage with Python {entry.version}, or pin the manifest again.",
        )
    if entry.sha256 not in {"", digest_of_library(entry, folder)}:
        raise TrainingError(
            f"The standard library of this Python {entry.version} is not the one that the manifest names.",
            "A distributor changed it: run the stage with the one of python.org, or pin the manifest again.",
        )
    return folder


def digest_of_library(entry: Entry, folder: Path) -> str:
    """One hash of all sources of a standard library."""
    total = hashlib.sha256()
    for path, raw in sorted(sources(entry, folder)):
        total.update(f"{path}\0{hashlib.sha256(raw).hexdigest()}\n".encode())
    return total.hexdigest()
