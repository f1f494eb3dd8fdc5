"""What a restored monitor takes over, what it cannot, and how it catches up with the news."""

from typing import Any

import numpy as np
import pytest

from driftline.records import ModelEvent, ModelEventKind
from driftline.service.checkpoint import CheckpointFold, CheckpointWriter
from driftline.spec import StreamSpec
from monitoring.core import MonitorCore
from monitoring.store.encoding import DamagedState
from tests.monitoring.stream import EPOCH, after, jobs_of, make_reference, make_spec, numeric_columns
from tests.monitoring.test_core import World, fresh_core, reference_of, run, world


def spec_with(**monitoring: Any) -> StreamSpec:
    return make_spec(monitoring=monitoring)


def state_of(core: MonitorCore) -> dict[str, bytes]:
    return after({}, core.snapshot())


def restored(spec: StreamSpec, parts: dict[str, bytes]) -> MonitorCore:
    core = MonitorCore(spec)
    core.restore(parts)
    return core


@pytest.fixture(scope="module")
def spec() -> StreamSpec:
    return make_spec()


@pytest.fixture(scope="module")
def drifted(spec: StreamSpec) -> dict[str, bytes]:
    """A state in which a drift stands, a job is open and records wait."""
    core = fresh_core(spec)
    run(core, world(spec).batches)
    assert core.state().standing
    assert core.state().jobs["open"] == 1
    return state_of(core)


class TestOnlyWhatChangedIsGiven:
    def test_nothing_if_nothing_happened(self, spec: StreamSpec) -> None:
        core = fresh_core(spec)
        run(core, world(spec, n=600).batches)
        parts = core.snapshot()
        assert {"core", "watch", "policy", "reference/1", "predictions/0", "history/0"} <= set(parts)
        assert core.snapshot() == {}

    def test_what_was_restored_counts_as_written(self, spec: StreamSpec, drifted: dict[str, bytes]) -> None:
        assert restored(spec, drifted).snapshot() == {}

    def test_the_reference_is_written_once_a_version(self, spec: StreamSpec) -> None:
        core = fresh_core(spec)
        core.snapshot()
        run(core, world(spec, n=200).batches)
        assert not any(name.startswith("reference/") for name in core.snapshot())
        core.install(2, reference_of(spec), 2)
        changed = core.snapshot()
        assert changed["reference/2"] is not None
        assert changed["reference/1"] is None

    def test_blocks_of_a_former_version_are_gone(self, spec: StreamSpec, drifted: dict[str, bytes]) -> None:
        core = restored(spec, drifted)
        core.install(2, reference_of(spec), 2)
        changed = core.snapshot()
        assert {name for name, part in changed.items() if part is None and name.startswith("data/")}

    def test_a_part_that_nobody_knows_is_removed(self, spec: StreamSpec, drifted: dict[str, bytes]) -> None:
        assert restored(spec, {**drifted, "left-over/3": b"x"}).snapshot() == {"left-over/3": None}


class TestWithoutAStateItStartsAfresh:
    def test_whatever_it_was_before(self, spec: StreamSpec) -> None:
        core, other = MonitorCore(spec), MonitorCore(spec)
        run(core, world(spec).batches)
        core.restore({})
        assert repr(core.state()) == repr(other.state())
        assert core.account() == other.account()
        assert core.restores == 1

    def test_the_model_in_service_is_watched_at_once(self, spec: StreamSpec, drifted: dict[str, bytes]) -> None:
        core = fresh_core(spec)
        core.restore({})
        assert core.version == 1


