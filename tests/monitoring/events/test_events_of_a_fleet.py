"""The simulated fleet through the real monitor core: what an event says about a change, a fault, and their end."""

from typing import Any

import numpy as np
import pytest

from driftline.records import DriftEvent, DriftKind, ModelEvent, ModelEventKind
from monitoring.core import MonitorCore
from tests.monitoring.fleet import Patrol, fleet_spec
from tests.monitoring.stream import EPOCH, STEP_MS, after, events_of

AT = 4_000
CONCEPT, DATA, PRIOR = DriftKind.CONCEPT, DriftKind.DATA, DriftKind.PRIOR


def patrol(plan: str = "", **changes: Any) -> Patrol:
    made = Patrol(f"devices: 10\n{plan}", **changes)
    made.run()
    return made


def row_of(event: DriftEvent) -> int:
    assert event.onset.record_id is not None
    return int(event.onset.record_id[1:])


def newest(run: Patrol, kind: DriftKind) -> DriftEvent:
    return run.of(kind)[-1][1]


class TestAQuietFleet:
    def test_has_no_events(self) -> None:
        assert patrol().events == []


class TestASensorAtFault:
    FAULTS = (
        "faults: [{at: 4000, device: device-3, kind: stuck}]",
        "faults: [{at: 4000, device: device-3, kind: missing}]",
        "faults: [{at: 4000, device: device-3, kind: spikes, share: 0.8}]",
    )

    @pytest.mark.parametrize("plan", FAULTS)
    def test_is_told_from_a_changed_world_and_asks_for_no_training(self, plan: str) -> None:
        run = patrol(plan)
        assert run.of(CONCEPT)
        assert run.jobs == []
        for _, event in run.events:
            if event.kind in (CONCEPT, DATA):
                assert event.cause == "sensor"
                assert [part.name for part in event.devices] == ["device-3"]
                assert 'Only device "device-3" shows it' in event.summary
                assert "no reason to train" in event.summary

    def test_a_dead_sensor_is_said_to_be_dead(self) -> None:
        run = patrol(self.FAULTS[1])
        (device,) = newest(run, DATA).devices
        assert device.detail.startswith('device "device-3" ')
        assert "missing 0%" in device.detail
        assert device.after is not None
        assert device.after > 0.8

    def test_two_of_ten(self) -> None:
        run = patrol("faults: [{at: 4000, device: device-3, kind: stuck}, {at: 4000, device: device-5, kind: stuck}]")
        assert run.jobs == []
        assert {part.name for part in newest(run, CONCEPT).devices} == {"device-3", "device-5"}
        assert {event.cause for _, event in run.of(CONCEPT)} == {"sensor"}

    def test_also_where_data_drift_may_ask(self) -> None:
        spec = fleet_spec(policy={"retrain_on": ["concept", "data", "prediction"]})
        assert patrol(self.FAULTS[1], spec=spec).jobs == []

    def test_all_at_once_are_no_sensor(self) -> None:
        run = patrol("faults: [{at: 4000, kind: stuck}]")
        assert len(run.jobs) == 1
        assert "sensor" not in {event.cause for _, event in run.events}

    def test_becomes_the_world_if_the_others_drift_too(self) -> None:
        run = patrol("faults: [{at: 4000, device: device-3, kind: stuck}]\ndrift: [{at: 6000}]")
        causes = [event.cause for _, event in run.of(CONCEPT)]
        assert causes[0] == "sensor"
        assert causes[-1] == "world"
        assert len({event.event_id for _, event in run.of(CONCEPT)}) == 1
        ((_, job),) = [(0, job) for job in run.jobs]
        # The window begins where the world changed, and not where the sensor broke.
        assert abs(job.window.features[0][0] - 6_000) <= 20
        assert abs(row_of(newest(run, CONCEPT)) - 6_000) <= 20


