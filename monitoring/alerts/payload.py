"""What Alertmanager and Grafana send: one form, of which only what matters here is read."""

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from driftline.errors import UsageError

# Alertmanager groups alerts; a group of more than this is a mistake in its routes, not news.
MOST_ALERTS = 1_000


class Alert(BaseModel):
    """One alert of a webhook."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    status: str = Field(max_length=64, description="'firing' or 'resolved'.")
    labels: dict[str, str] = Field(default_factory=dict, max_length=200)
    annotations: dict[str, str] = Field(default_factory=dict, max_length=200)
    starts_at: str = Field(default="", alias="startsAt", max_length=64)
    fingerprint: str = Field(default="", max_length=256, description="Of the labels; the same while the alert lasts.")

    @property
    def name(self) -> str:
        return self.labels.get("alertname", "")


class Webhook(BaseModel):
    """The body: Alertmanager's webhook of version 4, and Grafana's, which holds the same and more."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    alerts: tuple[Alert, ...] = Field(max_length=MOST_ALERTS)


def read_webhook(body: bytes) -> tuple[Alert, ...]:
    """The alerts of a webhook's body.

    Raises
    ------
    UsageError : it is no such body; the message names the field, and nothing of its values.
    """
    try:
        return Webhook.model_validate_json(body).alerts
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "body"
        raise UsageError(f"{place}: {first['msg']}; expected the webhook of Alertmanager or Grafana") from None
