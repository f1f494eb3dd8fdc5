"""Asking a broker, before any client library does, whether these security settings are welcome.

Both libraries treat a wrong password or an unknown certificate like a broker that is down: they try again until their
time is up, and then say that nothing answers. One connection made by hand says which setting is wrong, at once.
Nothing is refused here for a broker that cannot be reached: that is for the library to wait for.
"""

import socket
import ssl
import struct
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from driftline.errors import UsageError
from driftline.kafka.refusals import no_tls, tls_refusal
from driftline.kafka.security import kafka_python_security
from driftline.spec.sections import KafkaSpec

# A broker answers within milliseconds; one that is silent for so long is left to the client library.
_TIMEOUT = 3.0
_LONGEST_ANSWER = 1 << 20
_METADATA, _SASL_HANDSHAKE, _API_VERSIONS, _SASL_AUTHENTICATE = 3, 17, 18, 36
_ILLEGAL_SASL_STATE, _UNSUPPORTED_MECHANISM = 34, 33
# A connection that is closed without a word may be a broker on its way down; twice, half a second apart, it is none.
_LOOKS, _BETWEEN = 2, 0.5


class Unwelcome(UsageError):
    """The brokers refuse these security settings; the message names the setting to change."""


class _Closed(OSError):
    """The broker closed the connection instead of answering."""


def refuse_unwelcome(bootstrap: str, spec: KafkaSpec) -> None:
    """Return if a broker of `bootstrap` lets this client in, or if none can be reached.

    Raises
    ------
    Unwelcome : a broker refuses, or cannot be trusted; the message is one line and holds no secret.
    UsageError : a setting is missing, or a file it names cannot be used.
    NoToken : the identity provider gave no token.
    """
    if spec.bootstrap == "embedded" and spec.security_protocol == "PLAINTEXT":
        return
    settings = kafka_python_security(spec)
    for server in bootstrap.split(","):
        for look in range(_LOOKS):
            try:
                _visit(server.strip(), spec, settings)
                return
            except _Closed as error:
                if look == _LOOKS - 1:
                    raise Unwelcome(str(error)) from None
                time.sleep(_BETWEEN)
            except OSError:
                break


def _visit(server: str, spec: KafkaSpec, settings: dict[str, Any]) -> None:
    host, _, port = server.rpartition(":")
    host = host.strip("[]")
    try:
        connection = socket.create_connection((host, int(port)), _TIMEOUT)
    except (ValueError, OverflowError):
        raise UsageError(f"kafka.bootstrap: read {server!r}; expected host:port[,host:port…]") from None
    with closing(connection):
        if spec.security_protocol == "PLAINTEXT":
            _greet(connection, server)
            return
        if spec.security_protocol == "SASL_PLAINTEXT":
            _authenticate(connection, server, spec, settings)
            return
        try:
            with _encrypted(connection, host, server, spec, settings["ssl_context"]) as encrypted:
                # In TLS 1.3 a broker judges the client's certificate after the handshake: its verdict comes with an
                # answer, whatever was asked.
                if spec.security_protocol == "SSL":
                    _ask(encrypted, _API_VERSIONS, 0, b"")
                else:
                    _authenticate(encrypted, server, spec, settings)
        except ssl.SSLError as error:
            raise Unwelcome(tls_refusal(error, host, server, spec)) from None


def _encrypted(
    connection: socket.socket, host: str, server: str, spec: KafkaSpec, context: ssl.SSLContext
) -> ssl.SSLSocket:
    try:
        return context.wrap_socket(connection, server_hostname=host)
    except (ssl.SSLEOFError, ConnectionResetError):
        raise _Closed(no_tls(server, spec)) from None


def _greet(connection: socket.socket, server: str) -> None:
    """Ask what anybody may ask, as a client without security would."""
    head = f"kafka.security_protocol: read PLAINTEXT, but {server}"
    try:
        _ask(connection, _API_VERSIONS, 0, b"")
    except _NotKafka as error:
        if not error.start.startswith((b"\x15\x03", b"\x16\x03")):
            return
        raise Unwelcome(f"{head} speaks TLS; allowed with it: SSL, SASL_SSL") from None
    except (ConnectionResetError, _Closed):
        # A TLS listener may also close at once; so may a broker that is stopping, and then the library will wait.
        return
    try:
        _ask(connection, _METADATA, 2, struct.pack(">i", 0))
    except (ConnectionResetError, _Closed):
        raise _Closed(f"{head} answers nobody who has not said who they are; allowed with it: SASL_PLAINTEXT") from None


