"""What may run beside what, where `make test` lets pytest run twice at once (pytest-xdist).

A test with a broker spends most of its time waiting for processes, and a test without one computes. The former are two
groups of about the same length: a group is run from first to last by one of the two, so its tests never meet each other
and share a broker of each kind. What computes comes after them, a file at a time, to whichever of the two is free.

In a group the places are run in the order in which they stand below: the streams at a pace of their own (tests/e2e)
come first, beside the lightest of the others, and the faults, which wait for what they want to see, come last.
"""

from __future__ import annotations

from typing import Any

import pytest

# Folders and files in which tests ask for a broker. The tests themselves are held to it below.
WITH_BROKERS = {
    "clients and faults": ("tests/kafka/", "tests/security/", "tests/faults/"),
    "streams": (
        "tests/e2e/",
        "tests/backtest/test_recording.py",
        "tests/cli/test_drift.py",
        "tests/cli/test_errors.py",
        "tests/cli/test_labels_wanted.py",
        "tests/cli/test_report.py",
        "tests/console/test_service.py",
        "tests/deploy/test_composed.py",
        "tests/training/test_two_trainers.py",
    ),
}
_FIXTURES = {"embedded_broker", "apache_kafka", "kafka_installed", "bootstrap"}


def group(nodeid: str) -> str:
    """The group of tests, run one after another, that this one is of: one of `WITH_BROKERS`, or its file."""
    of_brokers = (name for name, places in WITH_BROKERS.items() if nodeid.startswith(places))
    return next(of_brokers, nodeid.partition("::")[0])


def turn(nodeid: str) -> int:
    """Where a test stands in the order of all: the longest groups first, since begun late they would end late."""
    places = [place for places in WITH_BROKERS.values() for place in places]
    return next((number for number, place in enumerate(places) if nodeid.startswith(place)), len(places))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the tests in order, where there are two of us."""
    asking = [item for item in items if _FIXTURES & {*getattr(item, "fixturenames", ())}]
    if stray := {item.location[0] for item in asking if group(item.nodeid) not in WITH_BROKERS}:
        raise pytest.UsageError(f"{sorted(stray)}: tests with a broker; name their file in tests/side_by_side.py")
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: turn(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hand out a group at a time, in the order of the tests."""
    from xdist.scheduler import LoadScopeScheduling

    class Groups(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return group(nodeid)

    config.option.loadscopereorder = False
    return Groups(config, log)
