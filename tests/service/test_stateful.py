"""What the loop promises a core with state: whatever dies or aborts, each record is counted once."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from driftline.kafka.interface import Batch, Fenced, KafkaFault, Outgoing, TopicPartition
from driftline.service.core import Step
from driftline.service.loop import Hooks, LoopSettings, ServiceLoop
from driftline.service.metrics import LoopMetrics
from driftline.service.recovery import Checkpointing
from tests.service.scripted import HandClock, ScriptedClient


class Counter:
    """Counts every record it is shown, says so at each tenth, and can be snapshot and restored."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.restores = 0

    def process(self, batches: Sequence[Batch], now_ms: int) -> Step:
        outputs = []
        for batch in batches:
            for value in batch.values:
                self.seen.append(int(value or b"-1"))
                if len(self.seen) % 10 == 0:
                    outputs.append(Outgoing("out", [b"%d" % self.seen[-1]]))
        return Step(outputs)

    def tick(self, now_ms: int) -> Step:
        return Step()

    def assigned(self, partitions: frozenset[TopicPartition]) -> None: ...

    def revoked(self, partitions: frozenset[TopicPartition]) -> None: ...

    def snapshot(self) -> Mapping[str, bytes | None]:
        return {"seen": b" ".join(b"%d" % i for i in self.seen)}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        self.restores += 1
        self.seen = [int(i) for i in parts.get("seen", b"").split()]

    def account(self) -> Mapping[str, int]:
        return {"seen": len(self.seen)}


SETTINGS = LoopSettings("g", ["t"], batch_size=4, max_wait=0.01, checkpoint=Checkpointing("state", every=0.3))


def loop(client: ScriptedClient, core: Counter, hooks: Hooks | None = None) -> ServiceLoop:
    return ServiceLoop(core, client, SETTINGS, client.clock, LoopMetrics(CollectorRegistry()), hooks)  # type: ignore[arg-type]


def drive(made: ServiceLoop, rounds: int) -> None:
    for _ in range(rounds):
        made.round()


class TestCountedOnce:
    @settings(max_examples=150, deadline=None)
    @given(
        count=st.integers(0, 60),
        faults=st.dictionaries(st.integers(0, 10), st.sampled_from([Fenced("x"), KafkaFault("y")]), max_size=4),
        torn=st.dictionaries(st.integers(0, 10), st.integers(0, 2), max_size=4),
        lives=st.lists(st.integers(1, 8), max_size=5),
    )
    def test_whatever_commits_fail_and_whenever_the_process_dies(
        self, count: int, faults: dict[int, KafkaFault], torn: dict[int, int], lives: list[int]
    ) -> None:
        # A torn checkpoint whose head got through counts although its commit "failed": that is the embedded broker
        # and at-least-once. Outputs may then be missing from this script's books, so only the counting is checked.
        client = ScriptedClient([b"%d" % i for i in range(count)], HandClock(), faults=faults, tear_at=torn)
        for rounds in lives:
            drive(loop(client, Counter()), rounds)  # and then it is killed: nothing is closed, nothing committed
        core = Counter()
        made = loop(client, core)
        drive(made, count + 200)
        assert core.seen == list(range(count))
        if not torn:
            assert [value for _, value in client.visible] == [b"%d" % i for i in range(9, count, 10)]

    def test_a_stop_commits_what_was_counted_since_the_last_checkpoint(self) -> None:
        client, core = ScriptedClient([b"%d" % i for i in range(6)], HandClock()), Counter()
        made = loop(client, core)
        made.run(lambda: len(core.seen) == 6)
        successor = Counter()
        drive(loop(client, successor), 1)
        assert (client.committed, successor.seen) == (6, core.seen)

    def test_outputs_do_not_wait_for_the_next_checkpoint(self) -> None:
        client, core = ScriptedClient([b"%d" % i for i in range(12)], HandClock()), Counter()
        made = loop(client, core)
        while len(core.seen) < 12:
            made.round()
        assert client.visible == [("out", b"9")]


class TestTakeover:
    def test_a_partition_that_comes_back_brings_the_state_back_with_it(self) -> None:
        client = ScriptedClient(
            [b"%d" % i for i in range(30)],
            HandClock(),
            moves={3: frozenset(), 5: frozenset({("t", 0)})},
        )
        core = Counter()
        made = loop(client, core)
        drive(made, 40)
        assert core.restores == 2
        assert core.seen == list(range(30))

    def test_a_damaged_state_starts_afresh_from_the_committed_offsets(self) -> None:
        client = ScriptedClient([b"%d" % i for i in range(30)], HandClock())
        drive(loop(client, Counter()), 6)
        client.state = [(key, b"damaged" if key != b"head" else value) for key, value in client.state]
        done = client.committed
        core = Counter()
        drive(loop(client, core), 40)
        assert core.seen == list(range(done, 30))


class TestRemarks:
    def test_the_next_owner_hears_the_remark_before_its_first_record(self) -> None:
        client = ScriptedClient([b"1"], HandClock(), remark="champion=3", committed=0)
        heard: list[str] = []
        core = Counter()
        made = loop(client, core, Hooks(remarked=lambda r: heard.extend(r.values()), open=lambda: False))
        drive(made, 3)
        assert (heard, core.seen) == (["champion=3"], [])

    def test_a_core_without_state_cannot_be_checkpointed(self) -> None:
        client = ScriptedClient([], HandClock())
        with pytest.raises(TypeError, match="no state"):
            ServiceLoop(
                object(),
                client,
                SETTINGS,
                client.clock,
                LoopMetrics(CollectorRegistry()),  # type: ignore[arg-type]
            )
