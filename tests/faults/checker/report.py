"""What the checker found, in numbers, with an example of each fault."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

# Every count that must be zero, by the name it has in build/faults.json.
FAULTS = {
    "lost": "feature records with neither a prediction nor a dead letter",
    "duplicated": "predictions or dead letters of a source record beyond the first",
    "both": "source records with a prediction and a dead letter",
    "mis_answered": "valid records that were buried, and invalid ones that were answered",
    "invented": "predictions and dead letters of source records that are not there",
    "reordered": "predictions that stand before an answer to an earlier record of their partition",
    "sequence_fell": "records answered by an older champion than a record before them in their partition",
    "wrong_version": "predictions whose version is not what the model events say of their champion sequence",
    "ambiguous_champions": "champion sequences that the model events give to two versions",
    "heads_wrong": "checkpoints of the monitor whose account is not the join of what they say was read",
    "heads_misread": "checkpoints that have read more or fewer predictions or labels than stand below their positions",
    "heads_back": "checkpoints whose number or positions are not after those of the one before",
    "labels_uncounted": "outcomes that the newest checkpoint of a stream at rest does not hold",
    "events_repeated": "records of drift events that were sent twice",
    "jobs_repeated": "retraining jobs that were sent twice",
    "jobs_unasked": "jobs for a drift event whose job before was not refused and had not failed",
    "jobs_overlapping": "jobs of the policy asked for while another had no verdict",
    "jobs_unanswered": "jobs without a verdict",
    "verdicts_contradictory": "jobs with two different verdicts",
    "verdicts_repeated": "verdicts that were sent twice",
    "malformed": "records of driftline's own topics that cannot be read",
}
MIS_VERSIONED = ("sequence_fell", "wrong_version", "ambiguous_champions")
EXAMPLES = 5


@dataclass(slots=True)
class Report:
    """Counts of a whole stream.

    Attributes
    ----------
    sizes : how much there was: accepted, predictions, dead_letters, labels, outcomes, heads, events, jobs, verdicts,
        champions (sequences that answered).
    faults : every name of `FAULTS` with its count; each must be zero.
    partitions : for each partition of the feature topic: accepted, lost, duplicated, reordered, sequence_fell.
    examples : the first few of each fault, for a person.
    """

    sizes: dict[str, int] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=lambda: dict.fromkeys(FAULTS, 0))
    partitions: dict[int, dict[str, int]] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def blame(self, fault: str, count: int, *examples: str) -> None:
        """Count a fault."""
        self.faults[fault] += int(count)
        if count:
            kept = self.examples.setdefault(fault, [])
            kept += examples[: EXAMPLES - len(kept)]

    @property
    def clean(self) -> bool:
        """Whether every promise held."""
        return not any(self.faults.values())

    @property
    def mis_versioned(self) -> int:
        """Everything that contradicts the fence between two versions."""
        return sum(self.faults[name] for name in MIS_VERSIONED)

    def broken(self) -> dict[str, int]:
        """The faults that are not zero."""
        return {name: count for name, count in self.faults.items() if count}

    def document(self) -> dict[str, Any]:
        """For a JSON file."""
        return {
            "clean": self.clean,
            **self.sizes,
            **self.faults,
            "mis_versioned": self.mis_versioned,
            "partitions": {str(number): counts for number, counts in sorted(self.partitions.items())},
            "examples": self.examples,
        }

    def lines(self) -> list[str]:
        """For a person: what there was, and each fault with its first examples."""
        said = [", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in self.sizes.items())]
        for name, count in self.broken().items():
            said.append(f"{name}: {count:,} {FAULTS[name]}")
            said += [f"    {example}" for example in self.examples.get(name, ())]
        return said
