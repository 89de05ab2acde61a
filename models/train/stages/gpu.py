"""Stage `gpu`: the GPU recipe as one command, for a machine without a network that is lent for minutes.

Runs the stages in order as processes of their own: unpacks the carried corpus, learns the tokenizer, packs on all cores
while training already follows the first parts, and exports in parts to be carried away. Every step goes on where it
was interrupted. Detached, it outlives the command that began it. Holds no knowledge of its own about any stage.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import filelock

from models.train.stage import TrainingError, Workplace, console, replacing

STAGE = "gpu"
STEPS = ("corpus", "tokenizer", "pack", "train", "export")

_POLL_S = 0.5
_PACK_ATTEMPTS = 3
"""A pack that is killed for want of memory goes on at the part where it was."""

_STOP_S = 20.0
"""For a process to end after it was asked to."""

_PATIENCE_S = 5.0
"""For the lock, which `--status` takes for a moment to see whether it is free."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bundle", type=Path, metavar="DIR", help="the parts of `corpus --bundle`, carried here")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the model goes, in parts (default: gpu/parts)")
    parser.add_argument("--recipe", default="gpu", help="as for `train` (default: %(default)s)")
    parser.add_argument("--minutes", type=float, help="of training (default: as the recipe has it)")
    parser.add_argument("--tokens", type=float, default=1e9, help="to pack at most (default: %(default)g)")
    parser.add_argument("--workers", type=int, help="processes that pack (default: one for each core)")
    parser.add_argument(
        "--head-start", type=float, default=0.0, metavar="MINUTES", help="of packing before training begins"
    )
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as for `train`")
    parser.add_argument("--detach", action="store_true", help="go on in the background and return at once")
    parser.add_argument("--status", action="store_true", help="say how far it is, and change nothing")
    parser.add_argument("--wait", type=float, default=0.0, metavar="SECONDS", help="with --status: until it has ended")


def run(arguments: argparse.Namespace, workplace: Workplace) -> None:
    if arguments.status:
        _wait(workplace, arguments.wait)
        _tell(workplace)
    elif arguments.detach:
        _detach(arguments, workplace)
    else:
        with _alone(workplace):
            _all(arguments, workplace)


def _all(arguments: argparse.Namespace, workplace: Workplace) -> None:
    workplace.begin_again(STAGE)
    _note(workplace, None)
    try:
        _steps(arguments, workplace)
    except TrainingError as error:
        _note(workplace, f"{error.sentence} {error.next_step}")
        raise
    workplace.finish(STAGE, parts=str(_out(arguments, workplace)))
    console.print(f"The model is in parts in {_out(arguments, workplace)}.", highlight=False)


def _steps(arguments: argparse.Namespace, workplace: Workplace) -> None:
    steps = _Steps(workplace, arguments.seed)
    if workplace.receipt("corpus") is None:
        if arguments.bundle is None:
            workplace.need("corpus")
        steps.run("corpus", "--unbundle", arguments.bundle)
    if workplace.receipt("tokenizer") is None:
        steps.run("tokenizer")
    packing = ["--tokens", arguments.tokens, *_given("--workers", arguments.workers)]
    training = ["--recipe", arguments.recipe, "--follow", *_given("--minutes", arguments.minutes)]
    for change in arguments.set:
        training += ["--set", change]
    if workplace.receipt("train") is None:
        with steps.background("pack", packing) as pack:
            pack.head_start(arguments.head_start * 60)
            steps.run("train", *training, beside=pack)
    steps.run("export", "--parts", _out(arguments, workplace))


class _Steps:
    """Runs stages, each in a process of its own with its words in `gpu/STAGE.log`."""

    def __init__(self, workplace: Workplace, seed: int) -> None:
        self.workplace = workplace
        self._seed = seed

    def run(self, stage: str, *options: object, beside: "_Packing | None" = None) -> None:
        """Returns when the stage is finished. Raises TrainingError when it failed, or `beside` did for good."""
        process = self.start(stage, options)
        try:
            while process.poll() is None:
                if beside is not None:
                    beside.look_after()
                time.sleep(_POLL_S)
        finally:
            _stop(process)
        if process.returncode != 0:
            raise self.failure(stage)

    def start(self, stage: str, options: tuple[object, ...] | list[object]) -> "subprocess.Popen[bytes]":
        console.print(f"{time.strftime('%H:%M:%S')}  {stage}", highlight=False)
        common = ["--work", self.workplace.root, "--seed", self._seed]
        with log(self.workplace, stage).open("ab") as words:
            return subprocess.Popen(
                [*command(stage), *(str(option) for option in (*common, *options))],
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=subprocess.STDOUT,
                env=os.environ | {"COLUMNS": "1000"},
            )

    def failure(self, stage: str) -> TrainingError:
        return TrainingError(
            f"Step `{stage}` stopped: {_end_of_log(self.workplace, stage, 2) or 'it said nothing.'}",
            f"All it said is in {log(self.workplace, stage)}; run the command again, finished parts are kept.",
        )

    @contextmanager
    def background(self, stage: str, options: list[object]) -> "Iterator[_Packing]":
        """The stage beside another one, until the block ends; what it has finished by then is kept."""
        packing = _Packing(self, stage, options)
        try:
            yield packing
        finally:
            packing.stop()


