import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.spec.monitoring import ConceptDriftSpec, DataDriftSpec, MonitoringSpec
from monitoring.budget import SPAN, Budget, budget_of, concept_level, concept_rate, evaluation_level


@given(st.integers(1, 99), st.integers(10_000, 10**10))
def test_the_parts_add_up_to_the_whole(alarms: int, records: int) -> None:
    spec = MonitoringSpec(false_alarms=f"{alarms} per {records} records")
    budget = budget_of(spec)
    parts = (budget.concept, budget.answers, budget.data, budget.prediction, budget.prior)
    assert sum(parts) == pytest.approx(alarms / records)


def test_the_default_is_the_default() -> None:
    assert budget_of(MonitoringSpec()) == Budget()


def test_a_confidence_of_concept_drift_is_the_chance_in_ten_thousand_outcomes() -> None:
    assert concept_rate(ConceptDriftSpec(confidence=0.01), share=0.5) == pytest.approx(0.01 / SPAN)
    assert concept_level(ConceptDriftSpec(confidence=0.01), share=0.5) == 0.01
    assert concept_rate(ConceptDriftSpec(), share=5e-7) == 5e-7
    assert concept_level(ConceptDriftSpec(), share=5e-7) == pytest.approx(5e-7 * SPAN, rel=0.01)


def test_the_levels_of_all_evaluations_add_up_to_the_share() -> None:
    level = evaluation_level(DataDriftSpec(), share=2.5e-7, records=100)
    assert level * 1_000_000 / 100 == pytest.approx(0.25)
    assert evaluation_level(DataDriftSpec(confidence=0.01), share=2.5e-7, records=100) == 0.01
    assert evaluation_level(DataDriftSpec(), share=0.1, records=100_000) < 0.1
