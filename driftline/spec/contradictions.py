"""Settings of `kafka` that cannot both be meant: each would leave a stream less protected than its owner thinks."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from driftline.spec.sections import KafkaSpec

LOOPBACK = ("localhost", "127.0.0.1", "::1")


def contradiction(spec: KafkaSpec) -> str | None:
    """The first thing wrong, beginning with the field's path; no secret and no value that may hold one is in it.

    Secrets that are missing are no contradiction: the file is also read where they are not set.
    """
    protocol, mechanism = spec.security_protocol, spec.sasl_mechanism
    if protocol.startswith("SASL") and mechanism is None:
        return (
            f"kafka.sasl_mechanism: required where kafka.security_protocol is {protocol}; "
            "allowed: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER"
        )
    if mechanism is not None and not protocol.startswith("SASL"):
        return (
            f"kafka.sasl_mechanism: read {mechanism}, which kafka.security_protocol {protocol} would not use; "
            "allowed with it: SASL_SSL, SASL_PLAINTEXT"
        )
    return _tls(spec) or _passwords(spec) or _tokens(spec)


def _tls(spec: KafkaSpec) -> str | None:
    fields = ("ssl_cafile", "ssl_certfile", "ssl_keyfile", "ssl_key_password_file")
    if not spec.security_protocol.endswith("SSL") and (used := next((f for f in fields if getattr(spec, f)), None)):
        return (
            f"kafka.{used}: set, but kafka.security_protocol is {spec.security_protocol}, which encrypts nothing; "
            "allowed with it: SSL, SASL_SSL"
        )
    if spec.ssl_certfile and not spec.ssl_keyfile:
        return "kafka.ssl_keyfile: required with kafka.ssl_certfile: a certificate is of no use without its key"
    if spec.ssl_keyfile and not spec.ssl_certfile:
        return "kafka.ssl_certfile: required with kafka.ssl_keyfile: a key is of no use without its certificate"
    if spec.ssl_key_password_file and not spec.ssl_keyfile:
        return "kafka.ssl_keyfile: required with kafka.ssl_key_password_file"
    return None


def _passwords(spec: KafkaSpec) -> str | None:
    for secret, file, field in (
        (spec.sasl_password, spec.sasl_password_file, "kafka.sasl_password"),
        (spec.ssl_key_password, spec.ssl_key_password_file, "kafka.ssl_key_password"),
        (spec.oauth.client_secret, spec.oauth.client_secret_file, "kafka.oauth.client_secret"),
    ):
        if secret is not None and file is not None:
            variable = f"DRIFTLINE_{field.upper().replace('.', '__')}"
            return f"{field}_file: set, and so is the environment variable {variable}; allowed: one of them"
    return None


def _tokens(spec: KafkaSpec) -> str | None:
    oauth = spec.oauth
    if spec.sasl_mechanism != "OAUTHBEARER":
        used = "kafka.sasl_token_file" if spec.sasl_token_file else "kafka.oauth.token_url" if oauth.token_url else None
        if used:
            return f"{used}: set, but kafka.sasl_mechanism is {spec.sasl_mechanism}; allowed with it: OAUTHBEARER"
        return None
    if spec.sasl_token_file and oauth.token_url:
        return "kafka.sasl_token_file: set, and so is kafka.oauth.token_url; allowed: one of them"
    if oauth.token_url is None:
        return None
    # The address is not repeated: it may be wrong by holding a password.
    try:
        url = urlsplit(oauth.token_url)
        host = url.hostname
    except ValueError:
        return "kafka.oauth.token_url: not an address; expected https://HOST/PATH"
    if url.username is not None or url.password is not None:
        return (
            "kafka.oauth.token_url: holds a user name or a password; a secret does not belong there: "
            "set kafka.oauth.client_id and kafka.oauth.client_secret_file"
        )
    if not host or url.scheme not in ("https", "http"):
        return "kafka.oauth.token_url: not an address; expected https://HOST/PATH"
    if url.scheme == "http" and host not in LOOPBACK:
        return "kafka.oauth.token_url: http would send the secret in the open; allowed: https, or http to localhost"
    if oauth.client_id is None:
        return "kafka.oauth.client_id: required with kafka.oauth.token_url"
    return None
