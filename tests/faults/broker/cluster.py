"""Apache Kafka with further ways to it, each through proxies that misbehave on demand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.faults.broker.proxy import HOST, Proxy
from tests.kafka.apache import ApacheKafka


class ProxiedKafka(ApacheKafka):
    """A cluster whose nodes listen once more for each way, and advertise the way's own proxy there.

    A client that starts at a way's address hears of no other, so whatever it does goes through that way's proxies.

    Parameters
    ----------
    ways : how many; way 0, way 1 … each with one proxy a node.
    """

    def __init__(
        self, directory: Path, nodes: int = 1, ways: int = 1, settings: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(directory, nodes, settings, listeners={f"WAY{way}": "PLAINTEXT" for way in range(ways)})
        self.ways = [
            [Proxy(lambda way=way, node=node: self._listener_ports[f"WAY{way}"][node]) for node in range(nodes)]
            for way in range(ways)
        ]

    def by_way(self, way: int) -> str:
        """Bootstrap servers of a way."""
        return ",".join(f"{HOST}:{proxy.port}" for proxy in self.ways[way])

    def close(self) -> None:
        """Stop the nodes and their proxies."""
        self.stop()
        for proxies in self.ways:
            for proxy in proxies:
                proxy.close()

    def _properties(self, node: int) -> dict[str, str]:
        chosen = super()._properties(node)
        advertised = [f"PLAINTEXT://{HOST}:{self._ports[node]}"]
        advertised += [f"WAY{way}://{HOST}:{proxies[node].port}" for way, proxies in enumerate(self.ways)]
        return chosen | {"advertised.listeners": ",".join(advertised)}
