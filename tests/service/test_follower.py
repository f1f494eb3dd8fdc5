"""What the model follower promises: the newest champion is handed over ready, and the one in service is never lost."""

import queue
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from driftline.kafka.interface import Batch, KafkaFault
from driftline.records import ModelEvent, ModelEventKind
from driftline.registry import Manifest, Registry
from driftline.service import follower as module
from driftline.service.follower import ModelFollower
from tests.registry.made import add_version
from tests.streams import NOW, batch, numeric_stream

SPEC = numeric_stream()
# Nothing here takes a second; a test that would hang fails after this.
SAFETY = 30.0


class LockStep:
    """A client whose tail answers a poll only when the test says so: what was told before is then done with."""

    name = "lock-step"

    def __init__(self) -> None:
        self.said: queue.SimpleQueue[list[Batch] | Exception] = queue.SimpleQueue()
        self.asked = threading.Semaphore(0)
        self.opened: list[list[str]] = []
        self.closed = 0

    def tail(self, topics: list[str], **options: object) -> "LockStep":
        self.opened.append(list(topics))
        return self

    def poll(self, timeout: float, max_records: int = 10_000) -> list[Batch]:
        self.asked.release()
        said = self.said.get(timeout=SAFETY)
        if isinstance(said, Exception):
            raise said
        return said

    def close(self) -> None:
        self.closed += 1


class Following:
    """A follower of a real registry, and what it was asked to load."""

    def __init__(self, registry: Registry, scratch: Path) -> None:
        self.registry, self.client, self.scratch = registry, LockStep(), scratch
        self.loads: list[int] = []
        self.failures: list[int] = []
        self.broken: dict[int, Exception] = {}
        self.follower: ModelFollower[str] = ModelFollower(
            SPEC,
            self.client,  # type: ignore[arg-type]
            registry,
            self.load,
            self.failures.append,
        )

    def load(self, manifest: Manifest) -> str:
        self.loads.append(manifest.version)
        if manifest.version in self.broken:
            raise self.broken[manifest.version]
        return f"model {manifest.version}"

    def promote(self, version: int, **fields: object) -> ModelEvent:
        if version not in self.registry.versions():
            add_version(self.registry, SPEC, self.scratch, version, **fields)
        return self.registry.set_champion(version, ModelEventKind.PROMOTED, now_ms=NOW)

    def start(self) -> None:
        self.follower.start()
        self._wait()

    def hear(self, *values: bytes | None, fault: Exception | None = None) -> None:
        """One poll's outcome, and everything that follows from it."""
        self.client.said.put(fault or ([batch(list(values), SPEC.topics.model_events)] if values else []))
        self._wait()

    def taken(self) -> tuple[int, str] | None:
        found = self.follower.take()
        return found and (found[0].version, found[1])

    def _wait(self) -> None:
        assert self.client.asked.acquire(timeout=SAFETY), "the follower's thread is gone"


@pytest.fixture
def following(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Following]:
    monkeypatch.setattr(module, "RETRY_AFTER", 0.0)
    made = Following(Registry(str(tmp_path / "models"), SPEC.stream), tmp_path)
    yield made
    made.client.said.put([])
    made.follower.close()
    assert not made.follower._thread.is_alive()


class TestOneWayIn:
    def test_first_load_and_swap_are_handed_over_alike(self, following: Following) -> None:
        following.promote(1)
        following.start()
        assert following.taken() == (1, "model 1")
        assert following.taken() is None
        following.hear(following.promote(2).to_json())
        assert following.taken() == (2, "model 2")
        assert following.loads == [1, 2]
        assert following.client.opened == [[SPEC.topics.model_events]]

    def test_a_service_that_starts_before_the_first_model_finds_it_without_an_event(self, following: Following) -> None:
        following.start()
        following.hear()
        assert following.taken() is None
        assert following.failures == []
        following.promote(1)
        following.hear()
        assert following.taken() == (1, "model 1")

    def test_of_several_swaps_only_the_newest_is_taken(self, following: Following) -> None:
        following.promote(1)
        following.start()
        for version in (2, 3):
            following.hear(following.promote(version).to_json())
        assert following.taken() == (3, "model 3")
        assert following.taken() is None

    def test_back_to_an_older_version_is_a_swap_too(self, following: Following) -> None:
        following.promote(1)
        following.start()
        following.hear(following.promote(2).to_json())
        following.hear(following.registry.set_champion(1, ModelEventKind.ROLLED_BACK).to_json())
        assert following.taken() == (1, "model 1")
        assert following.loads == [1, 2, 1]


