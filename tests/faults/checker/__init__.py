"""The independent checker: reads what a stream's topics hold, and counts every broken promise.

Nothing here imports driftline or one of its rooms, so that a fault of theirs cannot hide itself; what the records look
like is known from `docs/records.md` alone.
"""

from tests.faults.checker.check import check
from tests.faults.checker.report import Report

__all__ = ["Report", "check"]