class TestDamageIsSaidAndNothingOfItStays:
    @pytest.mark.parametrize("name", ["core", "policy", "watch", "reference/1", "predictions/0", "history/0", "lags"])
    def test_in_any_part(self, spec: StreamSpec, drifted: dict[str, bytes], name: str) -> None:
        data = bytearray(drifted[name])
        data[len(data) // 2] ^= 1
        core = fresh_core(spec)
        run(core, world(spec, n=200).batches)
        with pytest.raises(DamagedState, match=f"monitor state, part {name}"):
            core.restore({**drifted, name: bytes(data)})
        assert core.account()["outcomes"] == 0
        assert core.version == 1

    def test_and_a_part_that_is_missing(self, spec: StreamSpec, drifted: dict[str, bytes]) -> None:
        for name in drifted:
            with pytest.raises(DamagedState, match=f"part {name} is missing"):
                restored(spec, {key: part for key, part in drifted.items() if key != name})


class TestAnotherSpecificationKeepsWhatFits:
    def test_an_equal_one_has_nothing_to_note(self, spec: StreamSpec, drifted: dict[str, bytes]) -> None:
        assert restored(spec, drifted).restore_notes == []

    @pytest.mark.parametrize("detector", ["ddm", "hddm-w", "kswin"])
    def test_a_new_detector_learns_from_the_outcomes_kept(self, detector: str) -> None:
        """The world changes right after the restart: a detector without a past would have nothing to compare with."""
        old = fresh_core(make_spec())
        batches = world(make_spec(), n=1_600).batches
        run(old, batches[:50])
        spec = spec_with(concept={"detector": detector})
        core = restored(spec, state_of(old))
        assert core.restore_notes == [
            f"the detector is another ({detector}) or of another version: made anew from the outcomes"
        ]
        trigger = core._memory.watch.concept._trigger  # type: ignore[union-attr]
        plain = fresh_core(spec)
        run(plain, batches[:50])
        if detector != "kswin":  # its random numbers depend on how long it has run
            assert trigger.snapshot() == plain._memory.watch.concept._trigger.snapshot()  # type: ignore[union-attr]
        assert [event.onset.record_id for _, event in run(core, batches[50:]).events if event.kind == "concept"]

    def test_so_does_one_of_another_version_of_river(self, monkeypatch: pytest.MonkeyPatch) -> None:
        spec = spec_with(concept={"detector": "adwin"})
        old = fresh_core(spec)
        run(old, world(spec).batches[:50])
        parts = state_of(old)
        monkeypatch.setattr("river.__version__", "9.9.9")
        core = restored(spec, parts)
        assert "made anew from the outcomes" in core.restore_notes[0]
        before, now = (c._memory.watch.concept._trigger.snapshot() for c in (old, core))  # type: ignore[union-attr]
        assert now is not None and before is not None
        assert now.past == before.past

    def test_one_whose_state_could_not_be_taken_too(self) -> None:
        spec = spec_with(concept={"detector": "adwin"})
        old = fresh_core(spec)
        run(old, world(spec).batches[:50])
        detector: Any = old._memory.watch.concept._trigger  # type: ignore[union-attr]
        detector._detector.strange = 1
        core = restored(spec, state_of(old))
        del detector._detector.strange
        assert "made anew from the outcomes" in core.restore_notes[0]
        assert core._memory.watch.concept._trigger.snapshot() == detector.snapshot()  # type: ignore[union-attr]

    def test_another_window_of_data_counts_afresh_but_what_stands_stands(self, drifted: dict[str, bytes]) -> None:
        core = restored(spec_with(data={"window": 200}), drifted)
        assert core.restore_notes == [
            "monitoring.data.window or multivariate is another: the windows of features and answers start afresh"
        ]
        assert "data" in core.state().standing
        assert core.state().feature_scores == {}

    def test_less_room_keeps_the_newest_and_the_books_balance(self, spec: StreamSpec) -> None:
        old = fresh_core(spec)
        run(old, world(spec, delay=400).batches)
        assert old.account()["waiting_predictions"] == 400
        core = restored(spec_with(max_pending=100, policy={"maximum_window": 200}, accuracy_window=50), state_of(old))
        account = core.account()
        assert account["waiting_predictions"] == 100
        assert account["evicted"] == 300
        spent = account["outcomes"] + account["repeated"] + account["expired"] + account["evicted"]
        assert account["predictions"] == spent + 100
        assert core.state().labelled == 1_600

    def test_other_classes_give_up_what_waits_and_keep_the_counts(self, spec: StreamSpec) -> None:
        old = fresh_core(spec)
        run(old, world(spec).batches)
        core = restored(make_spec(classes=["a", "b", "c", "d"]), state_of(old))
        assert core.restore_notes == [
            "task, classes or features are others: waiting records are given up, and the watch of the model "
            "starts afresh"
        ]
        before, now = old.account(), core.account()
        assert core.version is None
        assert now["outcomes"] == before["outcomes"]
        assert now["evicted"] == before["waiting_predictions"]
        assert now["waiting_predictions"] == 0
        assert core.state().jobs["open"] == 1


def promoted(sequence: int = 2, job_id: str | None = None) -> ModelEvent:
    kind = ModelEventKind.PROMOTED
    return ModelEvent(
        event_id=f"v{sequence}", stream="tests", kind=kind, version=2, sequence=sequence, job_id=job_id, at=0
    )


class TestNewsOutlivesARestore:
    """The model follower speaks on a thread of its own, and says nothing twice: the core must not forget it."""

    def test_a_champion_installed_after_the_checkpoint(self, spec: StreamSpec) -> None:
        core = fresh_core(spec)
        run(core, world(spec, n=400).batches)
        parts = state_of(core)
        core.install(2, reference_of(spec), 2)
        core.restore(parts)
        assert core.version == 2

    def test_a_verdict_heard_after_the_checkpoint(self, spec: StreamSpec, drifted: dict[str, bytes]) -> None:
        core = restored(spec, drifted)
        ((_, job),) = run(fresh_core(spec), world(spec).batches).jobs
        core.observe(ModelEvent(event_id="v", stream="tests", kind=ModelEventKind.REFUSED, job_id=job.job_id, at=0))
        assert core.state().jobs["refused"] == 1
        core.restore(drifted)
        assert core.state().jobs["refused"] == 1
        assert core.state().jobs["open"] == 0

    def test_the_version_watched_already_is_not_installed_again(
        self, spec: StreamSpec, drifted: dict[str, bytes]
    ) -> None:
        core = restored(spec, drifted)
        before = core.state()
        core.install(1, reference_of(spec))
        assert repr(core.state()) == repr(before)
        assert core.snapshot() == {}

    def test_a_champion_older_than_the_state_is_not_gone_back_to(self, spec: StreamSpec) -> None:
        """Another member installed version 2; this one's follower has not looked at the registry since."""
        ahead = MonitorCore(spec)
        ahead.install(2, reference_of(spec), 2)
        core = MonitorCore(spec)
        core.install(1, reference_of(spec), 1)
        core.restore(state_of(ahead))
        assert core.version == 2
        core.tick(EPOCH)
        core.install(2, reference_of(spec), 2)
        core.tick(EPOCH + 120_000)
        assert core.version == 2

    def test_unless_it_stays_so_because_the_registry_was_made_anew(self, spec: StreamSpec) -> None:
        ahead = MonitorCore(spec)
        ahead.install(7, reference_of(spec), 9)
        core = restored(spec, state_of(ahead))
        core.install(1, reference_of(spec), 1)
        core.tick(EPOCH)
        core.tick(EPOCH + 59_000)
        assert core.version == 7
        core.tick(EPOCH + 60_000)
        assert core.version == 1

    def test_or_because_the_same_number_is_another_model(self, spec: StreamSpec, drifted: dict[str, bytes]) -> None:
        core = restored(spec, drifted)
        other = make_reference(spec, numeric_columns(np.random.default_rng(5).normal(size=(300, 4))))
        core.install(1, other)
        assert core.state().standing == ()

    def test_a_job_asked_again_that_has_its_verdict_is_closed_at_once(self, spec: StreamSpec) -> None:
        """Without transactions a job may be visible though its checkpoint is not; the trainer answers it once."""
        ((_, job),) = run(fresh_core(spec), world(spec).batches).jobs
        core = fresh_core(spec)
        core.observe(ModelEvent(event_id="v", stream="tests", kind=ModelEventKind.REFUSED, job_id=job.job_id, at=0))
        told = run(core, world(spec).batches)
        assert told.jobs[0][1].job_id == job.job_id
        assert core.state().jobs["refused"] == 1

    def test_events_told_again_are_remembered_once_and_boundedly(self, spec: StreamSpec) -> None:
        core = fresh_core(spec)
        for sequence in range(2_000):
            for _ in range(2):
                core.observe(promoted(sequence))
        assert len(core._news.events()) == 1_000
        assert core._news.events()[-1].sequence == 1_999


class TestAKilledMonitorLosesNoAlarm:
    def test_a_drift_that_began_before_the_kill_is_found_after_it(self, spec: StreamSpec) -> None:
        batches = World(spec, np.where(np.arange(1_400) < 1_000, 0.1, 0.7), np.zeros(1_400)).batches
        core, plain = fresh_core(spec), fresh_core(spec)
        told = [jobs_of(plain.process(polled, now)) for polled, now in batches]
        stored: dict[str, bytes] = {}
        for i, (polled, now) in enumerate(batches):
            assert jobs_of(core.process(polled, now)) == told[i]
            stored = after(stored, core.snapshot())
            core = restored(spec, stored)
        assert any(told)


class TestTheStateFitsItsTopic:
    def test_through_the_records_of_many_checkpoints(self, spec: StreamSpec) -> None:
        """As the service loop keeps it: compressed, in pieces, only what changed, read back from the records alone."""
        core, writer, fold = fresh_core(spec), CheckpointWriter("t"), CheckpointFold()
        for polled, now in world(spec).batches:
            core.process(polled, now)
            out = writer.records(core.snapshot(), {("tests.labels", 0): 1}, core.account(), now)
            for key, value in zip(out.keys or (), out.values, strict=True):
                fold.take(key, value)
        found = fold.checkpoint()
        assert found is not None
        again = restored(spec, found.parts)
        assert repr(again.state()) == repr(core.state())
        assert again.account() == core.account()
