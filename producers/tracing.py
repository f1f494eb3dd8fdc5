"""The traces of what is sent: each followed record's begins here."""

from collections.abc import Callable, Sequence

from driftline.tracing.context import Context, Headers
from driftline.tracing.identity import Identity
from driftline.tracing.spans import Span, Spans


class SendTraces:
    """Says which records carry a trace context, and tells of them once the broker has confirmed them.

    Parameters
    ----------
    topic : of the records.
    now : epoch ns.
    """

    def __init__(self, topic: str, identity: Identity, spans: Spans, now: Callable[[], int]) -> None:
        self._topic, self._identity, self._spans, self._now = topic, identity, spans, now
        self._sent: list[tuple[str, str, Context, int]] = []

    def sending(self, record_ids: Sequence[str], device_ids: Sequence[str]) -> dict[int, Headers]:
        """Row → headers of those that are followed."""
        found = {}
        for row, trace in self._identity.followed(record_ids).items():
            context = self._identity.context(trace, f"send {record_ids[row]}")
            self._sent.append((record_ids[row], device_ids[row], context, self._now()))
            found[row] = context.headers()
        return found

    def confirmed(self) -> None:
        """Everything sent is on its broker."""
        sent, self._sent, now = self._sent, [], self._now()
        self._spans.take(
            [
                Span(
                    name=f"send {self._topic}",
                    context=context,
                    parent=None,
                    start=began,
                    end=now,
                    kind="producer",
                    attributes={
                        "messaging.system": "kafka",
                        "messaging.destination.name": self._topic,
                        "driftline.record_id": record,
                        "driftline.device_id": device,
                    },
                )
                for record, device, context, began in sent
            ]
        )
