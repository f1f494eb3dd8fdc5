"""A person pauses the policy: drift is told as ever, and nothing is asked for until they resume it."""

from typing import Any

from driftline.records.acts import Act, ActKind
from monitoring.core import MonitorCore
from tests.monitoring.stream import make_spec
from tests.monitoring.test_core import fresh_core, reference_of, run, world


def act(kind: ActKind, at: int, **fields: Any) -> Act:
    return Act(
        **{"act_id": f"a{at}", "stream": "s", "kind": kind, "actor": "anna", "at": at, "result": "done"} | fields
    )


class TestAPausedPolicy:
    def test_tells_and_does_not_ask(self) -> None:
        core = fresh_core(make_spec())
        core.told(act(ActKind.PAUSE, 1))
        told = run(core, world(make_spec()).batches)
        assert told.events and not told.jobs

    def test_asks_once_it_is_resumed(self) -> None:
        core, batches = fresh_core(make_spec()), world(make_spec()).batches
        core.told(act(ActKind.PAUSE, 1))
        half = len(batches) * 3 // 4
        assert not run(core, batches[:half]).jobs
        core.told(act(ActKind.RESUME, 2))
        assert len(run(core, batches[half:]).jobs) == 1

    def test_what_was_only_asked_or_is_older_changes_nothing(self) -> None:
        core = fresh_core(make_spec())
        core.told(act(ActKind.RESUME, 5))
        core.told(act(ActKind.PAUSE, 3))
        core.told(act(ActKind.PAUSE, 6, result="asked"))
        assert len(run(core, world(make_spec()).batches).jobs) == 1

    def test_it_stays_paused_over_a_restart(self) -> None:
        first = fresh_core(make_spec())
        first.told(act(ActKind.PAUSE, 1))
        second = MonitorCore(make_spec())
        second.restore({key: part for key, part in first.snapshot().items() if part is not None})
        second.install(1, reference_of(make_spec()))
        assert not run(second, world(make_spec()).batches).jobs
