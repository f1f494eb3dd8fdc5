"""The ways into the secured node: for each, its listener and the settings that open it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from driftline.kafka.connect import Endpoint
from driftline.spec.sections import KafkaSpec
from tests.kafka.apache import ApacheKafka
from tests.security.certificates import KEY_PASSWORD, Certificates
from tests.security.cluster import PASSWORD, USER, unsecured_token

DOORS = (
    "tls",
    "mutual-tls",
    "mutual-tls-encrypted-key",
    "plain",
    "scram-sha-256",
    "scram-sha-512",
    "oauthbearer",
    "scram-in-the-open",
)


@dataclass(frozen=True, slots=True)
class House:
    """The secured node, its certificates, and a folder for what a test writes."""

    node: ApacheKafka
    certificates: Certificates
    folder: Path

    def settings(self, door: str) -> tuple[str, dict[str, Any]]:
        """The listener behind `door`, and the settings that open it."""
        c = self.certificates
        trusting: dict[str, Any] = {"security_protocol": "SSL", "ssl_cafile": str(c.ca)}
        showing = {**trusting, "ssl_certfile": str(c.client)}
        named: dict[str, Any] = {"security_protocol": "SASL_SSL", "ssl_cafile": str(c.ca), "sasl_username": USER}
        match door:
            case "tls":
                return "WIRE", trusting
            case "mutual-tls":
                return "MUTUAL", {**showing, "ssl_keyfile": str(c.client_key)}
            case "mutual-tls-encrypted-key":
                encrypted = {"ssl_keyfile": str(c.client_encrypted_key), "ssl_key_password": KEY_PASSWORD}
                return "MUTUAL", showing | encrypted
            case "plain" | "scram-sha-256" | "scram-sha-512":
                return "SASL", {**named, "sasl_mechanism": door.upper(), "sasl_password": PASSWORD}
            case "oauthbearer":
                token = self.folder / "token"
                token.write_text(unsecured_token(USER) + "\n")
                named.pop("sasl_username")
                return "SASL", {**named, "sasl_mechanism": "OAUTHBEARER", "sasl_token_file": str(token)}
            case "scram-in-the-open":
                named.pop("ssl_cafile")
                open_ = {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "SCRAM-SHA-512"}
                return "OPEN", {**named, **open_, "sasl_password": PASSWORD}
        raise ValueError(door)

    def endpoint(self, door: str, client: str = "auto", host: str = "127.0.0.1", **changes: Any) -> Endpoint:
        """Where `door` leads, its settings changed (None takes one away); `listener` leads elsewhere."""
        listener, settings = self.settings(door)
        bootstrap = self.node.bootstrap_at(changes.pop("listener", listener), host)
        if changes.pop("plaintext_port", False):
            bootstrap = self.node.bootstrap
        settings = {key: value for key, value in (settings | changes).items() if value is not None}
        spec = KafkaSpec(bootstrap=bootstrap, client=client, session_timeout_ms=6_000, **settings)  # type: ignore[arg-type]
        return Endpoint(bootstrap, spec, "wire")