class TestTheShape:
    @pytest.mark.parametrize(
        ("course", "shape"),
        [
            ("{at: 4000}", "abrupt"),
            ("{at: 4000, kind: gradual, width: 1500}", "gradual"),
            ("{at: 4000, kind: incremental, width: 1500}", "incremental"),
        ],
    )
    def test_of_a_change_of_concept(self, course: str, shape: str) -> None:
        run = patrol(f"drift: [{course}]")
        shapes = [event.shape for _, event in run.of(CONCEPT)]
        assert set(shapes) <= {None, shape}
        assert shapes[-1] == shape
        assert newest(run, CONCEPT).cause == "world"
        assert len(run.jobs) == 1

    @pytest.mark.parametrize(
        ("course", "shape"),
        [
            ("{at: 4000, target: data}", "abrupt"),
            ("{at: 4000, target: data, kind: gradual, width: 1500}", "gradual"),
            ("{at: 4000, target: data, kind: incremental, width: 1500}", "incremental"),
        ],
    )
    def test_of_a_change_of_the_features(self, course: str, shape: str) -> None:
        run = patrol(f"drift: [{course}]")
        shapes = [event.shape for _, event in run.of(DATA)]
        assert set(shapes) <= {None, shape}
        assert shapes[-1] == shape

    @pytest.mark.parametrize(("target", "kind"), [("concept", CONCEPT), ("data", DATA)])
    def test_of_a_world_that_comes_back(self, target: str, kind: DriftKind) -> None:
        run = patrol(f"drift: [{{at: 4000, kind: recurring, period: 1200, target: {target}}}]")
        first, second = (event.event_id for _, event in run.of(kind, "opened"))
        of = {identity: [e for _, e in run.of(kind) if e.event_id == identity] for identity in (first, second)}
        assert {event.shape for event in of[first]} <= {None, "abrupt"}
        assert (of[first][-1].state, of[first][-1].closed_because) == ("closed", "recovered")
        assert of[second][-1].shape == "recurring"

    def test_of_a_world_that_an_earlier_version_was_trained_on(self) -> None:
        """Version 1 knows the world before the change, version 2 the one after; then the first comes back."""
        run = Patrol("devices: 10\ndrift: [{at: 4000, target: data}, {at: 6500, target: data}]", rows=9 * 1_024)
        shifted = Patrol("devices: 10\ndrift: [{at: 0, target: data}]", rows=2 * 1_024)
        back = Patrol("devices: 10")
        core = run.run(stop=6_016)
        run.version = 2
        core.install(2, shifted.reference, 2)
        # From row 6,500 on the rows are those of the world without drift.
        for name in ("values", "labels", "answers", "sure", "probabilities"):
            mine = getattr(run, name)
            mine[6_500:8_000] = getattr(back, name)[6_500:8_000]
        run.run(core, start=6_016, stop=8_000)
        told = [event for _, event in run.of(DATA) if event.model_version == 2]
        assert told[-1].shape == "recurring"


class TestWhomItHits:
    def test_a_class(self) -> None:
        run = patrol(blind=("c",), blind_from=AT)
        event = newest(run, CONCEPT)
        assert [part.name for part in event.classes] == ["c"]
        (part,) = event.classes
        assert part.detail.startswith('class "c" error ')
        assert part.after == pytest.approx(1.0, abs=0.05)
        assert part.before is not None
        assert part.before < 0.2
        assert part.detail in event.summary
        assert event.cause == "world"

    def test_a_segment(self) -> None:
        spec = fleet_spec(segments=["site", "device_id"])
        run = patrol(spec=spec, blind=("a", "b", "c", "d"), blind_from=AT, blind_sites=("south",))
        event = newest(run, CONCEPT)
        sites = [part for part in event.segments if part.part_of == "site"]
        assert [part.name for part in sites] == ["south"]
        assert sites[0].after == pytest.approx(1.0, abs=0.05)
        assert sites[0].detail.startswith('site "south" error ')
        assert sites[0].detail in event.summary

    def test_a_device_as_a_segment(self) -> None:
        spec = fleet_spec(segments=["device_id"])
        run = patrol("faults: [{at: 4000, device: device-3, kind: stuck}]", spec=spec)
        assert [(part.part_of, part.name) for part in newest(run, CONCEPT).segments] == [("device_id", "device-3")]

    def test_the_class_mix_is_told_as_such(self) -> None:
        run = patrol("drift: [{at: 4000, target: prior}]")
        ((_, event), *_) = run.of(PRIOR, "opened")
        assert abs(row_of(event) - AT) <= 200
        assert [blame.feature for blame in event.features] == ["(classes)"]
        assert event.classes
        assert all("share" in part.detail for part in event.classes)
        assert run.of(CONCEPT) == []
        assert run.jobs == []


