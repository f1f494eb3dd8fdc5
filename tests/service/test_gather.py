"""What gathering promises: a batch closes by size or by waiting time, whichever comes first, and loses nothing."""

from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.kafka.interface import Batch, TopicPartition
from driftline.service.gather import Gather
from tests.service.scripted import HandClock
from tests.streams import batch

WAIT = 0.010


class Polls:
    """A reader whose polls bring what is written for them, after the time written."""

    def __init__(self, clock: HandClock, script: list[tuple[float, int]]) -> None:
        self.clock, self.script = clock, list(script)
        self.asked: list[tuple[float, int]] = []
        self.sent = 0
        self.partition = 0
        self.gather: Gather | None = None
        self.taken_at: int | None = None
        """Number of the poll in which partition 0 is taken away."""

    def poll(self, timeout: float, max_records: int) -> list[Batch]:
        if self.gather is not None and self.taken_at == len(self.asked):
            self.partition = 1
            self.gather.drop(frozenset({("t", 0)}))
        self.asked.append((timeout, max_records))
        after, count = self.script.pop(0) if self.script else (timeout, 0)
        if after > timeout:
            self.script.insert(0, (after - timeout, count))
            self.clock.sleep(timeout)
            return []
        self.clock.sleep(after)
        if count > max_records:
            self.script.insert(0, (0.0, count - max_records))
            count = max_records
        if not count:
            return []
        start, self.sent = self.sent, self.sent + count
        return [batch([b"%d" % i for i in range(start, self.sent)], "t", self.partition, start)]


def gathering(script: list[tuple[float, int]], size: int = 8) -> tuple[Gather, Polls, HandClock]:
    clock = HandClock()
    reader = Polls(clock, script)
    reader.gather = Gather(reader, clock, size, WAIT)  # type: ignore[arg-type]
    return reader.gather, reader, clock


def sizes(batches: list[Batch]) -> list[int]:
    return [len(one) for one in batches]


class TestABatchCloses:
    def test_at_once_when_it_is_full(self) -> None:
        gather, reader, clock = gathering([(0.0, 8)])
        before = clock.now
        assert sizes(gather.next()) == [8]
        assert clock.now == before
        assert len(reader.asked) == 1

    def test_when_its_company_fills_it(self) -> None:
        gather, reader, _ = gathering([(0.0, 3), (0.002, 3), (0.002, 9)])
        assert sizes(gather.next()) == [3, 3, 2]
        assert [most for _, most in reader.asked] == [8, 5, 2]
        assert sizes(gather.next()) == [7]

    def test_when_the_first_record_has_waited_long_enough(self) -> None:
        gather, _, clock = gathering([(0.0, 1), (0.006, 1), (0.006, 1)])
        before = clock.now
        assert sizes(gather.next()) == [1, 1]
        assert abs(clock.now - before - WAIT) < 1e-9
        assert sizes(gather.next()) == [1]  # the third was 2 ms late, and begins the next

    def test_empty_when_nothing_comes_so_that_a_stop_is_noticed(self) -> None:
        gather, _, clock = gathering([])
        before = clock.now
        assert gather.next() == []
        assert abs(clock.now - before - 0.05) < 1e-9

    def test_without_waiting_where_no_time_is_given(self) -> None:
        clock = HandClock()
        reader = Polls(clock, [(0.0, 1), (0.0, 1)])
        assert sizes(Gather(reader, clock, 8, 0.0).next()) == [1]  # type: ignore[arg-type]
        assert len(reader.asked) == 1


class TestRebalance:
    def test_what_was_gathered_of_a_lost_partition_is_dropped(self) -> None:
        gather, reader, _ = gathering([(0.0, 3), (0.0, 2), (0.0, 1)])
        reader.taken_at = 2
        assert [(one.partition, len(one)) for one in gather.next()] == [(1, 1)]

    def test_what_was_gathered_of_another_is_kept(self) -> None:
        gather, reader, _ = gathering([(0.0, 3), (0.0, 2)])
        reader.partition, reader.taken_at = 1, 1
        assert [(one.partition, len(one)) for one in gather.next()] == [(1, 3), (1, 2)]

    def test_nothing_of_it_haunts_the_next_batch(self) -> None:
        gather, _, _ = gathering([(0.0, 8), (0.0, 8)])
        gather.next()
        lost: frozenset[TopicPartition] = frozenset({("t", 0)})
        gather.drop(lost)
        assert sizes(gather.next()) == [8]


@settings(max_examples=200)
@given(
    script=st.lists(st.tuples(st.sampled_from([0.0, 0.001, 0.004, 0.02, 0.2]), st.integers(0, 20)), max_size=12),
    size=st.integers(1, 12),
)
def test_every_record_comes_once_in_order_in_batches_that_keep_their_limits(
    script: list[tuple[float, int]], size: int
) -> None:
    gather, _, clock = gathering(script, size)
    seen: list[int] = []
    for _ in range(400):
        before = clock.now
        found = gather.next()
        count = sum(sizes(found))
        assert count <= size
        assert clock.now - before <= 0.05 + WAIT + 1e-9
        seen += [offset for one in found for offset in one.offsets]
    assert seen == list(range(sum(count for _, count in script)))
