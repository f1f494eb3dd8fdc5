"""Real Apache Kafka as a security officer would set it up: TLS, mutual TLS, SASL by every mechanism, and ACLs.

Its plaintext listener on 127.0.0.1 stays, for the controller, the brokers among themselves and the tests' own looks.
"""

import base64
import json
import time
from collections.abc import Mapping
from pathlib import Path

from tests.kafka.apache import ApacheKafka
from tests.security.certificates import Certificates

PASSWORD = "wire-pass-0815"
"""Of every user here."""
USER = "alice"
SCRAM = ("SCRAM-SHA-256", "SCRAM-SHA-512")

_LOGIN = "org.apache.kafka.common.security"


def secured_kafka(directory: Path, certificates: Certificates) -> ApacheKafka:
    """A node with the listeners WIRE (TLS), MUTUAL (client certificates), SASL (over TLS) and OPEN (SASL in the open).

    The user `USER` is known to PLAIN and SCRAM; OAUTHBEARER takes unsecured tokens of anyone (see `unsecured_token`).
    """
    settings = {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(certificates.broker_store),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(certificates.ca),
        "listener.name.mutual.ssl.client.auth": "required",
        **_sasl("sasl", [USER]),
        **_sasl("open", [USER]),
    }
    return ApacheKafka(
        directory,
        settings=settings,
        listeners={"WIRE": "SSL", "MUTUAL": "SSL", "SASL": "SASL_SSL", "OPEN": "SASL_PLAINTEXT"},
        format_options=_scram_users([USER]),
    )


def guarded_kafka(directory: Path, users: list[str]) -> ApacheKafka:
    """A node with ACLs: nobody may do anything at its listener OPEN (SASL PLAIN) unless an ACL says so.

    Whoever comes to its plaintext listener is a super user: the broker itself, and the test that sets the ACLs.
    """
    settings = {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "false",
        "super.users": "User:ANONYMOUS",
        **_sasl("open", users),
    }
    return ApacheKafka(directory, settings=settings, listeners={"OPEN": "SASL_PLAINTEXT"})


def unsecured_token(subject: str, lifetime: float = 3600.0, **claims: object) -> str:
    """A token as Kafka's validator for tests takes it: a JWS without a signature (RFC 7515, appendix A.5)."""
    now = time.time()
    header: Mapping[str, object] = {"alg": "none"}
    body = {"sub": subject, "iat": now, "exp": now + lifetime, **claims}
    return f"{_encoded(header)}.{_encoded(body)}."


def _encoded(part: Mapping[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def _sasl(listener: str, users: list[str]) -> dict[str, str]:
    known = " ".join(f'user_{user}="{PASSWORD}"' for user in users)
    start = f"listener.name.{listener}"
    return {
        f"{start}.sasl.enabled.mechanisms": ",".join(["PLAIN", *SCRAM, "OAUTHBEARER"]),
        f"{start}.plain.sasl.jaas.config": f"{_LOGIN}.plain.PlainLoginModule required {known};",
        **{
            f"{start}.{mechanism.lower()}.sasl.jaas.config": f"{_LOGIN}.scram.ScramLoginModule required;"
            for mechanism in SCRAM
        },
        f"{start}.oauthbearer.sasl.jaas.config": (
            f'{_LOGIN}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";'
        ),
    }


def _scram_users(users: list[str]) -> list[str]:
    return [
        option
        for user in users
        for mechanism in SCRAM
        for option in ("--add-scram", f"{mechanism}=[name={user},password={PASSWORD}]")
    ]
