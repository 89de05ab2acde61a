"""The GPU recipe's one command: its steps in order, interrupted and resumed, beside each other and in the background.

The stages are small programs here; what they do themselves is tested elsewhere.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from models.train.__main__ import main
from models.train.stage import Workplace
from models.train.stages import gpu

STAGE = """
import json, pathlib, sys, time
stage, root = {stage!r}, pathlib.Path(sys.argv[sys.argv.index("--work") + 1])
with (root / "calls").open("a") as calls:
    calls.write(json.dumps([stage, *sys.argv[1:]]) + "\\n")
folder = root / stage
folder.mkdir(exist_ok=True)
fail = root / ("fail-" + stage)
if fail.exists():
    count = int(fail.read_text())
    if count:
        fail.write_text(str(count - 1))
        print("It went wrong."); print("Mend it.")
        sys.exit(1)
if stage == "pack":
    (folder / "train-0000.npz").touch()
    while (root / "slow").exists():
        time.sleep(0.01)
if stage == "train":
    while (root / "slow").exists() and not (root / "quick").exists():
        time.sleep(0.01)
    print("99.0 %  step 7")
(folder / "receipt.json").write_text("{{}}")
"""


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(gpu, "_POLL_S", 0.02)
    monkeypatch.setattr(gpu, "command", lambda stage: [sys.executable, "-S", "-c", STAGE.format(stage=stage)])
    return tmp_path


def stage(work: Path, *arguments: object) -> int:
    return main(["gpu", "--work", str(work), *map(str, arguments)])


def calls(work: Path) -> list[list[str]]:
    return [json.loads(line) for line in (work / "calls").read_text().splitlines()]


def told(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().err.split())


def test_all_steps_run_in_order(work: Path) -> None:
    """From the carried bundle to the parts to be carried away, each with what it was told."""
    options = ("--bundle", work / "b", "--out", work / "o", "--minutes", 2, "--set", "width=64", "--workers", 3)
    assert stage(work, *options) == 0
    assert [call[0] for call in calls(work)] == list(gpu.STEPS)
    by_stage = {call[0]: " ".join(call[5:]) for call in calls(work)}
    assert by_stage == {
        "corpus": f"--unbundle {work / 'b'}",
        "tokenizer": "",
        "pack": "--tokens 1000000000.0 --workers 3",
        "train": "--recipe gpu --follow --minutes 2.0 --set width=64",
        "export": f"--parts {work / 'o'}",
    }
    assert Workplace(work).receipt("gpu") == {"parts": str(work / "o")}


def test_what_is_finished_is_not_done_again(work: Path) -> None:
    """After an interruption the same command begins where it was; only the export is always of the newest weights."""
    for finished in ("corpus", "tokenizer", "train"):
        Workplace(work).finish(finished)
    assert stage(work) == 0
    assert [call[0] for call in calls(work)] == ["export"]


def test_training_follows_the_first_part(work: Path) -> None:
    """Packing goes on beside training and is stopped with it: what it has not made by then nobody reads."""
    (work / "slow").touch()
    (work / "quick").touch()
    assert stage(work, "--bundle", work) == 0
    assert Workplace(work).receipt("pack") is None
    assert Workplace(work).receipt("train") is not None


def test_a_step_that_fails_is_told_and_tried_again_by_the_same_command(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sentence of the stage is the sentence of the command."""
    (work / "fail-train").write_text("1")
    assert stage(work, "--bundle", work) == 1
    assert "Step `train` stopped: It went wrong. Mend it." in told(capsys)
    assert stage(work, "--status") == 0
    assert "It does not run. Step `train` stopped" in told(capsys)
    assert stage(work) == 0
    assert [call[0] for call in calls(work)].count("corpus") == 1


def test_packing_is_begun_again_and_given_up_at_last(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A process killed for want of memory does not end the training; one that always fails does."""
    (work / "fail-pack").write_text("2")
    assert stage(work, "--bundle", work) == 0
    assert [call[0] for call in calls(work)].count("pack") == 3
    for finished in ("pack", "train"):
        Workplace(work).begin_again(finished)
    (work / "pack" / "train-0000.npz").unlink()
    (work / "fail-pack").write_text("99")
    assert stage(work) == 1
    assert "Step `pack` stopped: It went wrong." in told(capsys)


def test_without_a_corpus_and_a_bundle_nothing_begins(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The sentence names the stage that is missing."""
    assert stage(work) == 1
    assert "Stage `corpus` has not been finished" in told(capsys)


def test_two_commands_do_not_work_in_one_folder(
    work: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one says so and changes nothing."""
    monkeypatch.setattr(gpu, "_PATIENCE_S", 0.0)
    with gpu._alone(Workplace(work)):
        assert stage(work, "--bundle", work) == 1
        assert "Another command is at work" in told(capsys)
        assert stage(work, "--status") == 0
        assert "It is at work." in told(capsys)
    assert not (work / "calls").exists()


def test_detached_it_outlives_the_command(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command returns at once, the work goes on in a session of its own, and `--status --wait` sees its end."""
    driver = work / "driver.py"
    driver.write_text(
        "import sys\nfrom models.train.stages import gpu\nfrom models.train.__main__ import main\n"
        "gpu._POLL_S = 0.02\n"
        f"stage_text = {STAGE!r}\n"
        "gpu.command = lambda stage: [sys.executable, '-S', '-c', stage_text.format(stage=stage)] \\\n"
        "    if stage != 'gpu' else [sys.executable, __file__, 'gpu']\n"
        "sys.exit(main())\n",
        encoding="utf-8",
    )
    (work / "slow").touch()
    root = Path(__file__).resolve().parents[2]
    begun = subprocess.run(
        [sys.executable, driver, "gpu", "--work", work, "--bundle", work, "--detach"],
        env=os.environ | {"PYTHONPATH": str(root)},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "in the background" in begun.stderr
    assert stage(work, "--status") == 0
    assert "It is at work." in told(capsys)
    (work / "slow").unlink()
    deadline = time.monotonic() + 60
    assert stage(work, "--status", "--wait", 60) == 0
    assert time.monotonic() < deadline
    assert "All is done." in told(capsys)
