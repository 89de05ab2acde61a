"""The worker process of the first indexing: reads requests for files, answers with their facts, ends at end of input.

It is started by `pool.py` in a folder of our own with `-P`, so that nothing in the workspace is ever imported. Frames
in both directions: four bytes of length, big-endian, then JSON in UTF-8. The first frame it sends is the version of its
extractor, as another copy of this package may be first on its path. A
request is `{"folder": …, "most_bytes": …, "files": [[path, known digest or null], …]}`; it is answered
with one frame for each file, `extract.to_wire`: the server's event loop stands still while it decodes a frame, so that
small ones are better.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any, BinaryIO

from lsp_server.index.extract import extract_file, extractor_version, to_wire

_NICENESS = 10
"""A person is working on this machine while we index."""


def read_frame(stream: BinaryIO) -> Any:
    """The next message; `EOFError` where the other side is gone."""
    head = stream.read(4)
    if len(head) < 4:
        raise EOFError
    length = int.from_bytes(head, "big")
    body = stream.read(length)
    if len(body) < length:
        raise EOFError
    return json.loads(body)


def write_frame(stream: BinaryIO, message: Any) -> None:
    body = json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
    stream.write(len(body).to_bytes(4, "big") + body)
    stream.flush()


def main() -> None:
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # Native code that prints must not end up between the frames.
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123  # a device, not a path
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
    try:
        write_frame(answers, extractor_version())
        while True:
            request = read_frame(requests)
            folder, most_bytes = Path(request["folder"]), request["most_bytes"]
            for path, known in request["files"]:
                write_frame(answers, to_wire(extract_file(folder, path, known, most_bytes)))
    except (EOFError, BrokenPipeError):
        return


if __name__ == "__main__":
    main()
