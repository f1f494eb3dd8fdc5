"""A state, and records, as the first versions wrote them: what they lack starts empty."""

import numpy as np

from driftline.records import DriftEvent, DriftKind
from monitoring.core import MonitorCore
from monitoring.store.encoding import pack, unpack
from tests.monitoring.stream import after, make_spec
from tests.monitoring.test_core import fresh_core, run, world

LATER = {
    "watch": (
        "prior", "cases", "segments", "feature_devices", "answer_devices", "events_told", "past", "past_errors",
        "cases_from",
    ),
    "core": ("values", "earlier", "closings"),
}  # fmt: skip
LATER_PARTS = ("cases/", "data-devices/", "prediction-devices/", "prior/", "values/", "earlier/", "past")


def as_before(parts: dict[str, bytes]) -> dict[str, bytes]:
    kept = {name: part for name, part in parts.items() if not name.startswith(LATER_PARTS)}
    for name, fields in LATER.items():
        values, columns = unpack(name, kept[name], dict)
        assert set(fields) <= set(values)
        kept[name] = pack({key: value for key, value in values.items() if key not in fields}, columns)
    return kept


class TestAnOlderState:
    def test_is_taken_over_and_goes_on(self) -> None:
        spec = make_spec()
        old = fresh_core(spec)
        batches = world(spec).batches
        run(old, batches[:50])
        core = MonitorCore(spec)
        core.restore(as_before(after({}, old.snapshot())))
        assert core.restore_notes == []
        assert core.account() == old.account()
        told = run(core, batches[50:])
        assert [event.kind for event in told.opened].count(DriftKind.CONCEPT) == 1
        assert len(told.jobs) == 1

    def test_in_which_a_drift_stands(self) -> None:
        """Nobody knows its first record any more: it cannot be closed, but it is over all the same."""
        spec = make_spec()
        old = fresh_core(spec)
        batches = world(spec).batches
        run(old, batches[:60])
        assert old.state().standing
        core = MonitorCore(spec)
        core.restore(as_before(after({}, old.snapshot())))
        told = run(core, batches[60:])
        assert core.state().standing
        assert told.of(DriftKind.CONCEPT) == []
        assert np.isfinite(core.state().error_rate)


def test_a_record_of_before_decodes() -> None:
    event = DriftEvent.from_json(
        b'{"event_id":"e","stream":"s","kind":"data","severity":"alarm","detector":"psi","model_version":1,'
        b'"detected_at":1,"detected":{},"onset":{},"summary":"moved"}'
    )
    assert (event.state, event.revision, event.shape, event.cause) == ("opened", 0, None, None)
    assert event.classes == event.devices == event.segments == []
