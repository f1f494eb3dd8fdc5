"""Sending a few records at once, outside any service: what people ask for by hand, and what announces it."""

from collections.abc import Iterable
from contextlib import closing

from driftline.kafka.interface import Client, Outgoing


def send_now(client: Client, outputs: Iterable[Outgoing]) -> None:
    """Send records; they are there when it returns. Raises KafkaFault."""
    with closing(client.writer()) as writer:
        for out in outputs:
            writer.send(out)
        writer.commit(None, {})
