"""What checkpoints promise: the state that comes back is the one that was committed last, whole, or none."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.service.checkpoint import HEAD, PIECE_BYTES, CheckpointFold, CheckpointWriter, DamagedCheckpoint

PLACE = ("t.labels", 0)
NAMES = st.sampled_from(["core", "rows/0", "rows/1", "rows/2"])
CHANGES = st.dictionaries(NAMES, st.none() | st.binary(max_size=40), max_size=4)


def fold(log: list[tuple[bytes, bytes | None]]) -> CheckpointFold:
    made = CheckpointFold()
    for key, value in log:
        made.take(key, value)
    return made


def compacted(log: list[tuple[bytes, bytes | None]]) -> list[tuple[bytes, bytes | None]]:
    """The newest record of each key, in order, without tombstones: what the log cleaner leaves."""
    newest = {key: i for i, (key, _) in enumerate(log)}
    return [(k, v) for i, (k, v) in enumerate(log) if newest[k] == i and v is not None]


class TestWhatComesBack:
    @settings(max_examples=150, deadline=None)
    @given(rounds=st.lists(CHANGES, min_size=1, max_size=8), compact_at=st.integers(0, 8))
    def test_the_parts_and_positions_of_the_last_checkpoint_also_after_compaction(
        self, rounds: list[dict[str, bytes | None]], compact_at: int
    ) -> None:
        writer, log, state = CheckpointWriter("s"), [], {}
        for number, changed in enumerate(rounds):
            out = writer.records(changed, {PLACE: number}, {"outcomes": number}, 5)
            assert out.keys is not None and out.keys[-1] == HEAD
            log += zip(out.keys, out.values, strict=True)
            if number == compact_at:
                log = compacted(log)
            state = {k: v for k, v in {**state, **changed}.items() if v is not None}
            found = fold(log).checkpoint()
            assert found is not None
            assert (found.number, found.positions, found.parts) == (number + 1, {PLACE: number}, state)

    @settings(max_examples=100, deadline=None)
    @given(rounds=st.lists(CHANGES, min_size=2, max_size=6), torn=st.data())
    def test_a_checkpoint_without_its_head_leaves_the_one_before_in_force(
        self, rounds: list[dict[str, bytes | None]], torn: st.DataObject
    ) -> None:
        writer, log = CheckpointWriter("s"), []
        for changed in rounds[:-1]:
            out = writer.records(changed, {PLACE: 1}, {}, 5)
            log += zip(out.keys or (), out.values, strict=True)
        before = fold(log).checkpoint()
        out = writer.records(rounds[-1], {PLACE: 2}, {}, 5)
        last = list(zip(out.keys or (), out.values, strict=True))
        log += last[: torn.draw(st.integers(0, len(last) - 1))]
        assert fold(log).checkpoint() == before
        # The next process goes on from there, and its checkpoint is whole again.
        again = fold(log)
        successor = CheckpointWriter("s")
        successor.resume(again.number, again.listed())
        out = successor.records({"core": b"new"}, {PLACE: 3}, {}, 5)
        log += zip(out.keys or (), out.values, strict=True)
        found = fold(log).checkpoint()
        assert found is not None and before is not None
        assert found.parts == {**before.parts, "core": b"new"}

    def test_a_large_part_is_cut_into_records_that_a_broker_takes_and_shrinks_again(self) -> None:
        import random

        large = random.Random(1).randbytes(3 * PIECE_BYTES)
        writer = CheckpointWriter("s")
        first = writer.records({"core": large}, {}, {}, 5)
        assert max(len(value or b"") for value in first.values) <= PIECE_BYTES + 8
        second = writer.records({"core": b"small"}, {}, {}, 6)
        log = [*zip(first.keys or (), first.values, strict=True), *zip(second.keys or (), second.values, strict=True)]
        found = fold(log).checkpoint()
        assert found is not None and found.parts == {"core": b"small"}
        assert sum(value is None for value in second.values) == 3

    def test_a_part_that_did_not_change_is_not_written_again(self) -> None:
        writer = CheckpointWriter("s")
        writer.records({"core": b"x"}, {}, {}, 5)
        assert writer.records({"core": b"x"}, {}, {}, 6).keys == [HEAD]

    def test_nothing_on_the_topic_is_no_checkpoint(self) -> None:
        assert fold([]).checkpoint() is None

    def test_the_head_is_readable_by_anybody(self) -> None:
        out = CheckpointWriter("s").records({}, {PLACE: 7}, {"outcomes": 3}, 5)
        head = json.loads(out.values[-1] or b"")
        assert (head["number"], head["positions"], head["account"]) == (1, {"t.labels": {"0": 7}}, {"outcomes": 3})


class TestDamage:
    @pytest.mark.parametrize("value", [None, b"", b"{", b"[]", b'{"schema_version": 1}', b'{"schema_version": 9}'])
    def test_a_head_that_cannot_be_read_is_refused(self, value: bytes | None) -> None:
        with pytest.raises(DamagedCheckpoint):
            fold([(HEAD, value)])

    def test_a_part_that_is_missing_or_changed_is_refused(self) -> None:
        out = CheckpointWriter("s").records({"core": b"x"}, {}, {}, 5)
        log = list(zip(out.keys or (), out.values, strict=True))
        with pytest.raises(DamagedCheckpoint, match="not whole"):
            fold(log[1:]).checkpoint()
        with pytest.raises(DamagedCheckpoint, match="not what its head says"):
            fold([(log[0][0], (log[0][1] or b"") + b"y"), *log[1:]]).checkpoint()
