"""From the bytes on the topics to columns: what each record says, field by field, and nothing judged."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.faults.checker.columns import MISSING, Columns

EXPECTED = "expect"
"""Header of a feature record that is invalid on purpose: its value is 'dead-letter'."""

_parse = json.JSONDecoder(strict=False).decode


class Ledger:
    """Everything a stream's topics hold. `takers` says what to do with the records of each topic.

    Record ids become 64-bit hashes: among a million ids two are equal with a probability of 3 in 10^8.
    """

    def __init__(self, stream: str) -> None:
        self.stream = stream
        self.features = Columns(("partition", "offset", "valid"))
        self.predictions = Columns(
            ("partition", "offset", "record", "answer", "version", "sequence", "source_partition", "source_offset")
        )
        self.dead_letters = Columns(("partition", "offset", "source_partition", "source_offset"))
        self.labels = Columns(("partition", "offset", "record", "answer"))
        self.heads: list[dict[str, Any]] = []
        """Parsed heads of the monitor's state in offset order, with `offset`."""
        self.drift_events: list[dict[str, Any]] = []
        self.jobs: list[dict[str, Any]] = []
        self.model_events: list[dict[str, Any]] = []
        """Parsed records of the three, in offset order, each with `offset` and `timestamp` (epoch ms)."""
        self.malformed: list[str] = []
        self._classes: dict[str, int] = {}

    def takers(self) -> Mapping[str, Callable[[Sequence[Any]], None]]:
        """By topic name."""
        return {
            f"{self.stream}.features": self._take_features,
            f"{self.stream}.predictions": self._take_predictions,
            f"{self.stream}.dead-letters": self._take_dead_letters,
            f"{self.stream}.labels": self._take_labels,
            f"{self.stream}.monitor-state": self._take_state,
            f"{self.stream}.drift-events": lambda messages: self._take_documents(messages, self.drift_events),
            f"{self.stream}.retraining-jobs": lambda messages: self._take_documents(messages, self.jobs),
            f"{self.stream}.model-events": lambda messages: self._take_documents(messages, self.model_events),
        }

    def _take_features(self, messages: Sequence[Any]) -> None:
        self.features.add([(m.partition(), m.offset(), int(not _to_be_buried(m.headers()))) for m in messages])

    def _take_predictions(self, messages: Sequence[Any]) -> None:
        rows = []
        for message in messages:
            try:
                said = _parse(message.value().decode())
                rows.append(
                    (
                        message.partition(),
                        message.offset(),
                        hash(said["record_id"]),
                        self._code(said["prediction"]),
                        said["model_version"],
                        said.get("champion_sequence", MISSING),
                        said["source_partition"],
                        said["source_offset"],
                    )
                )
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                self._complain(message, error)
        self.predictions.add(rows)

    def _take_dead_letters(self, messages: Sequence[Any]) -> None:
        rows = []
        for message in messages:
            try:
                said = _parse(message.value().decode())
                rows.append((message.partition(), message.offset(), said["source_partition"], said["source_offset"]))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                self._complain(message, error)
        self.dead_letters.add(rows)

    def _take_labels(self, messages: Sequence[Any]) -> None:
        rows = []
        for message in messages:
            try:
                said = _parse(message.value().decode())
                rows.append((message.partition(), message.offset(), hash(said["record_id"]), self._code(said["label"])))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                self._complain(message, error)
        self.labels.add(rows)

    def _take_state(self, messages: Sequence[Any]) -> None:
        self._take_documents([m for m in messages if m.key() == b"head" and m.value() is not None], self.heads)

    def _take_documents(self, messages: Sequence[Any], into: list[dict[str, Any]]) -> None:
        for message in messages:
            try:
                said = _parse(message.value().decode())
                into.append({**said, "offset": message.offset(), "timestamp": message.timestamp()[1]})
            except (ValueError, TypeError, AttributeError) as error:
                self._complain(message, error)

    def _code(self, answer: Any) -> int:
        name = answer if isinstance(answer, str) else json.dumps(sorted(answer))
        return self._classes.setdefault(name, len(self._classes))

    def _complain(self, message: Any, error: Exception) -> None:
        self.malformed.append(f"{message.topic()}[{message.partition()}] offset {message.offset()}: {error!r}")


def _to_be_buried(headers: Any) -> bool:
    return bool(headers) and (EXPECTED, b"dead-letter") in headers
