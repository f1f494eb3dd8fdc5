"""Following a topic for as long as a service runs: on a thread, over brokers that go away and come back."""

import threading
from collections.abc import Callable
from contextlib import closing

import structlog

from driftline.errors import DriftlineError
from driftline.kafka.interface import Client

log = structlog.get_logger()

# One poll of the topic: how long a stop may have to wait for the thread that reads it.
POLL = 0.5
RETRY_AFTER = 5.0


def listen(
    client: Client, topic: str, note: Callable[[bytes | None], None], stop: threading.Event, without: str
) -> None:
    """Give every value of `topic`, from the oldest on, to `note`, until `stop`.

    Parameters
    ----------
    without : what to log while the topic cannot be read: that it cannot, and what then does not happen. Said once for
        each reason.
    """
    said = ""
    while not stop.is_set():
        try:
            with closing(client.tail([topic])) as tail:
                while not stop.is_set():
                    for batch in tail.poll(POLL):
                        for value in batch.values:
                            note(value)
                    said = ""
        except Exception as error:
            # This thread is needed for the next record, whatever a client library raises.
            complaint = str(error) if isinstance(error, DriftlineError) else repr(error)
            if complaint != said:
                log.warning(without, error=complaint)
            said = complaint
            stop.wait(RETRY_AFTER)
