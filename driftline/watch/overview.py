"""The live view of `driftline up`: services, rates, accuracy and the loop's events, at a cost that does not grow."""

import time
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table

from driftline.kafka.interface import Batch, Client, KafkaFault, Tail
from driftline.records.loop import DriftEvent, ModelEvent, RetrainingJob
from driftline.supervise import Supervisor
from driftline.watch.scrape import Look, look
from driftline.watch.telling import tell
from driftline.workspace import Workspace

# The rates are of the last look but one: often enough to see a change, seldom enough to cost the services nothing.
LOOK_EVERY = 1.0


class Overview:
    """Looks at the services' own metrics and follows the three topics of the loop, which carry a handful of records."""

    def __init__(self, workspace: Workspace, client: Client, supervisor: Supervisor) -> None:
        self._workspace, self._supervisor = workspace, supervisor
        topics = workspace.spec.topics
        self._kinds: dict[str, type[DriftEvent] | type[RetrainingJob] | type[ModelEvent]] = {
            topics.drift_events: DriftEvent,
            topics.retraining_jobs: RetrainingJob,
            topics.model_events: ModelEvent,
        }
        self._tail: Tail = client.tail(list(self._kinds))
        self._news: deque[str] = deque(maxlen=12)
        self._counts = {"drift_events": 0, "retraining_jobs": 0, "promotions": 0}
        self._looks: list[Look] = []
        self._told: set[tuple[str, int]] = set()
        self._before: tuple[float, float] = (time.monotonic(), 0.0)
        self._rate = 0.0

    def run(self, console: Console, stop: Callable[[], bool], *, live: bool) -> None:
        """Show until `stop()`; on a terminal as a screen, elsewhere as lines for what happens."""
        if not live:
            while not stop():
                for line in self._step():
                    console.print(line, soft_wrap=True)
            return
        with Live(self._screen(), console=console, refresh_per_second=4, screen=False) as screen:
            while not stop():
                self._step()
                screen.update(self._screen())

    def report(self) -> dict[str, Any]:
        """Totals, for `--report`."""
        self._look()
        return {
            "records": int(self._total("driftline_records_read_total", "consumer")),
            "predictions": int(self._sum("driftline_predictions_total")),
            "dead_letters": int(self._sum("driftline_dead_letters_total")),
            "accuracy": self._accuracy(),
            **self._counts,
            "restarts": {name: child.restarts for name, child in self._supervisor.children.items() if child.restarts},
        }

    def close(self) -> None:
        self._tail.close()

    def _step(self) -> list[str]:
        """Look once, for about LOOK_EVERY seconds; returns what is new."""
        news = list(self._supervisor.watch())
        until = time.monotonic() + LOOK_EVERY
        while (left := until - time.monotonic()) > 0:
            try:
                for batch in self._tail.poll(min(left, 0.2)):
                    news += self._enter(batch)
            except KafkaFault as error:
                news.append(str(error))
                time.sleep(left)
        self._look()
        # Once for each start of a process: a trainer that warms its next child is no news.
        for one in self._looks:
            child = self._supervisor.children.get(one.instance)
            start = (one.instance, child.restarts if child else 0)
            if one.ready and start not in self._told:
                self._told.add(start)
                news.append(f"{one.instance} is ready")
        self._news.extend(f"{datetime.now():%H:%M:%S}  {line}" for line in news)
        return news

    def _enter(self, batch: Batch) -> list[str]:
        lines = []
        for value in batch.values:
            record = self._kinds[batch.topic].from_json(value or b"")
            if isinstance(record, DriftEvent):
                self._counts["drift_events"] += record.state == "opened"
            elif isinstance(record, RetrainingJob):
                self._counts["retraining_jobs"] += 1
            elif record.kind.changes_champion and record.job_id:
                self._counts["promotions"] += 1
            lines.append(tell(record))
        return lines

    def _look(self) -> None:
        self._looks = [look(name, note["url"]) for name, note in self._workspace.service_notes().items()]
        now, count = time.monotonic(), self._total("driftline_records_read_total", "consumer")
        then, before = self._before
        if now > then:
            self._rate = max(count - before, 0.0) / (now - then)
        self._before = (now, count)

    def _sum(self, metric: str) -> float:
        return sum(one.total(metric) for one in self._looks)

    def _total(self, metric: str, service: str) -> float:
        return sum(one.total(metric) for one in self._looks if one.instance.startswith(service))

    def _accuracy(self) -> float | None:
        values = [one.value("driftline_monitor_accuracy_ratio") for one in self._looks]
        found = [value for value in values if value is not None and value == value]
        return found[0] if found else None

    def _screen(self) -> RenderableType:
        table = Table(box=None, expand=True)
        for column in ("service", "state", "read", "lag", "restarts"):
            table.add_column(column)
        looks = {one.instance: one for one in self._looks}
        for name, child in self._supervisor.children.items():
            one = looks.get(name)
            state = "starting" if one is None else ("[green]ready[/]" if one.ready else f"[yellow]{one.message}[/]")
            table.add_row(
                name,
                state if child.running else "[red]down[/]",
                f"{one.total('driftline_records_read_total'):,.0f}" if one else "",
                f"{one.total('driftline_lag_records'):,.0f}" if one else "",
                str(child.restarts or ""),
            )
        accuracy, champion = self._accuracy(), self._workspace.registry.champion()
        head = (
            f"version [bold]{champion.version if champion else 'none yet'}[/]   {self._rate:,.0f} records/s   "
            f"rolling accuracy [bold]{'–' if accuracy is None else f'{accuracy:.3f}'}[/]   "
            f"dead letters {self._sum('driftline_dead_letters_total'):,.0f}"
        )
        waiting = (
            ""
            if champion
            else "\nno model yet: in another terminal, `driftline train DATA`; records wait in Kafka until then"
        )
        return Panel(
            Group(head + waiting, "", table, "", *self._news),
            title=f"driftline · {self._workspace.spec.stream} (Ctrl-C stops)",
            border_style="cyan",
        )
