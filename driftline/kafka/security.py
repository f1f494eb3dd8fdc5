"""A stream's security settings in the words of each client library.

Everything is read and checked here, before a library sees it, so that both refuse the same mistakes with the same
message. Secrets are `Hidden`: the dictionaries can be shown without showing them.
"""

from functools import cache
from typing import TYPE_CHECKING, Any

import structlog

from driftline.errors import DriftlineError
from driftline.kafka.credentials import key_password, password, tls_context
from driftline.spec.contradictions import LOOPBACK
from driftline.spec.sections import KafkaSpec

if TYPE_CHECKING:
    from driftline.kafka.oauth import TokenSource

log = structlog.get_logger()


def kafka_python_security(spec: KafkaSpec) -> dict[str, Any]:
    """Keyword arguments for KafkaConsumer, KafkaProducer and KafkaAdminClient.

    Raises
    ------
    UsageError : a setting is missing, or a file it names cannot be used; the message names the setting.
    """
    _warn(spec)
    settings: dict[str, Any] = {"security_protocol": spec.security_protocol}
    if spec.security_protocol.endswith("SSL"):
        settings["ssl_context"] = tls_context(spec)
    if spec.sasl_mechanism == "OAUTHBEARER":
        settings |= {"sasl_mechanism": "OAUTHBEARER", "sasl_oauth_token_provider": _provider(_tokens(spec))}
    elif spec.sasl_mechanism is not None:
        shown = password(spec)
        settings |= {
            "sasl_mechanism": spec.sasl_mechanism,
            "sasl_plain_username": shown.username,
            "sasl_plain_password": shown.password,
        }
    return settings


def librdkafka_security(spec: KafkaSpec) -> dict[str, Any]:
    """Configuration of confluent_kafka's Consumer, Producer and AdminClient.

    Raises
    ------
    UsageError : a setting is missing, or a file it names cannot be used; the message names the setting.
    """
    _warn(spec)
    settings: dict[str, Any] = {"security.protocol": spec.security_protocol}
    if spec.security_protocol.endswith("SSL"):
        tls_context(spec)  # librdkafka reads the files itself, but says less clearly what is wrong with one
        settings |= {
            "enable.ssl.certificate.verification": True,
            "ssl.endpoint.identification.algorithm": "https" if spec.ssl_check_hostname else "none",
        }
        named = {
            "ssl.ca.location": spec.ssl_cafile,
            "ssl.certificate.location": spec.ssl_certfile,
            "ssl.key.location": spec.ssl_keyfile,
            "ssl.key.password": key_password(spec) if spec.ssl_keyfile else None,
        }
        settings |= {key: value for key, value in named.items() if value is not None}
    if spec.sasl_mechanism == "OAUTHBEARER":
        settings |= {"sasl.mechanism": "OAUTHBEARER", "oauth_cb": _callback(_tokens(spec))}
    elif spec.sasl_mechanism is not None:
        shown = password(spec)
        settings |= {
            "sasl.mechanism": spec.sasl_mechanism,
            "sasl.username": shown.username,
            "sasl.password": shown.password,
        }
    return settings


def cautions(spec: KafkaSpec) -> list[str]:
    """What these settings leave open to others on the network, one sentence each."""
    found = []
    if spec.security_protocol == "SASL_PLAINTEXT" and not _local(spec.bootstrap):
        sent = {"PLAIN": "the password", "OAUTHBEARER": "the token"}.get(str(spec.sasl_mechanism))
        found.append(
            f"kafka.security_protocol SASL_PLAINTEXT sends {f'{sent} and all records' if sent else 'all records'} "
            "unencrypted over the network; use SASL_SSL"
        )
    if spec.security_protocol.endswith("SSL") and not spec.ssl_check_hostname:
        found.append(
            "kafka.ssl_check_hostname is false: whoever holds any certificate of the same authority can pose as a "
            "broker"
        )
    return found


def _local(bootstrap: str) -> bool:
    hosts = {server.strip().rpartition(":")[0].strip("[]") for server in bootstrap.split(",")}
    return bootstrap == "embedded" or all(host in LOOPBACK for host in hosts)


def _warn(spec: KafkaSpec) -> None:
    for caution in cautions(spec):
        _warn_once(caution)


@cache
def _warn_once(caution: str) -> None:
    log.warning("the wire is not safe", caution=caution)


def _tokens(spec: KafkaSpec) -> "TokenSource":
    # Imported here: urllib's HTTP client costs 60 ms, which only streams with tokens need pay.
    from driftline.kafka.oauth import token_source

    return token_source(spec)


def _provider(source: "TokenSource") -> Any:
    # Imported here: kafka-python need not be loaded where librdkafka serves.
    from kafka.net.sasl.oauth import AbstractTokenProvider

    class Provider(AbstractTokenProvider):  # type: ignore[misc]
        def token(self) -> str:
            return source().text

    return Provider()


def _callback(source: "TokenSource") -> Any:
    def oauth_cb(configuration: str) -> tuple[str, float]:
        try:
            token = source()
        except DriftlineError as error:
            # librdkafka asks again in some seconds, and says nothing by itself of why it has to.
            log.warning("no token", error=str(error))
            raise
        return str.__str__(token.text), token.expires

    return oauth_cb
