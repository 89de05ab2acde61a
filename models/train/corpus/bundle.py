"""The finished corpus as files of at most 60 MB for a machine without a network, and back.

The parts are one xz-compressed tar archive, cut; `bundle.json` has the SHA-256 of every part and is written last, so a
bundle without it is not complete. Candidates and artefacts stay behind.
"""

import gzip
import io
import json
import lzma
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from models.train.corpus.candidates import COMPRESSION
from models.train.stage import RECEIPT, TrainingError, console, disk_trouble, progress, replacing, sha256

PART_BYTES = 60_000_000
LISTED = "bundle.json"
_PACKAGES = "packages"
_DESCRIPTION = "packages.json"


def write(corpus: Path, bundle: Path, part_bytes: int = PART_BYTES) -> None:
    """Writes the parts of a finished corpus. Raises TrainingError when the disk is full."""
    paths = sorted((corpus / _PACKAGES).glob("*.jsonl.gz"))
    try:
        bundle.mkdir(parents=True, exist_ok=True)
        (bundle / LISTED).unlink(missing_ok=True)
        for left in bundle.glob("corpus.tar.xz.*"):
            left.unlink()
        parts = _Parts(bundle, part_bytes)
        joint = cast(IO[bytes], parts)
        with progress() as bar, lzma.open(joint, "wb") as packed, tarfile.open(fileobj=packed, mode="w|") as archive:
            task = bar.add_task("packing", total=len(paths))
            for path in paths:  # not as gzip: xz finds more in the text itself
                _add(archive, f"{_PACKAGES}/{path.name.removesuffix('.gz')}", gzip.decompress(path.read_bytes()))
                bar.advance(task)
            for name in (_DESCRIPTION, RECEIPT):
                _add(archive, name, (corpus / name).read_bytes())
        parts.close()
    except OSError as error:
        raise disk_trouble(error, bundle / LISTED) from error
    listed = {path.name: sha256(path) for path in parts.written}
    with replacing(bundle / LISTED) as temporary:
        temporary.write_text(json.dumps(listed, indent=1) + "\n", encoding="utf-8")
    console.print(f"{len(listed)} parts, {sum(path.stat().st_size for path in parts.written) / 1e6:.0f} MB.")


def read(bundle: Path, corpus: Path) -> None:
    """Unpacks a bundle once all of its parts are verified; the receipt comes last.

    Raises TrainingError where a part is missing or is not the one that was written.
    """
    parts = _verified(bundle)
    place = corpus / _PACKAGES
    place.mkdir(parents=True, exist_ok=True)
    names = set()
    rest: dict[str, bytes] = {}
    joined = io.BufferedReader(_Joined(parts))
    try:
        with lzma.open(joined) as packed, tarfile.open(fileobj=packed, mode="r|") as archive:
            for member in archive:
                file = archive.extractfile(member)
                content = file.read() if file is not None else b""
                folder, _, name = member.name.rpartition("/")
                if folder == _PACKAGES:
                    names.add(f"{name}.gz")
                    with replacing(place / f"{name}.gz") as path:
                        path.write_bytes(gzip.compress(content, COMPRESSION, mtime=0))
                elif member.name in {_DESCRIPTION, RECEIPT}:
                    rest[member.name] = content
        for path in place.iterdir():
            if path.name not in names:
                path.unlink()
        for name in (_DESCRIPTION, RECEIPT):
            with replacing(corpus / name) as path:
                path.write_bytes(rest[name])
    except (lzma.LZMAError, tarfile.TarError, EOFError, KeyError) as error:
        raise TrainingError(f"The parts in {bundle} do not make up a corpus.", "Write the bundle anew.") from error
    console.print(f"{len(names)} packages.")


class _Parts(io.RawIOBase):
    """A file to write to that goes on in the next part when one is full."""

    def __init__(self, folder: Path, part_bytes: int) -> None:
        self.written: list[Path] = []
        self._folder = folder
        self._part_bytes = part_bytes
        self._room = 0
        self._part: IO[bytes] | None = None

    def writable(self) -> bool:
        return True

    def write(self, content: object) -> int:
        view = memoryview(content).cast("B")  # type: ignore[arg-type]
        done = 0
        while done < len(view):
            if self._part is None or not self._room:
                self._next()
            assert self._part is not None
            piece = view[done : done + self._room]
            self._part.write(piece)
            self._room -= len(piece)
            done += len(piece)
        return done

    def close(self) -> None:
        if self._part is not None:
            self._part.close()
        super().close()

    def _next(self) -> None:
        if self._part is not None:
            self._part.close()
        self.written.append(self._folder / f"corpus.tar.xz.{len(self.written):02}")
        self._part = self.written[-1].open("wb")
        self._room = self._part_bytes


class _Joined(io.RawIOBase):
    """The parts, read one after another."""

    def __init__(self, parts: list[Path]) -> None:
        self._pieces = self._read(parts)
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        if not self._rest:
            self._rest = next(self._pieces, b"")
        count = min(len(view), len(self._rest))
        view[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    @staticmethod
    def _read(parts: list[Path]) -> Iterator[bytes]:
        for part in parts:
            with part.open("rb") as file:
                while piece := file.read(1 << 16):
                    yield piece


def _verified(bundle: Path) -> list[Path]:
    again = "Copy the bundle again, or write it anew with `corpus --bundle DIR`."
    try:
        listed = json.loads((bundle / LISTED).read_text(encoding="utf-8"))
        parts = [bundle / Path(name).name for name in sorted(listed)]
    except (OSError, ValueError, TypeError) as error:
        raise TrainingError(f"There is no complete bundle in {bundle}.", again) from error
    for part in parts:
        if not part.is_file():
            raise TrainingError(f"The bundle in {bundle} lacks its part {part.name}.", again)
        if sha256(part) != listed[part.name]:
            raise TrainingError(f"The part {part.name} is not the one that was written: its hash differs.", again)
    return parts


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))
