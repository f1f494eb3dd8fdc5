"""The notifier as a service: the core under the loop, the courier beside it."""

import os
from pathlib import Path

from driftline.errors import UsageError
from driftline.kafka.credentials import read_secret_file
from driftline.service.loop import Hooks, LoopSettings
from driftline.service.runtime import Service, ServiceContext
from driftline.spec.alerts import NotifySpec
from monitoring.notify.core import NotifierCore
from monitoring.notify.courier import WebhookCourier
from monitoring.notify.metrics import NotifyMetrics


def build(context: ServiceContext) -> Service:
    """Put the notifier together; see `driftline.service.runtime.run_service`."""
    spec = context.workspace.spec
    notify, topics = spec.notify, spec.topics
    courier = WebhookCourier(urls_of(notify, context.workspace.folder), notify.attempts, notify.timeout_seconds)
    core = NotifierCore(spec, courier)
    metrics = NotifyMetrics(context.prometheus, notify)
    return Service(
        core=core,
        settings=LoopSettings(
            group=f"{spec.stream}.notifiers",
            topics=[topics.drift_events, topics.retraining_jobs, topics.model_events],
            batch_size=1,  # news is rare, and what is committed one by one is told again one by one
            max_wait=0.0,
            transactional_id=(f"{spec.stream}.{context.instance}" if spec.kafka.guarantee == "exactly-once" else None),
        ),
        hooks=Hooks(between=lambda: metrics.copy(core.told, courier.results)),
        close=courier.close,
    )


def urls_of(spec: NotifySpec, folder: Path) -> dict[str, str]:
    """The URL of each webhook, from the environment or from its file (from `folder`, unless absolute).

    Raises
    ------
    UsageError : one is not set, or is no http or https URL; the URL itself is not in the message.
    """
    urls = {}
    for number, hook in enumerate(spec.webhooks):
        place = f"notify.webhooks.{number}"
        if hook.url_env is not None:
            field, url = f"{place}.url_env", os.environ.get(hook.url_env, "")
            if not url:
                raise UsageError(f"{field}: the environment variable {hook.url_env} is not set")
        else:
            field = f"{place}.url_file"
            url = read_secret_file(field, str(folder / (hook.url_file or "")))
        if not url.startswith(("http://", "https://")):
            raise UsageError(f"{field}: of the webhook {hook.name}: not a URL; expected http://… or https://…")
        urls[hook.name] = str(url)
    return urls
