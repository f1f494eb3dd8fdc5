"""Two sections of a stream's specification: Kafka and serving.

Every field has a default that works; every description is what `driftline spec` and the docs show.
"""

from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from driftline.spec.contradictions import contradiction
from driftline.spec.features import Strict


class OAuthSpec(Strict):
    """OAUTHBEARER: tokens by the client-credentials grant (RFC 6749, section 4.4)."""

    token_url: str | None = Field(
        default=None, description="The identity provider's token endpoint; https, or http on this machine."
    )
    client_id: str | None = Field(default=None, description="The client's name at the identity provider.")
    client_secret: SecretStr | None = Field(
        default=None, description="Only by environment: DRIFTLINE_KAFKA__OAUTH__CLIENT_SECRET. Refused in the file."
    )
    client_secret_file: str | None = Field(default=None, description="File that holds the client's secret.")
    scope: str | None = Field(default=None, description="The scope to ask for, if the provider wants one.")
    cafile: str | None = Field(
        default=None, description="File of the authorities that sign the endpoint's certificate, PEM."
    )


class KafkaSpec(Strict):
    """Where the stream lives and with which promise it is processed."""

    bootstrap: str = Field(
        default="embedded",
        description="host:port[,host:port…], or 'embedded' for the development broker that `driftline up` starts.",
    )
    partitions: int = Field(default=4, ge=1, le=1024, description="Partitions of features, predictions, labels.")
    replication: int = Field(default=1, ge=1, le=7, description="Replicas of every topic.")
    retention_hours: int = Field(
        default=168, ge=1, description="How long records stay readable; must cover the longest training window."
    )
    client: Literal["auto", "kafka-python", "confluent-kafka"] = Field(
        default="auto",
        description="Which Kafka library serves the consumers; 'auto' takes confluent-kafka where it is installed "
        "(`pip install driftline[fast]`), else kafka-python. The monitor always uses kafka-python.",
    )
    guarantee: Literal["exactly-once", "at-least-once"] = Field(
        default="exactly-once",
        description="'exactly-once' commits outputs and input offsets in one Kafka transaction; "
        "'at-least-once' flushes the outputs, then commits the offsets.",
    )
    session_timeout_ms: int = Field(default=6_000, ge=1_000, le=300_000, description="Group session time-out.")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    ssl_cafile: str | None = Field(
        default=None,
        description="File of the authorities that sign the brokers' certificates, PEM; without it, the system's.",
    )
    ssl_certfile: str | None = Field(
        default=None, description="File of this client's own certificate (mutual TLS), PEM."
    )
    ssl_keyfile: str | None = Field(default=None, description="File of that certificate's key, PEM.")
    ssl_key_password: SecretStr | None = Field(
        default=None,
        description="Of an encrypted key; only by environment: DRIFTLINE_KAFKA__SSL_KEY_PASSWORD. Refused in the file.",
    )
    ssl_key_password_file: str | None = Field(default=None, description="File that holds the key's password.")
    ssl_check_hostname: bool = Field(
        default=True, description="Whether a broker's certificate must name the host that was asked for."
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] | None = None
    sasl_username: str | None = None
    sasl_password: SecretStr | None = Field(
        default=None, description="Only by environment: DRIFTLINE_KAFKA__SASL_PASSWORD. Refused in the file."
    )
    sasl_password_file: str | None = Field(default=None, description="File that holds the password.")
    sasl_token_file: str | None = Field(
        default=None,
        description="OAUTHBEARER: file that holds the token; read again for every token shown, so it may be replaced.",
    )
    oauth: OAuthSpec = OAuthSpec()

    @model_validator(mode="after")
    def _no_contradiction(self) -> Self:
        if (complaint := contradiction(self)) is not None:
            raise ValueError(complaint)
        return self


class ServingSpec(Strict):
    """How the consumer batches and what it refuses."""

    batch_size: int = Field(default=512, ge=1, le=65_536, description="Most records scored at once.")
    max_wait_ms: int = Field(
        default=5, ge=0, le=10_000, description="Longest a record waits for others to share its batch."
    )
    max_record_bytes: int = Field(default=65_536, ge=64, description="A larger record becomes a dead letter.")
    max_future_seconds: int = Field(
        default=300, ge=0, description="An event time further ahead of the clock becomes a dead letter."
    )
    max_age_days: int = Field(
        default=3_650, ge=1, description="An event time further back than this becomes a dead letter."
    )
    dead_letter_payload_bytes: int = Field(
        default=4_096,
        ge=0,
        le=524_288,
        description="How much of a refused record's bytes its dead letter keeps; in base64 it is a third longer.",
    )