class TestOneChangeIsOneEvent:
    def test_that_ends_with_its_version_and_is_not_told_of_the_next(self) -> None:
        run = Patrol("devices: 10\ndrift: [{at: 4000}]")
        core = run.run(stop=5_024)
        (job,) = run.jobs
        core.install(2, run.reference, 2)
        core.observe(
            ModelEvent(
                event_id="v",
                stream="tests",
                kind=ModelEventKind.PROMOTED,
                version=2,
                job_id=job.job_id,
                sequence=2,
                at=0,
            )
        )
        step = core.tick(EPOCH + 5_100 * STEP_MS)
        ended = events_of(step)
        assert {(event.state, event.closed_because) for event in ended} == {("closed", "new-version")}
        assert {event.event_id for event in ended} == {event.event_id for _, event in run.events}
        assert all(event.told_at == EPOCH + 5_100 * STEP_MS for event in ended)
        assert events_of(core.tick(EPOCH + 5_200 * STEP_MS)) == []

    def test_counts_once_however_often_it_is_updated(self) -> None:
        run = Patrol("devices: 10\ndrift: [{at: 4000, kind: gradual, width: 1500}]")
        core = run.run()
        assert [event.state for _, event in run.of(CONCEPT)].count("updated") >= 2
        assert core.state().events["concept", "alarm"] == 1
        assert len(run.jobs) == 1

    def test_every_record_of_it_stands_by_itself(self) -> None:
        run = patrol("drift: [{at: 4000, kind: gradual, width: 1500}]")
        records = [event for _, event in run.of(CONCEPT)]
        assert [event.revision for event in records] == list(range(len(records)))
        assert len({(event.event_id, event.detected_at) for event in records}) == 1
        errors = [event.evidence["error_after"] for event in records]
        assert errors == sorted(errors)
        assert all(event.evidence["labelled_since_onset"] > 0 for event in records)


class TestARestart:
    @pytest.mark.parametrize(
        "plan",
        [
            "faults: [{at: 3000, device: device-3, kind: missing}]\ndrift: [{at: 4000, kind: recurring, period: 900}]",
            "drift: [{at: 3000, kind: incremental, width: 800}, {at: 4000, target: data}]",
        ],
    )
    def test_changes_nothing_in_what_is_told(self, plan: str) -> None:
        spec = fleet_spec(segments=["site", "device_id"])
        whole, parts = (Patrol(f"devices: 10\n{plan}", spec=spec, rows=6 * 1_024) for _ in range(2))
        whole.run()
        core, stored = MonitorCore(spec), {}
        core.install(1, parts.reference, 1)
        for start in range(2_048, 6 * 1_024, 256):
            parts.run(core, start=start, stop=start + 256)
            stored = after(stored, core.snapshot())
            core = MonitorCore(spec)
            core.install(1, parts.reference, 1)
            core.restore(stored)
        assert parts.events == whole.events
        assert len(whole.events) >= 4
        assert parts.jobs == whole.jobs


def test_the_closing_of_an_event_is_not_lost_in_a_restart() -> None:
    run = Patrol("devices: 10\ndrift: [{at: 4000}]")
    core = run.run(stop=4_544)
    standing = {event.event_id for _, event in run.events}
    core.install(2, run.reference, 2)
    stored = after({}, core.snapshot())
    other = MonitorCore(run.spec)
    other.install(2, run.reference, 2)
    other.restore(stored)
    assert {event.event_id for event in events_of(other.tick(EPOCH + 10**6))} == standing
    assert np.isfinite(other.state().accuracy)