class TestTheRegistryIsTheTruth:
    def test_a_late_or_repeated_event_does_nothing(self, following: Following) -> None:
        first = following.promote(1)
        second = following.promote(2)
        following.start()
        assert following.taken() == (2, "model 2")
        following.hear(first.to_json(), second.to_json(), first.to_json())
        assert following.taken() is None
        assert following.loads == [2]

    def test_an_event_that_got_lost_is_made_up_for(self, following: Following, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "LOOK_EVERY", 0.0)
        following.promote(1)
        following.start()
        following.promote(2)
        following.hear()
        assert following.taken() == (2, "model 2")

    def test_between_looks_the_registry_is_left_alone(
        self, following: Following, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "LOOK_EVERY", 1e9)
        following.promote(1)
        following.start()
        event = following.promote(2)
        following.hear()
        following.hear(event.model_copy(update={"kind": ModelEventKind.REFUSED, "job_id": "j"}).to_json())
        assert following.loads == [1]
        following.hear(event.to_json())
        assert following.loads == [1, 2]


class TestAVersionThatCannotBeUsed:
    @pytest.mark.parametrize(
        "error",
        [
            ValueError("not a flatbuffer"),
            RuntimeError("op not found"),
            OSError(5, "Input/output error"),
            ModuleNotFoundError("No module named 'tensorflow'", name="tensorflow"),
            KeyError("probabilities"),
            MemoryError(),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_the_one_in_service_stays_and_it_is_told_once(self, following: Following, error: Exception) -> None:
        following.promote(1)
        following.start()
        assert following.taken() == (1, "model 1")
        following.broken[2] = error
        event = following.promote(2).to_json()
        for _ in range(3):
            following.hear(event)
        assert following.taken() is None
        assert following.failures == [2]
        # and the next one is loaded as ever
        following.hear(following.promote(3).to_json())
        assert following.taken() == (3, "model 3")

    def test_it_is_taken_once_it_can_be_loaded(self, following: Following) -> None:
        following.broken[1] = OSError("the share is away")
        following.promote(1)
        following.start()
        assert following.taken() is None
        del following.broken[1]
        following.hear()
        assert following.taken() == (1, "model 1")
        assert following.failures == [1]

    def test_one_made_for_other_features_is_not_even_loaded(self, following: Following) -> None:
        following.promote(1, model_hash="0" * 16)
        following.start()
        assert following.loads == []
        assert following.failures == [1]

    def test_a_damaged_registry_is_told_once_and_survived(self, following: Following) -> None:
        following.promote(1)
        champion = Path(following.registry.location) / "champion.json"
        good = champion.read_bytes()
        champion.write_bytes(b"{")
        following.start()
        following.hear()
        assert following.failures == [0]
        champion.write_bytes(good)
        following.hear()
        assert following.taken() == (1, "model 1")


class TestTheTopic:
    def test_events_are_kept_in_order_and_what_is_none_is_passed_over(self, following: Following) -> None:
        events = [following.promote(version) for version in (1, 2)]
        following.start()
        following.hear(events[0].to_json(), b"{", None, b'{"schema_version": 9}', events[1].to_json())
        assert following.follower.events() == events
        assert following.follower.events() == []

    def test_a_broker_that_is_away_does_not_end_the_following(self, following: Following) -> None:
        following.start()
        following.promote(1)
        following.hear(fault=KafkaFault("no broker"))
        assert following.client.closed == 1
        assert len(following.client.opened) == 2
        assert following.taken() == (1, "model 1")


class TestClosing:
    def test_the_tail_is_closed_with_it(self, following: Following) -> None:
        following.start()
        following.client.said.put([])
        following.follower._stop.set()
        following.client.said.put([])
        following.follower.close()
        assert following.client.closed == 1

    def test_before_it_was_started(self, following: Following) -> None:
        following.follower.close()
        assert following.client.opened == []
