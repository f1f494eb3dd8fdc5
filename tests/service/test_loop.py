"""What the service loop promises: outputs and offsets together, aborted rounds read again, nothing lost or doubled."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from driftline.kafka.interface import Batch, Fenced, KafkaFault, Outgoing, Replaced, TopicPartition
from driftline.service.core import Step
from driftline.service.loop import MOST_ABORTS, Hooks, LoopSettings, ServiceLoop
from driftline.service.metrics import LoopMetrics
from tests.service.scripted import HandClock, ScriptedClient

SETTINGS = LoopSettings("g", ["t"], batch_size=4, max_wait=0.01)


class Echo:
    """A core that sends what it is given; `busy` rounds long where asked."""

    def __init__(self, busy: int = 0) -> None:
        self.busy, self.left = busy, 0
        self.held: list[bytes | None] = []
        self.ticks = 0
        self.moves: list[tuple[str, frozenset[TopicPartition]]] = []

    def process(self, batches: Sequence[Batch], now_ms: int) -> Step:
        self.held += [value for batch in batches for value in batch.values]
        self.left = self.busy
        return self._step()

    def tick(self, now_ms: int) -> Step:
        self.ticks += 1
        self.left = max(self.left - 1, 0)
        return self._step()

    def _step(self) -> Step:
        if self.left:
            return Step(busy=True)
        held, self.held = self.held, []
        return Step([Outgoing("out", held)] if held else [])

    def assigned(self, partitions: frozenset[TopicPartition]) -> None:
        self.moves.append(("assigned", partitions))

    def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        self.moves.append(("revoked", partitions))
        self.held, self.left = [], 0


def loop(client: ScriptedClient, core: Echo, hooks: Hooks | None = None, **changes: object) -> ServiceLoop:
    settings = LoopSettings(**{**{f: getattr(SETTINGS, f) for f in SETTINGS.__slots__}, **changes})  # type: ignore[arg-type]
    return ServiceLoop(core, client, settings, client.clock, LoopMetrics(CollectorRegistry()), hooks)  # type: ignore[arg-type]


def records(count: int) -> list[bytes]:
    return [b"%d" % i for i in range(count)]


class TestTogetherOrNotAtAll:
    @settings(max_examples=60, deadline=None)
    @given(
        count=st.integers(0, 30),
        faults=st.dictionaries(st.integers(0, 12), st.sampled_from([Fenced("x"), KafkaFault("y")]), max_size=6),
    )
    def test_each_record_is_answered_exactly_once_whatever_commits_fail(
        self, count: int, faults: dict[int, KafkaFault]
    ) -> None:
        client = ScriptedClient(records(count), HandClock(), faults=faults)
        made = loop(client, Echo())
        for _ in range(count + 30):
            made.round()
        assert [value for _, value in client.visible] == records(count)
        assert client.committed == count

    def test_a_broker_that_stays_away_ends_the_service_with_the_fault(self) -> None:
        client = ScriptedClient(records(3), HandClock(), faults={i: KafkaFault("gone") for i in range(50)})
        with pytest.raises(KafkaFault, match="gone"):
            loop(client, Echo()).run(lambda: False)
        assert client.commits == MOST_ABORTS
        assert client.visible == []
        assert client.closed == ["reader", "writer"]

    def test_a_replaced_process_ends_at_once(self) -> None:
        client = ScriptedClient(records(3), HandClock(), faults={0: Replaced("another of this name")})
        with pytest.raises(Replaced):
            loop(client, Echo()).run(lambda: False)
        assert client.commits == 1


class TestTelling:
    def test_what_was_committed_is_told_once_also_after_an_aborted_round(self) -> None:
        client = ScriptedClient(records(2), HandClock(), faults={0: KafkaFault("gone")})
        told: list[int] = []
        made = loop(client, Echo(), Hooks(committed=lambda outputs: told.append(client.committed)), batch_size=1)
        for _ in range(6):
            made.round()
        assert told == [1, 2]

    def test_a_service_without_checkpoints_says_nothing_of_their_age(self) -> None:
        name = "driftline_checkpoint_timestamp_seconds"
        for stateful in (False, True):
            registry = CollectorRegistry()
            LoopMetrics(registry, stateful)
            assert (registry.get_sample_value(name) is not None) == stateful


class TestBusyCores:
    def test_a_long_job_commits_only_once_it_is_done_and_polls_meanwhile(self) -> None:
        client = ScriptedClient(records(1), HandClock())
        core = Echo(busy=5)
        made = loop(client, core, batch_size=1)
        made.round()
        for _ in range(3):
            made.round()
        assert (client.committed, client.visible) == (0, [])
        for _ in range(3):
            made.round()
        assert (client.committed, client.visible) == (1, [("out", b"0")])

    def test_nothing_more_is_fetched_while_busy(self) -> None:
        client = ScriptedClient(records(2), HandClock())
        made = loop(client, Echo(busy=3), batch_size=1)
        for _ in range(2):
            made.round()
        assert client.visible == []
        for _ in range(10):
            made.round()
        assert [value for _, value in client.visible] == records(2)


class TestHolding:
    def test_records_wait_in_kafka_until_the_service_opens(self) -> None:
        client, opened = ScriptedClient(records(5), HandClock()), []
        made = loop(client, Echo(), Hooks(open=lambda: bool(opened)))
        for _ in range(4):
            made.round()
        assert client.committed == 0
        opened.append(True)
        for _ in range(4):
            made.round()
        assert client.committed == 5


class TestRebalance:
    def test_what_was_gathered_of_a_lost_partition_is_neither_answered_nor_committed(self) -> None:
        # The first poll brings 3 records of a batch of 4; the second, within the same batch, takes the partition away.
        client = ScriptedClient(records(3), HandClock(), moves={1: frozenset()})
        core = Echo()
        made = loop(client, core)
        for _ in range(3):
            made.round()
        assert (client.committed, client.visible) == (0, [])
        assert core.moves == [("assigned", frozenset({("t", 0)})), ("revoked", frozenset({("t", 0)}))]

    def test_a_job_under_way_is_dropped_with_its_partition(self) -> None:
        client = ScriptedClient(records(1), HandClock(), moves={3: frozenset(), 6: frozenset({("t", 0)})})
        made = loop(client, Echo(busy=50), batch_size=1, max_wait=0.0)
        for _ in range(5):
            made.round()
        assert (client.committed, client.visible) == (0, [])


class TestTime:
    def test_a_silent_stream_still_ticks(self) -> None:
        client, core = ScriptedClient([], HandClock()), Echo()
        made = loop(client, core, tick=1.0)
        for _ in range(100):
            made.round()
        assert 4 <= core.ticks <= 6  # 100 polls of 0.05 s are 5 s
