from typing import Any

import numpy as np
import pytest

from driftline.errors import DriftlineError
from driftline.records import DriftEvent
from monitoring.core import MonitorCore
from monitoring.distribution.data import DataMonitor
from tests.monitoring.distribution.test_data import MIXED, mixed_columns, run
from tests.monitoring.stream import Broker, events_of, make_reference, make_spec, numeric_columns

STATISTICS = ("psi", "jensen-shannon", "kolmogorov-smirnov", "wasserstein")


def events_after(change: str, **data: Any) -> list[DriftEvent]:
    """Events of a real core that reads 600 records like its reference and 1,000 of another world."""
    rng = np.random.default_rng(3)
    spec = make_spec(monitoring={"data": data})
    core = MonitorCore(spec)
    core.install(1, make_reference(spec, numeric_columns(rng.normal(size=(2_000, 4)))), 1)
    matrix = rng.normal(size=(1_600, 4))
    match change:
        case "moved":
            matrix[600:, 2] += 0.8
        case "a little":
            matrix[600:, 2] += 0.3
        case "missing":
            matrix[600:, 1] = np.where(rng.random(1_000) < 0.3, np.nan, matrix[600:, 1])
    broker, found = Broker(spec), []
    for start in range(0, 1_600, 100):
        rows = range(start, start + 100)
        values = [[None if np.isnan(v) else v for v in row] for row in matrix[start : start + 100].tolist()]
        batches = broker.features(rows, np.array(values, dtype=object))
        told = events_of(core.process(batches, 1_700_000_000_000 + start))
        found += [event for event in told if event.state == "opened"]
    return found


@pytest.mark.parametrize("statistic", STATISTICS)
class TestWhicheverStatisticDecides:
    def test_a_feature_that_moves_is_named(self, statistic: str) -> None:
        (event,) = events_after("moved", statistic=statistic)
        assert event.detector == f"{statistic}+chi-square"
        (blame,) = event.features
        assert blame.feature == "f2"
        assert blame.detail.startswith("mean ")
        assert blame.detail.endswith(" std")
        assert 0.55 < blame.effects["wasserstein"] < 1.0
        assert 0.25 < blame.effects["kolmogorov-smirnov"] < 0.45
        assert 0.2 < blame.effects["jensen-shannon"] < 0.45

    def test_a_sensor_that_goes_missing_is_named_as_such(self, statistic: str) -> None:
        (event,) = events_after("missing", statistic=statistic)
        (blame,) = event.features
        assert blame.feature == "f1"
        assert blame.detail.startswith("missing 0% → ")
        assert blame.effects["missing"] > 0.05

    def test_a_move_too_small_to_matter_is_not_told(self, statistic: str) -> None:
        assert events_after("a little", statistic=statistic) == []

    def test_a_quiet_world_is_quiet(self, statistic: str) -> None:
        assert events_after("nothing", statistic=statistic) == []


@pytest.mark.parametrize(
    ("statistic", "least"),
    [
        ("psi", {"minimum_psi": 0.02}),
        ("jensen-shannon", {"minimum_jensen_shannon": 0.05}),
        ("kolmogorov-smirnov", {"minimum_kolmogorov_smirnov": 0.05}),
        ("wasserstein", {"minimum_wasserstein": 0.1}),
    ],
)
def test_each_minimum_is_of_its_own_statistic(statistic: str, least: dict[str, float]) -> None:
    (event,) = events_after("a little", statistic=statistic, window=600, **least)
    assert [blame.feature for blame in event.features] == ["f2"]
    others = [name for name in STATISTICS if name != statistic]
    for other in others:
        assert events_after("a little", statistic=other, window=600, **least) == []


def test_a_rate_below_its_minimum_is_not_told() -> None:
    assert events_after("missing", minimum_rate=0.6, minimum_psi=9.0) == []


def test_an_unknown_statistic_is_refused_by_name() -> None:
    with pytest.raises(DriftlineError, match=r"monitoring\.data\.statistic"):
        make_spec(monitoring={"data": {"statistic": "hellinger"}})


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize(("change", "detail"), [("south", 'category "south" '), ("moon", "unknown categories 0% → ")])
def test_categories_have_no_order_and_are_judged_all_the_same(statistic: str, change: str, detail: str) -> None:
    rng = np.random.default_rng(5)
    spec = make_spec(MIXED, monitoring={"data": {"statistic": statistic}})
    monitor = DataMonitor(spec, make_reference(spec, mixed_columns(rng, 1_000)))
    now = mixed_columns(rng, 800)
    now.categorical[rng.random(800) < 0.4, 0] = change
    (_, finding), *_ = run(monitor, now)
    (blame,) = monitor.blame(finding)
    assert blame.feature == "site"
    assert blame.detail.startswith(detail)
    assert "kolmogorov-smirnov" not in blame.effects
    assert (blame.effects.get("unseen", 0.0) > 0.3) == (change == "moon")
