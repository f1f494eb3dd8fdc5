"""Accuracy by group, counted again from the fleet that was watched."""

from collections import Counter

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from driftline.spec import StreamSpec
from monitoring.labels.groups import GROUPS_SHOWN
from monitoring.metrics import MonitorMetrics
from monitoring.state import MonitorState
from tests.monitoring.fleet import TRAINED, Patrol, fleet_spec
from tests.monitoring.stream import make_spec

# Whole batches of the patrol.
ROWS, WINDOW = TRAINED + 32 * 64, 700


def patrol(spec: StreamSpec, plan: str = "devices: 4") -> tuple[Patrol, MonitorState]:
    made = Patrol(plan, spec=spec, blind=("a", "b"), blind_from=TRAINED, blind_sites=("south",))
    return made, made.run(stop=ROWS).state()


def counted(made: Patrol, names: list[str]) -> dict[str, tuple[int, int]]:
    """Value → (outcomes, right ones) of the newest rows whose label has come; `names` are the values, by row."""
    rows = np.arange(ROWS - made.delay - WINDOW, ROWS - made.delay)
    right = made.answers == made.labels
    outcomes, correct = Counter(names[row] for row in rows), Counter(names[row] for row in rows if right[row])
    return {name: (count, correct[name]) for name, count in outcomes.items()}


class TestEachGroup:
    def test_is_counted_over_the_newest_outcomes(self) -> None:
        made, state = patrol(fleet_spec(segments=["site", "device_id"], accuracy_window=WINDOW))
        sites = counted(made, [row[6] for row in made.values])
        assert len(sites) == 3
        assert {value: n for (segment, value), n in state.groups.items() if segment == "site"} == sites
        devices = counted(made, made.devices)
        assert len(devices) == 4
        assert {value: n for (segment, value), n in state.groups.items() if segment == "device_id"} == devices
        assert min(sites, key=lambda name: sites[name][1] / sites[name][0]) == "south"

    def test_is_a_series_of_its_own(self) -> None:
        spec = fleet_spec(segments=["site"], accuracy_window=WINDOW)
        _, state = patrol(spec)
        registry = CollectorRegistry()
        MonitorMetrics(registry, spec).update(state)
        for (segment, value), (outcomes, right) in state.groups.items():
            labels = {"segment": segment, "value": value}
            assert registry.get_sample_value("driftline_monitor_group_accuracy_ratio", labels) == right / outcomes
            assert registry.get_sample_value("driftline_monitor_group_outcomes", labels) == outcomes

    def test_of_thousands_only_the_largest_are_shown(self) -> None:
        made, state = patrol(fleet_spec(segments=["device_id"], accuracy_window=WINDOW), f"devices: {3 * GROUPS_SHOWN}")
        devices = counted(made, made.devices)
        assert len(state.groups) == GROUPS_SHOWN < len(devices)
        smallest = min(outcomes for outcomes, _ in state.groups.values())
        left_out = [outcomes for name, (outcomes, _) in devices.items() if ("device_id", name) not in state.groups]
        assert smallest >= max(left_out)


class TestNoGroups:
    @pytest.mark.parametrize("segments", [[], ["site"]])
    def test_where_none_are_asked_for_or_nothing_was_judged(self, segments: list[str]) -> None:
        _, state = patrol(fleet_spec()) if not segments else (None, MonitorState())
        assert state.groups == {}
        registry = CollectorRegistry()
        MonitorMetrics(registry, make_spec()).update(state)
        assert [m for m in registry.collect() if m.name.startswith("driftline_monitor_group") and m.samples] == []
