"""Reads the header of a GGUF file: metadata, the strings of its vocabulary, and what its tensors need. No weights.

The `gguf` package's reader makes a numpy view of every string: 6.6 s and 520 MB for Qwen2.5's vocabulary (151,936
tokens, as many merges), against 0.1 s for walking the same bytes here. Its tables of types and sizes are used.
Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md (versions 2 and 3, little-endian).
"""

import mmap
import struct
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

from lsp_server.errors import ModelUnavailable

_STRING, _ARRAY = 8, 9
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
"""GGUF's value types as `struct` and `array` letters; 8 is a string, 9 an array."""

_READERS = {kind: struct.Struct("<" + letter) for kind, letter in _SCALARS.items()}
_LENGTH = struct.Struct("<Q")
_MOST_DIMENSIONS = 8

DOWNLOAD_AGAIN = "Download or copy it again; `codehearth models list` shows which models are complete."


class Damaged(Exception):
    """The bytes are not those of a complete GGUF; turned into a `ModelUnavailable` with the file's name."""


@attrs.frozen
class Header:
    """Valid within `opened` only: strings and numbers of arrays are read from the mapped file when asked for."""

    scalars: Mapping[str, str | int | float | bool]
    parameters: int
    tensor_types: Mapping[str, int]
    """Name of each tensor type, e.g. `Q4_K`, to how many of the parameters are of it."""
    tensors_end: int
    """Where the last tensor must end, in bytes; a file that is shorter is incomplete."""
    _bytes: mmap.mmap
    _arrays: Mapping[str, "_Array"]

    def count(self, key: str) -> int:
        """Number of elements of an array; 0 where there is none."""
        found = self._arrays.get(key)
        return found.count if found else 0

    def string(self, key: str, index: int) -> str:
        """One element of an array of strings."""
        return self._string_at(self._arrays[key].starts[index])

    def strings(self, key: str) -> Iterator[str]:
        """The elements of an array of strings."""
        return (self._string_at(start) for start in self._arrays[key].starts)

    def raw_strings(self, key: str) -> Iterator[bytes]:
        """The same undecoded, which is twice as fast for a whole vocabulary."""
        data, length = self._bytes, _LENGTH.unpack_from
        return (data[start + 8 : start + 8 + length(data, start)[0]] for start in self._arrays[key].starts)

    def numbers(self, key: str) -> Sequence[Any]:
        """The elements of an array of numbers; empty where there is none."""
        found = self._arrays.get(key)
        if found is None or found.kind not in _SCALARS:
            return ()
        return struct.unpack_from(f"<{found.count}{_SCALARS[found.kind]}", self._bytes, found.starts[0])

    def small_arrays(self, most: int) -> Iterator[tuple[str, Sequence[Any]]]:
        """Arrays of numbers with at most so many elements, e.g. values per layer."""
        for key, found in self._arrays.items():
            if found.kind in _SCALARS and 0 < found.count <= most:
                yield key, self.numbers(key)

    def _string_at(self, start: int) -> str:
        return self._bytes[start + 8 : start + 8 + _LENGTH.unpack_from(self._bytes, start)[0]].decode(errors="replace")


@contextmanager
def opened(path: Path) -> Iterator[Header]:
    """Maps one GGUF file. Raises ModelUnavailable when it is missing, unreadable, no GGUF or shorter than it says."""
    try:
        with path.open("rb") as file:
            start = file.read(64)
            _refuse_other_formats(path, start)
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                try:
                    header = _parse(data)
                except (Damaged, struct.error, UnicodeDecodeError, OverflowError, MemoryError) as error:
                    raise ModelUnavailable(f"{path.name} is damaged or cut short.", DOWNLOAD_AGAIN) from error
                if len(data) < header.tensors_end:
                    missing = header.tensors_end - len(data)
                    raise ModelUnavailable(
                        f"{path.name} is cut short: {missing:,} of its {header.tensors_end:,} bytes are missing.",
                        DOWNLOAD_AGAIN,
                    )
                yield header
    except FileNotFoundError as error:
        raise ModelUnavailable(
            f"There is no model file {path}.", "Correct the path, or choose one of `codehearth models list`."
        ) from error
    except IsADirectoryError as error:
        raise ModelUnavailable(f"{path} is a folder.", "Give the path of a .gguf file in it.") from error
    except OSError as error:
        raise ModelUnavailable(f"{path} cannot be read ({error.strerror}).", "Make it readable for you.") from error


@attrs.frozen
class _Array:
    kind: int
    count: int
    starts: "array[int]"
    """Offset of each string's length; for numbers the one offset at which they begin."""


