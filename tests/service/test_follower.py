"""What the model follower promises: each new champion is handed over ready, and the loop never waits for it."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from driftline.kafka.interface import Batch, KafkaFault
from driftline.records import ModelEventKind
from driftline.registry import Registry
from driftline.service import champion_watch, follower, listening
from driftline.service.follower import ModelFollower
from tests.service.watching import SPEC, Loader
from tests.streams import batch

# Nothing here takes a second; a test that would hang fails after this.
SAFETY = 30.0


class Topic:
    """A client whose topic holds what the test puts there."""

    name = "topic"

    def __init__(self) -> None:
        self.said: queue.SimpleQueue[list[Batch] | Exception] = queue.SimpleQueue()
        self.opened: list[list[str]] = []
        self.closed = 0
        self.heard = 0

    def tail(self, topics: list[str], **options: object) -> "Topic":
        self.opened.append(list(topics))
        return self

    def poll(self, timeout: float, max_records: int = 10_000) -> list[Batch]:
        try:
            said = self.said.get(timeout=timeout)
        except queue.Empty:
            return []
        self.heard += 1
        if isinstance(said, Exception):
            raise said
        return said

    def close(self) -> None:
        self.closed += 1


class Following(Loader):
    """A follower of a real registry."""

    def __init__(self, registry: Registry, scratch: Path) -> None:
        super().__init__(registry, scratch)
        self.client = Topic()
        self.follower: ModelFollower[str] = ModelFollower(
            SPEC,
            self.client,  # type: ignore[arg-type]
            registry,
            self.load,
            self.failures.append,
            self.metrics,
        )

    def hear(self, *values: bytes | None) -> None:
        self.client.said.put([batch(list(values), SPEC.topics.model_events)])

    def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + SAFETY
        while not condition():
            assert time.monotonic() < deadline, "it did not come to pass"
            time.sleep(0.005)

    def taken(self) -> tuple[int, str]:
        """The next champion handed over."""
        found: list[tuple[int, str]] = []

        def took() -> bool:
            newest = self.follower.take()
            found.extend([(newest[0].version, newest[1])] if newest else [])
            return bool(found)

        self.until(took)
        return found[0]


@pytest.fixture
def following(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Following]:
    monkeypatch.setattr(listening, "RETRY_AFTER", 0.0)
    made = Following(Registry(str(tmp_path / "models"), SPEC.stream), tmp_path)
    yield made
    made.follower.close()
    assert not any(thread.is_alive() for thread in made.follower._threads)


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry is looked at when there is a reason only."""
    monkeypatch.setattr(champion_watch, "CALM", 1e6)


