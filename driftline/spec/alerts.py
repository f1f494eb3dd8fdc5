"""Alerts in, and notifications out."""

from typing import Literal, Self

from pydantic import Field, model_validator

from driftline.spec.features import Strict


class AlertsSpec(Strict):
    """Which alerts of Alertmanager or Grafana become retraining jobs."""

    retrain_on: tuple[str, ...] = Field(
        default=("DriftlineAccuracyBelowTarget",),
        description="Names of alerts that ask for a retraining. The monitor's own policy acts on drift events already; "
        "an alert is the net below it.",
    )
    labels: int = Field(default=2_000, ge=20, description="Newest labelled records of such a retraining.")
    minimum_seconds_between: int = Field(
        default=1_800, ge=0, description="Shortest time between two jobs asked for by alerts."
    )
    per_day: int = Field(default=12, ge=1, description="Most jobs asked for by alerts in 24 hours.")
    token_file: str | None = Field(
        default=None,
        description="File that holds the token which a webhook must show; or the environment: DRIFTLINE_ALERTS_TOKEN. "
        "Without a token, the receiver does not start.",
    )


class WebhookSpec(Strict):
    """One place that is told of drift and of what was done about it."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$", description="Its name in logs and metrics.")
    url_env: str | None = Field(default=None, description="Environment variable that holds its URL, often a secret.")
    url_file: str | None = Field(default=None, description="File that holds its URL.")
    format: Literal["slack", "cloudevents"] = Field(
        default="slack", description="`slack`: a line of text as Slack and others take it; `cloudevents`: JSON."
    )
    on: tuple[Literal["drift", "retraining", "model"], ...] = Field(
        default=("drift", "model"), description="What it is told of."
    )
    minimum_severity: Literal["warning", "alarm"] = Field(default="alarm", description="Of drift events.")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.url_env is None) == (self.url_file is None):
            raise ValueError("url_env, url_file: one of the two, for a URL is often a secret and has no place here")
        return self


class NotifySpec(Strict):
    """Who is told, by `driftline run notifier`."""

    webhooks: tuple[WebhookSpec, ...] = Field(
        default=(), max_length=20, description="The places, each with its URL and what it wants to hear."
    )
    attempts: int = Field(default=6, ge=1, le=20, description="Tries of a delivery, each after twice as long a rest.")
    timeout_seconds: float = Field(default=10.0, gt=0, le=60, description="Longest wait for an answer.")

    @model_validator(mode="after")
    def _names_once(self) -> Self:
        names = [hook.name for hook in self.webhooks]
        if len(set(names)) < len(names):
            raise ValueError("webhooks: each name once")
        return self
