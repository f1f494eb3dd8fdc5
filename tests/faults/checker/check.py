"""The check of a whole stream: read everything, then judge it."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping

from tests.faults.checker.answers import check_answers, check_versions
from tests.faults.checker.jobs import check_jobs
from tests.faults.checker.labels import check_labels
from tests.faults.checker.ledger import Ledger
from tests.faults.checker.reading import read_whole
from tests.faults.checker.report import Report


def check(
    bootstrap: str,
    stream: str,
    initial: Mapping[int, int] | None = None,
    progress: Callable[[int], None] = lambda read: None,
    *,
    drained: bool = False,
) -> Report:
    """Read every topic of `stream` to its end and count what is not as promised.

    Parameters
    ----------
    bootstrap : host:port of the brokers.
    initial : version of each champion sequence that the registry held before the topics began; {1: 1} by default,
        the first model.
    progress : told now and then how many records were read.
    drained : whether everything was worked off before the services stopped, so that nothing may be left uncounted.

    Raises
    ------
    Unreadable : a topic is not there, or cannot be read to its end.
    """
    ledger = Ledger(stream)
    collecting = gc.isenabled()
    gc.disable()  # millions of short-lived objects without cycles: the collector would only walk over them
    try:
        read_whole(bootstrap, ledger.takers(), progress)
    finally:
        if collecting:
            gc.enable()
    return judge(ledger, {1: 1} if initial is None else initial, drained=drained)


def judge(ledger: Ledger, initial: Mapping[int, int], *, drained: bool) -> Report:
    """Count what is not as promised in what was read."""
    report = Report()
    features, predictions = ledger.features.arrays(), ledger.predictions.arrays()
    check_answers(report, features, predictions, ledger.dead_letters.arrays())
    check_versions(report, predictions, ledger.model_events, initial)
    check_labels(report, predictions, ledger.labels.arrays(), ledger.heads, ledger.stream, drained)
    check_jobs(report, ledger.drift_events, ledger.jobs, ledger.model_events)
    report.blame("malformed", len(ledger.malformed), *ledger.malformed)
    return report