def _refuse_other_formats(path: Path, start: bytes) -> None:
    if start[:4] == b"GGUF":
        if len(start) >= 8 and struct.unpack_from("<I", start, 4)[0] & 0xFFFF == 0:
            raise ModelUnavailable(f"{path.name} is a big-endian GGUF.", "Download the usual, little-endian file.")
        return
    if start.startswith(b"version https://git-lfs"):
        raise ModelUnavailable(
            f"{path.name} is a Git LFS pointer, not the model itself.", "Run `git lfs pull` in its repository."
        )
    what = "an old GGML file" if start[:4] in (b"lmgg", b"tjgg", b"fmgg") else "not a GGUF model"
    raise ModelUnavailable(
        f"{path.name} is {'empty' if not start else what}.", "Use a model in GGUF format, the format of llama.cpp."
    )


def _parse(data: mmap.mmap) -> Header:
    version, tensors, pairs = struct.unpack_from("<IQQ", data, 4)
    if version not in (2, 3):
        raise Damaged(f"GGUF version {version}")
    position = 24
    scalars: dict[str, str | int | float | bool] = {}
    arrays: dict[str, _Array] = {}
    for _ in range(pairs):
        key, position = _string(data, position)
        (kind,) = struct.unpack_from("<I", data, position)
        position += 4
        if kind == _ARRAY:
            found, position = _array(data, position)
            if found is not None:
                arrays[key] = found
        elif kind == _STRING:
            scalars[key], position = _string(data, position)
        else:
            reader = _reader(kind)
            scalars[key] = reader.unpack_from(data, position)[0]
            position += reader.size
    return _with_tensors(data, position, tensors, scalars, arrays)


def _with_tensors(
    data: mmap.mmap,
    position: int,
    tensors: int,
    scalars: dict[str, str | int | float | bool],
    arrays: dict[str, _Array],
) -> Header:
    sizes = _block_sizes()
    types: Counter[str] = Counter()
    last = 0
    for _ in range(tensors):
        _, position = _string(data, position)
        (dimensions,) = struct.unpack_from("<I", data, position)
        if dimensions > _MOST_DIMENSIONS:
            raise Damaged("too many dimensions")
        *shape, kind, offset = struct.unpack_from(f"<{dimensions}QIQ", data, position + 4)
        position += 4 + 8 * dimensions + 12
        elements = 1
        for length in shape:
            elements *= length
        # A type newer than the gguf package has no known size; the file is then checked up to its other tensors.
        name, block, size = sizes.get(kind, (f"type {kind}", 1, 0))
        types[name] += elements
        last = max(last, offset + elements // block * size)
    alignment = scalars.get("general.alignment", 32)
    if not isinstance(alignment, int) or alignment <= 0:
        raise Damaged("bad alignment")
    begin = -(-position // alignment) * alignment
    end = begin + last if tensors else 0
    return Header(scalars, sum(types.values()), dict(types), end, data, arrays)


def _array(data: mmap.mmap, position: int) -> tuple[_Array | None, int]:
    kind, count = struct.unpack_from("<IQ", data, position)
    position += 12
    if kind == _STRING:
        if count > len(data):
            raise Damaged("more strings than bytes")
        starts = array("Q", bytes(8 * count))
        length = _LENGTH.unpack_from
        for index in range(count):
            starts[index] = position
            position += 8 + length(data, position)[0]
        if position > len(data):
            raise Damaged("a string ends after the file")
        return _Array(kind, count, starts), position
    if kind == _ARRAY:  # nobody writes these; stepped over, because the format allows them
        for _ in range(count):
            _, position = _array(data, position)
        return None, position
    end = position + count * _reader(kind).size
    if end > len(data):
        raise Damaged("an array ends after the file")
    return _Array(kind, count, array("Q", [position])), end


def _string(data: mmap.mmap, position: int) -> tuple[str, int]:
    (length,) = _LENGTH.unpack_from(data, position)
    end = position + 8 + length
    if end > len(data):
        raise Damaged("a string ends after the file")
    return data[position + 8 : end].decode(errors="replace"), end


def _reader(kind: int) -> struct.Struct:
    found = _READERS.get(kind)
    if found is None:
        raise Damaged(f"unknown type {kind}")
    return found


def _block_sizes() -> Mapping[int, tuple[str, int, int]]:
    """Tensor type to (name, elements in a block, bytes of a block)."""
    from gguf.constants import GGML_QUANT_SIZES  # here, because the package imports numpy: 30 MB that `serve` saves

    return {int(kind): (kind.name, block, size) for kind, (block, size) in GGML_QUANT_SIZES.items()}
