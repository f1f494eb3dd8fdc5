"""Two small things a broker's starter needs: a port that stays free, and one Kafka question asked by hand."""

from __future__ import annotations

import random
import socket
import struct
from dataclasses import dataclass

HOST = "127.0.0.1"

# How every embedded broker's cluster id begins; Apache Kafka's ids are 22 characters of base64 without it. Clients tell
# by it that they speak with a broker which does less.
EMBEDDED_CLUSTER = "driftline-"

# Below the range from which Linux (32768-60999) and macOS (49152-65535) take ports for outgoing connections:
# any client can take a port of that range while its broker is down, and a client which keeps trying a dead
# one on the same machine can even connect to itself.
_PORTS = range(20_000, 32_768)
_METADATA, _METADATA_VERSION = 3, 2
_CORRELATION = 7
_MAX_ANSWER = 1 << 20

# The system's randomness: tests seed the global generator, and two of them must not walk the same ports.
_random = random.SystemRandom()
_handed_out: set[int] = set()


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nothing listens on and that this process has not been given before.

    Returns
    -------
    int
        The port. Another process may still take it first, so the caller must be ready to try again.
    """
    for _ in range(200):
        port = _random.choice(_PORTS)
        if port in _handed_out:
            continue
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
        _handed_out.add(port)
        return port
    raise OSError("no free port found on 127.0.0.1")


@dataclass(frozen=True)
class ClusterView:
    """What one broker says about its cluster.

    Attributes
    ----------
    cluster_id : str or None
        The cluster's id.
    brokers : dict of int to str
        ``host:port`` of every live broker by node id.
    """

    cluster_id: str | None
    brokers: dict[int, str]


def ask_cluster(port: int, timeout_s: float = 1.0) -> ClusterView:
    """Ask the broker at a port of 127.0.0.1 for its cluster, by one Kafka metadata request.

    A connect alone proves only that somebody listens. This is spoken by hand because a Kafka client brings
    threads, retries and a stream of log lines while the broker is still starting.

    Parameters
    ----------
    port : int
        Where the broker listens.
    timeout_s : float, default 1.0
        For the connect and for each read.

    Returns
    -------
    ClusterView
        The cluster's id and its live brokers.

    Raises
    ------
    OSError
        Nobody answers, or the answer is not Kafka's.
    """
    client = b"driftline-probe"
    # Header v1, then an empty list of topics: brokers only.
    request = struct.pack(">hhih", _METADATA, _METADATA_VERSION, _CORRELATION, len(client)) + client
    request += struct.pack(">i", 0)
    with socket.create_connection((HOST, port), timeout_s) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        (size,) = struct.unpack(">i", _read(connection, 4))
        if not 8 <= size <= _MAX_ANSWER:
            raise OSError(f"port {port} does not speak Kafka")
        answer = _read(connection, size)
    try:
        return _parse(answer)
    except (struct.error, UnicodeDecodeError) as error:
        raise OSError(f"port {port} does not speak Kafka: {error}") from error


def _read(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise OSError("the connection was closed in the middle of an answer")
        data += part
    return data


def _parse(answer: bytes) -> ClusterView:
    """Read a Metadata response, version 2, up to the cluster id."""
    correlation, count = struct.unpack_from(">ii", answer)
    if correlation != _CORRELATION:
        raise OSError("the answer is not to our question")
    at = 8
    brokers: dict[int, str] = {}
    for _ in range(count):
        (node,) = struct.unpack_from(">i", answer, at)
        host, at = _string(answer, at + 4)
        (port,) = struct.unpack_from(">i", answer, at)
        _rack, at = _string(answer, at + 4)
        brokers[node] = f"{host}:{port}"
    cluster_id, _ = _string(answer, at)
    return ClusterView(cluster_id, brokers)


def _string(data: bytes, at: int) -> tuple[str | None, int]:
    (size,) = struct.unpack_from(">h", data, at)
    at += 2
    return (None, at) if size < 0 else (data[at : at + size].decode(), at + size)
