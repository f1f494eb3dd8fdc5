"""Every accepted record answered once, in order, by one champion after another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tests.faults.checker.columns import Ints
from tests.faults.checker.report import EXAMPLES, Report

_OFFSETS = 1 << 44
"""More offsets than a partition ever has: a place is partition x this + offset."""

Table = Mapping[str, Ints]


def check_answers(report: Report, features: Table, predictions: Table, dead_letters: Table) -> None:
    """Count lost, duplicated, both, mis-answered, invented and reordered."""
    accepted = _place(features["partition"], features["offset"])
    answered, answers = np.unique(
        _place(predictions["source_partition"], predictions["source_offset"]), return_counts=True
    )
    buried, burials = np.unique(
        _place(dead_letters["source_partition"], dead_letters["source_offset"]), return_counts=True
    )
    report.sizes |= {"accepted": len(accepted), "predictions": int(answers.sum()), "dead_letters": int(burials.sum())}
    is_answered, is_buried = np.isin(accepted, answered), np.isin(accepted, buried)
    lost = accepted[~(is_answered | is_buried)]
    twice = np.concatenate([np.repeat(answered, answers - 1), np.repeat(buried, burials - 1)])
    report.blame("lost", len(lost), *_shown(lost))
    report.blame("duplicated", len(twice), *_shown(twice))
    report.blame("both", *_counted(accepted[is_answered & is_buried]))
    valid = features["valid"].astype(bool)
    report.blame("mis_answered", *_counted(accepted[(valid & is_buried) | (~valid & is_answered)]))
    strangers = np.concatenate([answered[~np.isin(answered, accepted)], buried[~np.isin(buried, accepted)]])
    report.blame("invented", *_counted(strangers))
    backward = _backward(predictions)
    report.blame("reordered", len(backward), *_shown(backward))
    for number in np.unique(features["partition"]).tolist():
        report.partitions[number] = {
            "accepted": int((features["partition"] == number).sum()),
            **{
                name: int((places // _OFFSETS == number).sum())
                for name, places in (("lost", lost), ("duplicated", twice), ("reordered", backward))
            },
        }


def check_versions(report: Report, predictions: Table, said: list[dict[str, Any]], initial: Mapping[int, int]) -> None:
    """Count what contradicts the fence.

    Parameters
    ----------
    said : the model events.
    initial : version of each champion sequence that was in service before the topic began.
    """
    champions = dict(initial)
    for event in said:
        if event.get("kind") not in ("promoted", "recalled", "rolled-back"):
            continue
        sequence, version = event["sequence"], event["version"]
        if champions.setdefault(sequence, version) != version:
            report.blame(
                "ambiguous_champions", 1, f"sequence {sequence}: version {champions[sequence]}, and version {version}"
            )
    places = _place(predictions["source_partition"], predictions["source_offset"])
    order = np.lexsort((predictions["offset"], places))
    places, sequences = places[order], predictions["sequence"][order]
    versions = predictions["version"][order]
    same = places[1:] // _OFFSETS == places[:-1] // _OFFSETS
    # Against the highest so far, not the one before: after a fall, every record until the rise is answered wrongly.
    fell = np.zeros(len(places), dtype=bool)
    for number in np.unique(places // _OFFSETS).tolist():
        own = places // _OFFSETS == number
        fell[own] = sequences[own] < np.maximum.accumulate(sequences[own])
        report.partitions.setdefault(number, {})["sequence_fell"] = int(fell[own].sum())
    report.blame("sequence_fell", int(fell.sum()), *_shown(places[fell]))
    known = np.array(sorted(champions.items()), dtype=np.int64).reshape(-1, 2)
    at = np.searchsorted(known[:, 0], sequences)
    there = at < len(known)
    right = np.zeros(len(places), dtype=bool)
    right[there] = (known[at[there], 0] == sequences[there]) & (known[at[there], 1] == versions[there])
    examples = [
        f"{_name(places[i])}: version {versions[i]} as sequence {sequences[i]}; "
        f"the model events say {champions.get(int(sequences[i]), 'nothing of it')}"
        for i in np.flatnonzero(~right)[:EXAMPLES]
    ]
    report.blame("wrong_version", int((~right).sum()), *examples)
    report.sizes["champions"] = len(np.unique(sequences))
    report.sizes["swaps_in_partitions"] = int((same & (sequences[1:] != sequences[:-1])).sum())


def _backward(predictions: Table) -> Ints:
    """Places of answers that an answer to an earlier record of the same partition follows, on the topic."""
    order = np.lexsort((predictions["offset"], predictions["partition"]))
    topic_partition = predictions["partition"][order]
    places = _place(predictions["source_partition"], predictions["source_offset"])[order]
    backward = (topic_partition[1:] == topic_partition[:-1]) & (places[1:] < places[:-1])
    return places[:-1][backward]


def _place(partitions: Ints, offsets: Ints) -> Ints:
    return partitions * _OFFSETS + offsets


def _name(place: int) -> str:
    return f"partition {place // _OFFSETS} offset {place % _OFFSETS}"


def _shown(places: Ints) -> list[str]:
    return [_name(place) for place in places[:EXAMPLES].tolist()]


def _counted(places: Ints) -> tuple[Any, ...]:
    return (len(places), *_shown(places))
