"""Programs of a model's making run shut in."""

import sys

import pytest

from models.evaluation import execution

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits of memory and processor are Linux's")


def test_a_program_that_runs_to_its_end_passes() -> None:
    assert execution.passes("import math\nassert math.gcd(4, 6) == 2")


@pytest.mark.parametrize(
    "program",
    [
        "assert False",
        "def broken(:",
        "import socket; socket.socket()",
        "import _socket; _socket.socket()",
        "import os; os.system('true')",
        "import os; os.fork()",
        "import subprocess; subprocess.run(['true'])",
        "open('file', 'w').write('text')",
        "import os; os.mkdir('folder')",
        "memory = bytearray(2**31)",
    ],
)
def test_what_fails_or_reaches_out_does_not_pass(program: str) -> None:
    assert not execution.passes(program)


def test_a_program_that_never_ends_is_stopped() -> None:
    assert not execution.passes("while True: pass", timeout=0.5)
