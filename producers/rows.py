"""What a source hands to the schedule: records to be sent, in order, with the answers that are to follow."""

from collections.abc import Sequence
from dataclasses import dataclass

from driftline.records.data import Value

Answer = str | list[str]


@dataclass(frozen=True, slots=True)
class Rows:
    """n records; all columns have the same length.

    Attributes
    ----------
    values : the features of each record, in the specification's order.
    labels : the true answer of each; None where it is not known and no label can follow.
    """

    record_ids: Sequence[str]
    device_ids: Sequence[str]
    values: Sequence[Sequence[Value]]
    labels: Sequence[Answer | None]

    def __len__(self) -> int:
        return len(self.record_ids)

    def take(self, rows: slice) -> "Rows":
        return Rows(self.record_ids[rows], self.device_ids[rows], self.values[rows], self.labels[rows])


NOTHING = Rows((), (), (), ())
