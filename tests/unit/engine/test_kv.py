"""Which sequence serves a prompt."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.engine.kv import KvCache, common_prefix


@attrs.define
class Store:
    """Holds what a real context would hold; `tokens` is filled by the test as it evaluates."""

    tokens: dict[int, list[int]] = attrs.field(factory=dict)
    restores: int = 0
    recurrent: bool = False

    def truncate(self, sequence: int, length: int) -> int:
        held = self.tokens.get(sequence, [])
        length = length if not self.recurrent or length >= len(held) else 0
        self.tokens[sequence] = held[:length]
        return length

    def copy(self, source: int, target: int) -> None:
        self.tokens[target] = list(self.tokens[source])

    def save(self, sequence: int) -> list[int] | None:
        return list(self.tokens[sequence])

    def restore(self, sequence: int, state: list[int]) -> bool:
        self.restores += 1
        self.tokens[sequence] = list(state)
        return True


@attrs.define
class Machine:
    """A cache over a store, evaluating what is not reused."""

    sequences: int = 4
    host_bytes: int = 1_000_000
    store: Store = attrs.field(factory=Store)
    cache: KvCache[list[int]] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.cache = KvCache(self.store, self.sequences, host_bytes=self.host_bytes, bytes_per_token=1)

    def run(self, lane: str, tokens: list[int]) -> int:
        """How many tokens were reused."""
        place = self.cache.place(lane, tokens)
        held = self.store.tokens.setdefault(place.sequence, [])
        assert held == tokens[: place.reused]
        held.extend(tokens[place.reused :])
        self.cache.appended(place.sequence, tokens[place.reused :])
        return place.reused


def text(start: int, length: int = 200) -> list[int]:
    return list(range(start, start + length))


def test_an_appended_prompt_reuses_everything_before() -> None:
    machine = Machine()
    machine.run("a", text(0))
    assert machine.run("a", [*text(0), 7, 8]) == 200


def test_an_identical_prompt_evaluates_its_last_token() -> None:
    """Only an evaluated token has logits."""
    machine = Machine()
    machine.run("a", text(0))
    assert machine.run("a", text(0)) == 199


def test_lanes_do_not_take_each_others_sequences() -> None:
    """Four windows take turns and each finds its own prompt again without a copy."""
    machine = Machine(sequences=4)
    for lane in "abcd":
        machine.run(lane, text(1000 * ord(lane)))
    for lane in "abcd" * 3:
        assert machine.run(lane, text(1000 * ord(lane))) == 199
    assert machine.store.restores == 0


def test_a_lane_that_jumps_about_pays_with_its_own_sequences() -> None:
    machine = Machine(sequences=3)
    machine.run("quiet", text(10_000))
    for jump in range(10):
        machine.run("jumpy", text(jump * 300))
    machine.run("quiet", text(10_000))
    assert machine.store.restores == 0


def test_an_evicted_prompt_comes_back_from_host_memory() -> None:
    machine = Machine(sequences=1)
    machine.run("a", text(0))
    machine.run("b", text(5000))
    assert machine.run("a", text(0)) == 199
    assert machine.store.restores == 1


def test_the_tail_that_an_edit_cuts_off_is_kept() -> None:
    """Going back to where one was before costs a copy, not an evaluation."""
    machine = Machine(sequences=1)
    before = text(0, 400)
    machine.run("a", before)
    machine.run("a", [*before[:100], *text(9000, 100)])
    assert machine.run("a", before) == 399


def test_host_memory_stays_within_its_bound() -> None:
    machine = Machine(sequences=1, host_bytes=450)
    for start in range(0, 10_000, 1000):
        machine.run("a", text(start))
    assert 0 < machine.cache.saved_bytes <= 450


def test_a_common_head_is_copied_to_another_lane() -> None:
    """Two windows on one repository share its head."""
    machine = Machine()
    machine.run("a", [*text(0), *text(5000)])
    assert machine.run("b", [*text(0), *text(7000)]) == 200
    assert machine.run("a", [*text(0), *text(5000)]) == 399


def test_a_model_that_cannot_forget_a_part_starts_anew() -> None:
    """Recurrent models keep all or nothing."""
    machine = Machine(sequences=1, store=Store(recurrent=True))
    machine.run("a", text(0))
    assert machine.run("a", [*text(0, 150), *text(4000, 40)]) == 0


def test_a_measurement_gets_an_empty_sequence() -> None:
    machine = Machine(sequences=1)
    machine.run("a", text(0))
    assert machine.store.tokens[machine.cache.vacate()] == []
    assert machine.run("a", text(0)) == 199


@given(st.lists(st.integers(0, 2), max_size=600), st.lists(st.integers(0, 2), max_size=600), st.integers(0, 600))
def test_the_common_prefix_is_the_longest(one: list[int], other: list[int], shared: int) -> None:
    other = one[:shared] + other
    length = common_prefix(one, other)
    assert one[:length] == other[:length]
    assert length in (len(one), len(other)) or one[length] != other[length]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 4), st.integers(1, 300)), max_size=40))
@pytest.mark.parametrize("sequences", [1, 2, 3])
def test_what_is_reused_is_what_the_sequence_holds(sequences: int, steps: list[tuple[str, int, int]]) -> None:
    """For any history; `Machine.run` compares the store's content with the prompt."""
    machine = Machine(sequences=sequences, host_bytes=900)
    for lane, start, length in steps:
        machine.run(lane, [*text(0, 80), *text(1000 * start, length)])