class _Packing:
    """`pack` in the background, begun again when it fails."""

    def __init__(self, steps: _Steps, stage: str, options: list[object]) -> None:
        self._steps, self._stage, self._options = steps, stage, options
        self._attempts = 0
        self._process: subprocess.Popen[bytes] | None = None
        if steps.workplace.receipt(stage) is None:
            self._begin()

    def look_after(self) -> None:
        """Raises TrainingError when it has failed too often."""
        if self._process is None or self._process.poll() is None:
            return
        if self._process.returncode == 0:
            self._process = None
        elif self._attempts < _PACK_ATTEMPTS:
            self._begin()
        else:
            raise self._steps.failure(self._stage)

    def head_start(self, seconds: float) -> None:
        """Waits for so long, at least for the first part, and no longer than it works."""
        begun = time.monotonic()
        folder = self._steps.workplace.folder(self._stage)
        while self._process is not None and (
            time.monotonic() - begun < seconds or not (folder / "train-0000.npz").exists()
        ):
            time.sleep(_POLL_S)
            self.look_after()

    def stop(self) -> None:
        if self._process is not None:
            _stop(self._process)

    def _begin(self) -> None:
        self._attempts += 1
        self._process = self._steps.start(self._stage, self._options)


def command(stage: str) -> list[str]:
    return [sys.executable, "-m", "models.train", stage]


def log(workplace: Workplace, step: str) -> Path:
    return workplace.folder(STAGE) / f"{step}.log"


def _detach(arguments: argparse.Namespace, workplace: Workplace) -> None:
    with _alone(workplace):
        workplace.begin_again(STAGE)
        _note(workplace, None)
    options: list[object] = ["--work", workplace.root, "--seed", arguments.seed, "--recipe", arguments.recipe]
    options += ["--tokens", arguments.tokens, "--head-start", arguments.head_start]
    for name in ("bundle", "out", "minutes", "workers"):
        options += _given(f"--{name}", getattr(arguments, name))
    for change in arguments.set:
        options += ["--set", change]
    with log(workplace, STAGE).open("ab") as words:
        subprocess.Popen(
            [*command(STAGE), *(str(option) for option in options)],
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + _STOP_S
    while not (_running(workplace) or _ended(workplace)) and time.monotonic() < deadline:
        time.sleep(_POLL_S / 5)
    console.print(f"It goes on in the background; `gpu --status --work {workplace.root}` says how far it is.")


def _wait(workplace: Workplace, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and _running(workplace):
        time.sleep(_POLL_S)


def _tell(workplace: Workplace) -> None:
    for step in STEPS:
        if workplace.receipt(step) is not None:
            console.print(f"{step:10} finished", highlight=False)
        elif log(workplace, step).exists():
            parts = len(list(workplace.folder("pack").glob("train-*.npz"))) if step == "pack" else 0
            told = f"{parts} parts so far" if parts else _end_of_log(workplace, step, 1)
            console.print(f"{step:10} {told}", highlight=False, markup=False)
        else:
            console.print(f"{step:10} not begun", highlight=False)
    failed = _failed(workplace)
    if workplace.receipt(STAGE) is not None:
        console.print("All is done.")
    elif _running(workplace):
        console.print("It is at work.")
    else:
        console.print(f"It does not run. {failed or 'Run the command again to go on.'}", highlight=False, markup=False)


@contextmanager
def _alone(workplace: Workplace, patience: float | None = None) -> Iterator[None]:
    try:
        with filelock.FileLock(workplace.folder(STAGE) / "lock", timeout=_PATIENCE_S if patience is None else patience):
            yield
    except filelock.Timeout as error:
        raise TrainingError(
            f"Another command is at work in {workplace.root}.", "`gpu --status` says how far it is."
        ) from error


def _running(workplace: Workplace) -> bool:
    try:
        with _alone(workplace, patience=0):
            return False
    except TrainingError:
        return True


def _ended(workplace: Workplace) -> bool:
    return workplace.receipt(STAGE) is not None or _failed(workplace) is not None


def _note(workplace: Workplace, failed: str | None) -> None:
    with replacing(workplace.folder(STAGE) / "state.json") as path:
        path.write_text(json.dumps({"failed": failed}) + "\n", encoding="utf-8")


def _failed(workplace: Workplace) -> str | None:
    try:
        state: dict[str, Any] = json.loads((workplace.folder(STAGE) / "state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return state.get("failed")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """As if the person had interrupted it; by force where that does not help."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _end_of_log(workplace: Workplace, step: str, count: int) -> str:
    """The last lines, in one. A stage that fails ends with its sentence and its next step."""
    try:
        lines = log(workplace, step).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return " ".join([line.strip() for line in lines if line.strip()][-count:])


def _out(arguments: argparse.Namespace, workplace: Workplace) -> Path:
    out: Path = arguments.out or workplace.folder(STAGE) / "parts"
    return out


def _given(option: str, value: object) -> list[object]:
    return [] if value is None else [option, value]
