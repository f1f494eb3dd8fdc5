"""How the monitor's parts share one budget of false alarms.

Half of it is for concept drift, which asks for trainings, a quarter for data drift, and an eighth each for prediction
drift and for drift of the class mix. Rates add up whatever the parts' dependence, so the whole monitor stays within the
sum.
"""

from dataclasses import dataclass
from math import exp

from driftline.spec.monitoring import ConceptDriftSpec, DataDriftSpec, MonitoringSpec

CONCEPT, DATA, PREDICTION, PRIOR = 0.5, 0.25, 0.125, 0.125
"""Shares of the parts."""

START = 0.2
"""Of the part for concept drift: for models bad from their first answer on, which show within `SPAN` outcomes."""

ANSWERS = 0.5
"""Of the part for concept drift: for each answer by itself, where the stream has classes."""

SPAN = 10_000
"""Outcomes in which `concept.confidence` is the chance of a false alarm."""

_DEFAULT = 1e-6


@dataclass(frozen=True)
class Budget:
    """False alarms per record that each part may raise."""

    concept: float = CONCEPT * (1.0 - ANSWERS) * _DEFAULT
    answers: float = CONCEPT * ANSWERS * _DEFAULT
    data: float = DATA * _DEFAULT
    prediction: float = PREDICTION * _DEFAULT
    prior: float = PRIOR * _DEFAULT


def budget_of(spec: MonitoringSpec) -> Budget:
    """The budget of a stream, split between its parts.

    >>> budget_of(MonitoringSpec(false_alarms="4 per 1_000_000 records"))
    Budget(concept=1e-06, answers=1e-06, data=1e-06, prediction=5e-07, prior=5e-07)
    """
    whole = spec.false_alarms_per_record
    concept = CONCEPT * whole
    return Budget((1.0 - ANSWERS) * concept, ANSWERS * concept, DATA * whole, PREDICTION * whole, PRIOR * whole)


def concept_rate(spec: ConceptDriftSpec, share: float) -> float:
    """False alarms per outcome: the part's share of the budget, unless `concept.confidence` says otherwise."""
    return share if spec.confidence is None else spec.confidence / SPAN


def concept_level(spec: ConceptDriftSpec, share: float) -> float:
    """The same as the chance of a false alarm in 10,000 outcomes."""
    return 1.0 - exp(-concept_rate(spec, share) * SPAN) if spec.confidence is None else spec.confidence


def evaluation_level(spec: DataDriftSpec, share: float, records: int) -> float:
    """The level of one evaluation over all features, where one comes every `records` records.

    At most one alarm begins at an evaluation, so the expected number of alarms is at most the sum of the levels,
    however much the windows overlap.
    """
    return min(share * records, 0.05) if spec.confidence is None else spec.confidence