class TestOneWayIn:
    def test_first_load_and_swap_are_handed_over_alike(self, following: Following, unhurried: None) -> None:
        following.promote(1)
        following.follower.start()
        assert following.taken() == (1, "model 1: lite")
        assert following.follower.take() is None
        following.hear(following.promote(2).to_json())
        assert following.taken() == (2, "model 2: lite")
        assert following.follower.sequence == 2
        assert following.loads == [1, 2]
        assert following.client.opened == [[SPEC.topics.model_events]]

    def test_a_service_that_starts_before_the_first_model_finds_it_without_an_event(self, following: Following) -> None:
        following.follower.start()
        following.promote(1)
        assert following.taken() == (1, "model 1: lite")

    def test_of_several_swaps_only_the_newest_is_taken(self, following: Following, unhurried: None) -> None:
        following.promote(1)
        following.follower.start()
        following.until(lambda: following.follower.sequence == 1)
        for version in (2, 3):
            following.hear(following.promote(version).to_json())
        following.until(lambda: following.follower.sequence == 3)
        newest = following.follower.take()
        assert newest is not None
        assert newest[0].version == 3
        assert following.follower.take() is None

    def test_an_event_that_got_lost_is_made_up_for(self, following: Following, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(champion_watch, "CALM", 0.0)
        following.promote(1)
        following.follower.start()
        assert following.taken()[0] == 1
        following.promote(2)
        assert following.taken()[0] == 2


class TestWhatIsNeeded:
    def test_it_is_looked_for_at_once(self, following: Following, unhurried: None) -> None:
        following.promote(1)
        following.follower.start()
        assert following.taken()[0] == 1
        following.promote(2)
        following.follower.need(2)
        assert following.taken()[0] == 2

    def test_and_again_until_it_is_there_with_the_reason_told_meanwhile(
        self, following: Following, unhurried: None
    ) -> None:
        following.promote(1)
        following.follower.start()
        assert following.taken()[0] == 1
        following.follower.need(2)
        following.until(lambda: following.follower.trouble)
        assert "champion 2 is needed" in str(following.follower.trouble)
        following.promote(2)
        assert following.taken()[0] == 2
        assert following.follower.trouble is None

    def test_it_does_not_wait_for_a_registry_that_hangs(self, following: Following) -> None:
        release = threading.Event()
        works = following.registry.champion

        def hangs() -> object:
            release.wait(SAFETY)
            return works()

        following.registry.champion = hangs  # type: ignore[method-assign, assignment]
        following.follower.start()
        start = time.monotonic()
        following.follower.need(5)
        assert following.follower.take() is None
        assert following.follower.trouble is None
        assert time.monotonic() - start < 1.0
        release.set()


class TestTheTopic:
    def test_events_are_kept_in_order_and_what_is_none_is_passed_over(self, following: Following) -> None:
        events = [following.promote(version) for version in (1, 2)]
        following.follower.start()
        following.hear(events[0].to_json(), b"{", None, b'{"schema_version": 9}', events[1].to_json())
        found = []
        following.until(lambda: found.extend(following.follower.events()) or len(found) == 2)  # type: ignore[func-returns-value]
        assert found == events
        assert following.count("driftline_model_events_odd_total", kind="malformed") == 3

    def test_a_verdict_without_a_change_is_no_reason_to_look(self, following: Following, unhurried: None) -> None:
        following.promote(1)
        following.follower.start()
        assert following.taken()[0] == 1
        event = following.promote(2)
        refused = event.model_copy(update={"kind": ModelEventKind.REFUSED, "job_id": "j"})
        following.hear(refused.to_json())
        following.until(following.follower.events)
        assert not following.follower._nudged.is_set()

    def test_a_broker_that_is_away_does_not_end_the_following(self, following: Following) -> None:
        following.follower.start()
        with structlog.testing.capture_logs() as logs:
            for _ in range(3):
                following.client.said.put(KafkaFault("no broker"))
            following.client.said.put(RuntimeError("a client library's own"))
            following.until(lambda: len(following.client.opened) == 5)
        assert following.client.closed == 4
        assert [line["error"] for line in logs if line["log_level"] == "warning"] == [
            "no broker",
            'RuntimeError("a client library\'s own")',
        ]
        following.hear(following.promote(1).to_json())
        assert following.taken()[0] == 1

    def test_nor_does_one_that_never_answers(self, following: Following, unhurried: None) -> None:
        release = threading.Event()
        following.client.tail = lambda *_, **__: release.wait(SAFETY) and following.client  # type: ignore[method-assign, assignment]
        following.promote(1)
        following.follower.start()
        assert following.taken()[0] == 1
        following.promote(2)
        following.follower.need(2)
        assert following.taken()[0] == 2
        release.set()

    def test_a_flood_makes_neither_a_storm_of_looks_nor_of_log_lines_nor_of_memory(
        self, following: Following, unhurried: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        looks = []
        works = following.registry.champion
        monkeypatch.setattr(following.registry, "champion", lambda: looks.append(0) or works())  # type: ignore[func-returns-value]
        event = following.promote(1)
        following.follower.start()
        assert following.taken()[0] == 1
        poison = [event.model_copy(update={"version": 99, "sequence": n}).to_json() for n in range(2, 2_002)]
        looks.clear()
        start = time.monotonic()
        with structlog.testing.capture_logs() as logs:
            for _ in range(10):
                following.hear(*poison, *[b"{"] * 2_000)
            following.until(lambda: following.client.heard == 10)
            # The champion to come overwrites what was announced; until then the poison is to be looked into.
            following.until(lambda: any("does not agree with the registry" in str(line["event"]) for line in logs))
            following.hear(following.promote(2).to_json())
            assert following.taken()[0] == 2
        assert following.follower.take() is None
        assert following.loads == [1, 2]
        # one look is under way when the clock starts, and a load looks once more
        assert len(looks) <= 4 + (time.monotonic() - start) / follower.REST
        assert len(following.follower.events()) <= follower.KEPT_EVENTS
        warnings = [str(line["event"]) for line in logs if line["log_level"] == "warning"]
        assert sorted(set(warnings)) == [
            "a model event does not agree with the registry, which is believed",
            "not a model event",
        ]
        assert len(warnings) <= 3
        assert following.count("driftline_model_events_odd_total", kind="malformed") == 20_000


class TestClosing:
    def test_the_tail_is_closed_with_it(self, following: Following) -> None:
        following.follower.start()
        following.until(lambda: following.client.opened)
        following.follower.close()
        assert following.client.closed == 1

    def test_before_it_was_started(self, following: Following) -> None:
        following.follower.close()
        assert following.client.opened == []
