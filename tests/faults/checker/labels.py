"""Every label counted once: each checkpoint of the monitor against a join of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tests.faults.checker.columns import Ints, first_of_each
from tests.faults.checker.report import Report

Table = Mapping[str, Ints]


def check_labels(
    report: Report, predictions: Table, labels: Table, heads: list[dict[str, Any]], stream: str, drained: bool
) -> None:
    """At each head, outcomes are the records whose first prediction and first label lie below its positions.

    If the stream is at rest (`drained`), the last head must hold all of them.

    "First" is by offset: all of a record's predictions stand in one partition, and so do its labels.
    """
    joined = _join(predictions, labels)
    wrong = joined["answer"] != joined["label"]
    report.sizes |= {
        "labels": len(labels["record"]),
        "outcomes": len(wrong),
        "heads": len(heads),
    }
    before: dict[str, Any] | None = None
    for head in heads:
        positions, account = head["positions"], head["account"]
        read = _below(positions.get(f"{stream}.predictions", {}), joined["partition"], joined["offset"])
        read &= _below(positions.get(f"{stream}.labels", {}), joined["label_partition"], joined["label_offset"])
        ours = (int(read.sum()), int((read & wrong).sum()))
        theirs = (account["outcomes"], account["wrong"])
        if ours != theirs:
            report.blame(
                "heads_wrong",
                1,
                f"head {head['number']} at offset {head['offset']} says {theirs[0]:,} outcomes, {theirs[1]:,} of them "
                f"wrong; its positions make it {ours[0]:,} and {ours[1]:,}",
            )
        for name, table in (("predictions", predictions), ("labels", labels)):
            ours_read = int(_below(positions.get(f"{stream}.{name}", {}), table["partition"], table["offset"]).sum())
            if account.get(name, ours_read) != ours_read:
                report.blame(
                    "heads_misread",
                    1,
                    f"head {head['number']} at offset {head['offset']} says {account[name]:,} {name} were read; its "
                    f"positions make it {ours_read:,}",
                )
        if before is not None and (fault := _back(before, head)):
            report.blame("heads_back", 1, f"head {head['number']} at offset {head['offset']}: {fault}")
        before = head
    counted = before["account"]["outcomes"] if before is not None else 0
    report.sizes["outcomes_counted"] = counted
    if drained:
        report.blame("labels_uncounted", max(len(wrong) - counted, 0), f"{counted:,} of {len(wrong):,} were counted")


def _join(predictions: Table, labels: Table) -> dict[str, Ints]:
    """First predictions that have a label, with their first label."""
    answered = first_of_each(predictions["record"], predictions["offset"])
    labelled = first_of_each(labels["record"], labels["offset"])
    _, left, right = np.intersect1d(
        predictions["record"][answered], labels["record"][labelled], assume_unique=True, return_indices=True
    )
    first, truth = answered[left], labelled[right]
    return {
        "partition": predictions["partition"][first],
        "offset": predictions["offset"][first],
        "answer": predictions["answer"][first],
        "label_partition": labels["partition"][truth],
        "label_offset": labels["offset"][truth],
        "label": labels["answer"][truth],
    }


def _below(positions: Mapping[str, int], partitions: Ints, offsets: Ints) -> Any:
    limits = np.zeros(int(partitions.max(initial=0)) + 1, dtype=np.int64)
    for number, position in positions.items():
        if int(number) < len(limits):
            limits[int(number)] = position
    return offsets < limits[partitions]


def _back(before: dict[str, Any], head: dict[str, Any]) -> str:
    """Why `head` does not follow `before`, or nothing."""
    if head["number"] <= before["number"]:
        return f"its number follows {before['number']}"
    for topic, positions in before["positions"].items():
        for number, position in positions.items():
            now = head["positions"].get(topic, {}).get(number, 0)
            if now < position:
                return f"{topic}[{number}] went from {position} back to {now}"
    return ""
