"""A service that is cut off from the brokers holds, and skips nothing when they are back."""

from dataclasses import dataclass

import pytest

from driftline.kafka.interface import NO_REBALANCE, Fenced, KafkaFault, Rebalance
from driftline.service.loop import MOST_ABORTS
from tests.service.scripted import HandClock, ScriptedClient, ScriptedReader
from tests.service.test_loop import Echo, loop, records

GONE = KafkaFault("no broker answers")


@dataclass
class CutOffClient(ScriptedClient):
    """Its reader cannot read what is committed for so many attempts."""

    silent: int = 0

    def reader(self, group: str, topics: object, rebalance: Rebalance = NO_REBALANCE, *, exclusive: bool = False):  # type: ignore[no-untyped-def, override]
        return CutOffReader(self, rebalance)


class CutOffReader(ScriptedReader):
    def rewind(self) -> None:
        client = self._client
        assert isinstance(client, CutOffClient)
        if client.silent:
            client.silent -= 1
            raise GONE
        super().rewind()


class TestCutOff:
    def test_it_tries_to_rewind_until_it_can_and_reads_nothing_before(self) -> None:
        client = CutOffClient(records(3), HandClock(), faults={0: GONE}, silent=5)
        made = loop(client, Echo(), batch_size=3, max_wait=0.0)
        for _ in range(6):
            made.round()
            assert client.visible == []
        for _ in range(2):
            made.round()
        assert [value for _, value in client.visible] == records(3)
        assert client.committed == 3

    def test_it_gives_up_after_as_many_attempts_as_rounds(self) -> None:
        client = CutOffClient(records(3), HandClock(), faults={0: GONE}, silent=100)
        made = loop(client, Echo(), batch_size=3, max_wait=0.0)
        for _ in range(MOST_ABORTS - 1):
            made.round()
        with pytest.raises(KafkaFault, match="no broker answers"):
            made.round()
        assert client.visible == []

    def test_a_member_that_was_expelled_rests_until_it_has_heard_of_it(self) -> None:
        clock = HandClock()
        client = ScriptedClient(records(1), clock, faults={n: Fenced("the group has moved on") for n in range(4)})
        made = loop(client, Echo(), batch_size=1, max_wait=0.0)
        began = clock.now
        made.round()
        assert clock.now == began, "the first refusal is an ordinary rebalance"
        for _ in range(3):
            made.round()
        assert clock.now - began >= 3.0