def _authenticate(connection: socket.socket, server: str, spec: KafkaSpec, settings: dict[str, Any]) -> None:
    # Imported here: nobody without SASL pays for it. It is kafka-python's own, which every installation has.
    from kafka.net.sasl import get_sasl_mechanism

    name = str(spec.sasl_mechanism)
    not_sasl = f"kafka.security_protocol: read {spec.security_protocol}, but {server} does not ask for SASL"
    try:
        answer = _ask(connection, _SASL_HANDSHAKE, 1, _text(name))
    except (_NotKafka, ConnectionResetError, _Closed):
        raise _Closed(f"{not_sasl}, or speaks TLS; the port may be of another listener") from None
    (code,) = struct.unpack_from(">h", answer)
    if code == _UNSUPPORTED_MECHANISM:
        offered = ", ".join(sorted(_texts(answer, 2))) or "none"
        raise Unwelcome(f"kafka.sasl_mechanism: read {name}; allowed by {server}: {offered}")
    if code == _ILLEGAL_SASL_STATE:
        raise Unwelcome(f"{not_sasl}; allowed with it: {spec.security_protocol.removeprefix('SASL_')}")
    if code:
        return
    mechanism = get_sasl_mechanism(name)(host=server.rpartition(":")[0], **settings)
    while not mechanism.is_done():
        shown = mechanism.auth_bytes()
        answer = _ask(connection, _SASL_AUTHENTICATE, 0, struct.pack(">i", len(shown)) + shown)
        (code,) = struct.unpack_from(">h", answer)
        if code:
            raise Unwelcome(_not_let_in(server, spec))
        _, at = _nullable(answer, 2)
        (length,) = struct.unpack_from(">i", answer, at)
        try:
            mechanism.receive(answer[at + 4 : at + 4 + max(length, 0)])
        except ValueError:
            # SCRAM also proves the broker to the client; one that does not know the password cannot.
            raise Unwelcome(f"kafka.bootstrap: {server} could not prove that it knows {spec.sasl_username}") from None


def _not_let_in(server: str, spec: KafkaSpec) -> str:
    if spec.sasl_mechanism == "OAUTHBEARER":
        source = "kafka.sasl_token_file" if spec.sasl_token_file else "kafka.oauth"
        return f"{source}: {server} does not accept the token; it may have expired, or be for something else"
    return (
        f"kafka.sasl_password: {server} does not accept kafka.sasl_username {spec.sasl_username} with this password "
        f"by {spec.sasl_mechanism}"
    )


class _NotKafka(OSError):
    def __init__(self, start: bytes) -> None:
        super().__init__("not Kafka's answer")
        self.start = start


def _ask(connection: socket.socket, key: int, version: int, body: bytes) -> bytes:
    """One request and its answer, without the correlation id."""
    request = struct.pack(">hhih", key, version, 1, -1) + body
    connection.sendall(struct.pack(">i", len(request)) + request)
    start = _read(connection, 4)
    (size,) = struct.unpack(">i", start)
    if not 4 <= size <= _LONGEST_ANSWER:
        raise _NotKafka(start)
    return _read(connection, size)[4:]


def _read(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        if not (part := connection.recv(size - len(data))):
            raise _Closed("closed")
        data += part
    return data


def _text(value: str) -> bytes:
    return struct.pack(">h", len(value.encode())) + value.encode()


def _nullable(data: bytes, at: int) -> tuple[str, int]:
    (size,) = struct.unpack_from(">h", data, at)
    end = at + 2 + max(size, 0)
    return data[at + 2 : end].decode(errors="replace"), end


def _texts(data: bytes, at: int) -> Iterator[str]:
    (count,) = struct.unpack_from(">i", data, at)
    at += 4
    for _ in range(count):
        value, at = _nullable(data, at)
        yield value
