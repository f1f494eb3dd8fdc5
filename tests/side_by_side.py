"""What may run beside what, where `make test` lets pytest run twice at once (pytest-xdist).

A test with a broker spends most of its time waiting for processes, and a test without one spends it computing. So all
tests with a broker are one group, which one of the two runs from first to last: no two of them ever meet, they share
one broker of each kind, and they have a core. The other computes meanwhile, a file at a time.
"""

from __future__ import annotations

from typing import Any

import pytest

BROKERS = "brokers"
# Folders and files in which tests ask for a broker. The tests themselves are held to it below.
_WITH_BROKERS = (
    "tests/backtest/test_recording.py",
    "tests/cli/test_errors.py",
    "tests/cli/test_labels_wanted.py",
    "tests/cli/test_report.py",
    "tests/console/test_service.py",
    "tests/deploy/test_composed.py",
    "tests/e2e/",
    "tests/faults/",
    "tests/kafka/",
    "tests/security/",
    "tests/training/test_two_trainers.py",
)
_FIXTURES = {"embedded_broker", "apache_kafka", "kafka_installed", "bootstrap"}


def group(nodeid: str) -> str:
    """The name of the group of tests that run one after another, of which this is one: its file, or `BROKERS`."""
    return BROKERS if nodeid.startswith(_WITH_BROKERS) else nodeid.partition("::")[0]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The longest group first, where there are two of us: begun late it would end late."""
    stray = {
        i.location[0] for i in items if _FIXTURES & {*getattr(i, "fixturenames", ())} and group(i.nodeid) != BROKERS
    }
    if stray:
        raise pytest.UsageError(f"{sorted(stray)}: tests with a broker; name the file in tests/side_by_side.py")
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: group(item.nodeid) != BROKERS)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hand out a group at a time, in the order of the tests."""
    from xdist.scheduler import LoadScopeScheduling

    class Groups(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return group(nodeid)

    config.option.loadscopereorder = False
    return Groups(config, log)
