"""Small artefacts of every kind, and commands on PATH that play a registry."""

import gzip
import io
import json
import os
import stat
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from models.train.packages.manifest import Entry
from models.train.stage import sha256

WORDS = ("alpha", "bravo", "carol", "delta", "eagle", "flint", "grape", "hotel", "india", "joule")


def source(topic: str, functions: int = 12) -> str:
    """Python that no other topic resembles, about 60 characters for each function."""
    lines = [f'"""Everything about {topic}."""', ""]
    for number in range(functions):
        word = f"{WORDS[number % len(WORDS)]}_{topic}_{number}"
        lines += [f"def {word}(value_{topic}):", f"    return {topic}.{word}(value_{topic}, {number}, '{word}')", ""]
    return "\n".join(lines)


def wheel(
    folder: Path, name: str, version: str, files: Mapping[str, str], licence: str = "MIT", tag: str = "py3-none-any"
) -> Path:
    """A wheel with these files; `licence` is its License-Expression."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{name.replace('-', '_')}-{version}"
    path = folder / f"{stem}-{tag}.whl"
    metadata = f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\nLicense-Expression: {licence}\n"
    with zipfile.ZipFile(path, "w") as archive:
        for inside, text in files.items():
            archive.writestr(inside, text)
        archive.writestr(f"{stem}.dist-info/METADATA", metadata)
        archive.writestr(f"{stem}.dist-info/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
        archive.writestr(f"{stem}.dist-info/RECORD", "")
    return path


def npm_tarball(folder: Path, name: str, version: str, files: Mapping[str, str], licence: object = "MIT") -> Path:
    stated = json.dumps({"name": name, "version": version, "license": licence})
    path = folder / f"{name.replace('@', '').replace('/', '-')}-{version}.tgz"
    return tarball(path, {f"package/{inside}": text for inside, text in {**files, "package.json": stated}.items()})


def debian_source(
    folder: Path, name: str, version: str, files: Mapping[str, str], copyright_text: str, revision: str = "1"
) -> Path:
    """The .dsc of a source package whose tarballs lie beside it."""
    upstream = tarball(folder / f"{name}_{version}.orig.tar.gz", {f"{name}-{version}/{k}": v for k, v in files.items()})
    packaging = tarball(folder / f"{name}_{version}-{revision}.debian.tar.gz", {"debian/copyright": copyright_text})
    rows = "".join(f" {sha256(path)} {path.stat().st_size} {path.name}\n" for path in (upstream, packaging))
    dsc = folder / f"{name}_{version}-{revision}.dsc"
    dsc.write_text(f"Source: {name}\nVersion: {version}-{revision}\nChecksums-Sha256:\n{rows}Files:\n")
    return dsc


def tarball(path: Path, files: Mapping[str, str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for inside, text in files.items():
            member = tarfile.TarInfo(inside)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    path.write_bytes(gzip.compress(content.getvalue(), mtime=0))
    return path


def entry(kind: str, name: str, version: str, artefact: Path, licence: str = "MIT") -> Entry:
    return Entry(kind, name, version, licence, sha256(artefact))


def plays(folder: Path, command: str, script: str) -> None:
    """A command written in Python, which finds its arguments in `arguments`."""
    path = folder / command
    path.write_text(f"#!{sys.executable}\nimport os, pathlib, shutil, sys\narguments = sys.argv[1:]\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def on_path(folder: Path) -> str:
    return f"{folder}{os.pathsep}{os.environ['PATH']}"
