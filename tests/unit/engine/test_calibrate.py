"""Choosing the number of threads, on a machine whose speed the test decides."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
import pytest

from lsp_server.engine import calibrate
from lsp_server.engine.calibrate import Speed, SpeedStore, measure

SMALL, LARGE = 9_000_000, 4_000_000_000


class Machine:
    """Decodes and prefills at given rates per number of threads, by a clock of its own."""

    def __init__(self, decode: Callable[[int], float], prefill: Callable[[int], float]) -> None:
        self._rates = (decode, prefill)
        self.threads = (0, 0)
        self.now = 0.0
        self.tried: list[int] = []

    def set_threads(self, decode: int, prefill: int) -> None:
        self.threads = (decode, prefill)
        self.tried.append(decode)

    def evaluate(self, tokens: Sequence[int], start: int) -> bool:
        decode, prefill = self._rates
        rate = decode(self.threads[0]) if len(tokens) == 1 else prefill(self.threads[1])
        self.now += len(tokens) / rate
        return True

    def reset(self) -> None:
        pass


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Machine]:
    def machine(cores: int, decode: Callable[[int], float], prefill: Callable[[int], float]) -> Machine:
        made = Machine(decode, prefill)
        monkeypatch.setattr(psutil, "cpu_count", lambda logical: cores)
        monkeypatch.setattr(time, "perf_counter", lambda: made.now)
        return made

    return machine


def test_a_small_model_that_threads_do_not_help_takes_one(on: Callable[..., Machine]) -> None:
    """The measured case: two threads wait for each other on a busy machine."""
    machine = on(8, lambda threads: 1300 if threads == 1 else 4, lambda threads: 2200 if threads == 1 else 200)
    speed = measure(machine, [1, 2, 3], model_bytes=SMALL)
    assert speed is not None
    assert (speed.threads, speed.prefill_threads) == (1, 1)
    assert machine.threads == (1, 1)
    assert machine.now < 2


def test_a_small_model_leaves_a_core_to_the_editor(on: Callable[..., Machine]) -> None:
    machine = on(4, lambda threads: 500.0 * threads, lambda threads: 900.0 * threads)
    speed = measure(machine, [1], model_bytes=SMALL)
    assert speed is not None
    assert speed.threads == 3


def test_a_large_model_takes_the_cores_it_can_use(on: Callable[..., Machine]) -> None:
    """Decoding is bound by memory and ends at four threads, prefill goes on."""
    machine = on(8, lambda threads: 2.5 * min(threads, 4), lambda threads: 10.0 * threads)
    speed = measure(machine, [1], model_bytes=LARGE, seconds=60)
    assert speed is not None
    assert (speed.threads, speed.prefill_threads) == (4, 8)


def test_a_slow_machine_is_not_measured_for_ever(on: Callable[..., Machine]) -> None:
    """The bound holds but for the candidate that is under way."""
    machine = on(16, lambda threads: 1.0, lambda threads: 20.0)
    assert measure(machine, [1], model_bytes=LARGE, seconds=1) is not None
    assert len(set(machine.tried)) <= 2


def test_the_persons_choice_is_measured_and_kept(on: Callable[..., Machine]) -> None:
    machine = on(8, lambda threads: 100.0 / threads, lambda threads: 100.0 / threads)
    speed = measure(machine, [1], model_bytes=SMALL, fixed_threads=5)
    assert speed is not None
    assert (speed.threads, speed.prefill_threads) == (5, 5)


def test_an_earlier_result_is_confirmed_by_one_measurement(on: Callable[..., Machine]) -> None:
    known = Speed(2, 2, 1000.0, 1000.0)
    machine = on(8, lambda threads: 900.0, lambda threads: 900.0)
    assert measure(machine, [1], model_bytes=SMALL, known=known) == known
    assert set(machine.tried) == {2}


def test_an_earlier_result_that_does_not_hold_is_measured_anew(on: Callable[..., Machine]) -> None:
    machine = on(8, lambda threads: 300.0 / threads, lambda threads: 300.0 / threads)
    speed = measure(machine, [1], model_bytes=SMALL, known=Speed(4, 4, 1000.0, 1000.0))
    assert speed is not None
    assert speed.threads == 1


def test_a_measurement_can_be_interrupted(on: Callable[..., Machine]) -> None:
    machine = on(8, lambda threads: 300.0, lambda threads: 300.0)
    assert measure(machine, [1], model_bytes=SMALL, interrupted=lambda: True) is None


def test_results_are_kept_and_a_damaged_file_costs_only_them(tmp_path: Path) -> None:
    store = SpeedStore(tmp_path)
    store.put("a", Speed(1, 2, 3.0, 4.0))
    store.put("b", Speed(5, 6, 7.0, 8.0))
    assert SpeedStore(tmp_path).get("a") == Speed(1, 2, 3.0, 4.0)
    for damage in ("{", "[]", '{"a": 3}', '{"a": {"threads": 1}}'):
        (tmp_path / "speeds.json").write_text(damage)
        assert store.get("a") is None
    store.put("a", Speed(1, 2, 3.0, 4.0))
    assert store.get("a") == Speed(1, 2, 3.0, 4.0)


def test_a_folder_that_cannot_be_written_is_no_problem(tmp_path: Path) -> None:
    store = SpeedStore(tmp_path / "missing")
    store.put("a", Speed(1, 2, 3.0, 4.0))
    assert store.get("a") is None


def test_another_file_has_another_key(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_bytes(b"1")
    other.write_bytes(b"1")
    assert calibrate.key_of(one, 0, "1") != calibrate.key_of(other, 0, "1")


def test_cores_that_are_busy_are_not_the_only_ones_tried(on: Callable[..., Machine]) -> None:
    """All cores of a busy machine: one decode takes longer than the whole measurement should."""
    machine = on(2, lambda threads: 20.0 if threads == 1 else 0.5, lambda threads: 100.0 if threads == 1 else 30.0)
    speed = measure(machine, [1], model_bytes=LARGE, seconds=1)
    assert speed is not None
    assert speed.threads == 1


def test_a_result_from_bad_times_is_measured_anew(on: Callable[..., Machine]) -> None:
    """Kept while a build ran, it would be confirmed by every measurement if faster counted as confirmation."""
    machine = on(8, lambda threads: 300.0, lambda threads: 300.0)
    speed = measure(machine, [1], model_bytes=SMALL, known=Speed(2, 2, 0.5, 30.0))
    assert speed is not None
    assert (speed.threads, speed.decode_rate) == (1, pytest.approx(300.0))
