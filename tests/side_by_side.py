"""What may run beside what, where `make test` lets pytest run twice at once (pytest-xdist).

A test with a broker spends most of its time waiting for processes, and a test without one computes. The former are two
groups of about the same length: a group is run from first to last by one of the two, so its tests never meet each other
and share a broker of each kind. What computes comes after them, a file at a time, to whichever of the two is free.
"""

from __future__ import annotations

from typing import Any

import pytest

# Folders and files in which tests ask for a broker. The tests themselves are held to it below.
WITH_BROKERS = {
    "clients and faults": ("tests/faults/", "tests/kafka/", "tests/security/"),
    "streams": (
        "tests/e2e/",
        "tests/backtest/test_recording.py",
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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The longest groups first, where there are two of us: begun late they would end late."""
    asking = [item for item in items if _FIXTURES & {*getattr(item, "fixturenames", ())}]
    if stray := {item.location[0] for item in asking if group(item.nodeid) not in WITH_BROKERS}:
        raise pytest.UsageError(f"{sorted(stray)}: tests with a broker; name their file in tests/side_by_side.py")
    if hasattr(config, "workerinput"):
        order = list(WITH_BROKERS)
        items.sort(key=lambda item: order.index(name) if (name := group(item.nodeid)) in order else len(order))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hand out a group at a time, in the order of the tests."""
    from xdist.scheduler import LoadScopeScheduling

    class Groups(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return group(nodeid)

    config.option.loadscopereorder = False
    return Groups(config, log)
