"""The tables that hold many rows: what a snapshot writes is what changed, and what is stored stays in bounds."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.labels.recent import RecentIds
from monitoring.labels.waiting import Waiting, WaitingState
from monitoring.store.encoding import DamagedState, unpack
from monitoring.store.ledger import SEGMENT, Ledger
from monitoring.store.rolling import Rolling
from tests.monitoring.stream import EPOCH, after

CAPACITY = 50_000
NAMED = np.array(["d0", "d1", "d2"], dtype=object)


def waiting(capacity: int = CAPACITY) -> Waiting:
    return Waiting(capacity, 10**9, {"answers": (np.int64, ()), "device": (np.object_, ()), "sure": (np.float32, (2,))})


def rows(start: int, n: int) -> tuple[list[str], dict[str, Any]]:
    numbers = np.arange(start, start + n)
    return [f"r{i}" for i in numbers.tolist()], {
        "answers": numbers % 5,
        "device": NAMED[numbers % 3],
        "sure": np.stack([numbers, -numbers], axis=1).astype(np.float32),
    }


@dataclass
class Checkpoints:
    """What is stored of one table, and how many rows the last snapshot wrote."""

    table: Any
    ledger: Ledger = field(default_factory=Ledger)
    stored: dict[str, bytes] = field(default_factory=dict)
    state: Any = None
    written: int = 0

    def take(self) -> None:
        self.state = self.table.snapshot(self.ledger, "t")
        changed = self.ledger.close()
        self.written = sum(self.rows(name, part) for name, part in changed.items() if part is not None)
        self.stored = after(self.stored, changed)

    @staticmethod
    def rows(name: str, part: bytes) -> int:
        _, columns = unpack(name, part, object)
        return len(next(iter(columns.values())))

    def rows_stored(self) -> int:
        return sum(self.rows(name, part) for name, part in self.stored.items())


class TestWaitingRowsAreWrittenOnce:
    def test_a_checkpoint_costs_what_came_and_one_open_segment(self) -> None:
        keep = Checkpoints(waiting())
        for start in range(0, 40_000, 2_000):
            keep.table.put(*rows(start, 2_000), EPOCH)
            keep.take()
            assert keep.written <= 2_000 + SEGMENT
        keep.take()
        assert keep.written == 0
        assert keep.rows_stored() == 40_000

    def test_rows_that_left_are_told_by_a_bit_each(self) -> None:
        keep = Checkpoints(waiting())
        keep.table.put(*rows(0, 20_000), EPOCH)
        keep.take()
        keep.table.take([f"r{i}" for i in range(0, 20_000, 3)])
        keep.take()
        assert keep.written == 0
        assert len(keep.state.segments.alive) == 10 * SEGMENT // 8

    def test_in_steady_state_both_sides_of_the_bound_hold(self) -> None:
        """2,000 come and 2,000 leave at random between checkpoints: the worst case for segments."""
        rng, keep = np.random.default_rng(1), Checkpoints(waiting())
        left: list[str] = []
        written = []
        for start in range(0, 200_000, 2_000):
            ids, columns = rows(start, 2_000)
            keep.table.put(ids, columns, EPOCH)
            left += ids
            if len(left) > 20_000:
                gone = set(rng.choice(len(left), len(left) - 20_000, replace=False).tolist())
                keep.table.take([left[i] for i in sorted(gone)])
                left = [record_id for i, record_id in enumerate(left) if i not in gone]
            keep.take()
            written.append(keep.written)
            assert keep.rows_stored() <= 2 * len(keep.table) + SEGMENT
            assert len(keep.stored) <= 2 * len(keep.table) // SEGMENT + 2
        # What came, the open segment, and the rows that moved on from segments of which more than half had left.
        assert np.mean(written) <= 3 * 2_000 + SEGMENT

    def test_a_few_stragglers_hold_no_segments(self) -> None:
        keep = Checkpoints(waiting())
        for start in range(0, 100_000, 2_000):
            ids, columns = rows(start, 2_000)
            keep.table.put(ids, columns, EPOCH)
            keep.take()
            keep.table.take(ids[1:])
        keep.take()
        assert len(keep.table) == 50
        assert len(keep.stored) <= 2

    def test_rows_that_come_and_go_between_two_snapshots_cost_nothing(self) -> None:
        keep = Checkpoints(waiting())
        for start in range(0, 30_000, 2_000):
            ids, columns = rows(start, 2_000)
            keep.table.put(ids, columns, EPOCH)
            keep.table.take(ids)
            keep.take()
            assert keep.written == 0
        assert keep.stored == {}


Move = tuple[str, int]


class TestARestoredTableIsTheTable:
    @settings(max_examples=60, deadline=None)
    @given(
        moves=st.lists(
            st.tuples(st.sampled_from(["put", "take", "oldest", "snapshot", "restart"]), st.integers(1, 3_000)),
            max_size=25,
        ),
        seed=st.integers(0, 1_000),
    )
    def test_whatever_was_done_to_it(self, moves: list[Move], seed: int) -> None:
        rng = np.random.default_rng(seed)
        plain, keep, next_row = waiting(6_000), Checkpoints(waiting(6_000)), 0
        for what, n in moves:
            tables = (plain, keep.table)
            if what == "put":
                assert len({table.put(*rows(next_row, n), EPOCH + n) for table in tables}) == 1
                next_row += n
            elif what in ("take", "oldest"):
                known = list(plain._slots)
                chosen = known[:n] if what == "oldest" else rng.permutation(known)[:n].tolist()
                one, other = (table.take(chosen) for table in tables)
                assert all((one[name] == other[name]).all() for name in one)
            else:
                keep.take()
                if what == "restart":
                    keep.table = waiting(6_000)
                    assert keep.table.restore(keep.state, keep.stored, "t") == 0
                    keep.ledger = Ledger()
                    keep.ledger.restored(keep.stored)
            assert list(plain._slots) == list(keep.table._slots)

    def test_with_less_room_it_keeps_the_newest(self) -> None:
        keep, small = Checkpoints(waiting()), waiting(300)
        keep.table.put(*rows(0, 5_000), EPOCH)
        keep.take()
        assert small.restore(keep.state, keep.stored, "t") == 4_700
        assert list(small._slots) == [f"r{i}" for i in range(4_700, 5_000)]

    def test_nobody_waits_longer_for_it(self) -> None:
        keep, again = Checkpoints(waiting()), waiting()
        keep.table.put(*rows(0, 10), EPOCH)
        keep.table.put(*rows(10, 10), EPOCH + 500)
        keep.take()
        again.restore(keep.state, keep.stored, "t")
        assert again.expire(EPOCH + 10**9) == 10
        assert len(again) == 10

    def test_a_missing_segment_is_said(self) -> None:
        keep = Checkpoints(waiting())
        keep.table.put(*rows(0, 5_000), EPOCH)
        keep.take()
        del keep.stored["t/1"]
        with pytest.raises(DamagedState, match="part t/1 is missing"):
            waiting().restore(keep.state, keep.stored, "t")

    def test_so_are_columns_of_another_stream(self) -> None:
        keep = Checkpoints(waiting())
        keep.table.put(*rows(0, 5), EPOCH)
        keep.take()
        with pytest.raises(DamagedState, match="not the columns of this stream"):
            Waiting(100, 1, {"answers": (np.int64, ())}).restore(keep.state, keep.stored, "t")

    def test_an_empty_one(self) -> None:
        assert waiting().restore(WaitingState(), {}, "t") == 0


class TestRollingRows:
    @settings(max_examples=60, deadline=None)
    @given(
        appended=st.lists(st.integers(0, 3_000), max_size=12),
        capacity=st.integers(1, 7_000),
        wanted=st.integers(1, 7_000),
    )
    def test_restored_at_any_moment_and_with_any_capacity(
        self, appended: list[int], capacity: int, wanted: int
    ) -> None:
        keep = Checkpoints(Rolling(capacity, x=np.int64, name=np.object_))
        for n in appended:
            x = np.arange(keep.table.total, keep.table.total + n)
            keep.table.append(x=x, name=x.astype(str).astype(object))
            keep.take()
            assert keep.written <= n + SEGMENT
            assert keep.rows_stored() <= len(keep.table) + SEGMENT
        if not appended:
            keep.take()
        again = Rolling(wanted, x=np.int64, name=np.object_)
        again.restore(keep.state, keep.stored, "t")
        newest = min(wanted, len(keep.table))
        assert again.total == keep.table.total
        assert len(again) == newest
        assert again["x"].tolist() == keep.table["x"].tolist()[len(keep.table) - newest :]
        assert again["name"].tolist() == keep.table["name"].tolist()[len(keep.table) - newest :]


class TestRecentIds:
    @settings(max_examples=60, deadline=None)
    @given(added=st.lists(st.integers(0, 3_000), max_size=12), capacity=st.integers(2, 9_000))
    def test_restored_at_any_moment_they_forget_at_the_same(self, added: list[int], capacity: int) -> None:
        keep, plain, number = Checkpoints(RecentIds(capacity)), RecentIds(capacity), 0
        for n in added:
            ids = [f"r{i}" for i in range(number, number + n)]
            number += n
            plain.add(ids)
            keep.table.add(ids)
            keep.take()
            assert keep.written <= n + 2 * SEGMENT
            keep.table = RecentIds(capacity)
            keep.table.restore(keep.state, keep.stored, "t")
            keep.ledger = Ledger()
            keep.ledger.restored(keep.stored)
            assert (keep.table._old, keep.table._young) == (plain._old, plain._young)

    def test_with_another_capacity_they_keep_the_newest(self) -> None:
        keep, small = Checkpoints(RecentIds(10_000)), RecentIds(100)
        keep.table.add(f"r{i}" for i in range(8_000))
        keep.take()
        small.restore(keep.state, keep.stored, "t")
        assert "r7999" in small
        assert "r7000" not in small
        assert len(small) <= 100
