"""The demo's live screen."""

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from driftline.watch.chart import chart
from driftline.watch.ledger import Ledger
from driftline.watch.scrape import Look

WINDOW = 100


class DemoScreen:
    """Draws the state of a run; it holds only what the picture needs beyond the ledger."""

    def __init__(self, ledger: Ledger, total: int) -> None:
        self._ledger, self._total = ledger, total
        self.accuracies: list[float | None] = []
        self.marks: dict[int, str] = {}
        self.news: list[str] = []
        self.told = {"drift": 0, "job": 0, "model": 0}
        self.rate = 0.0
        self.monitor: Look | None = None

    def mark(self, sign: str) -> None:
        """Set a sign above the newest point of the accuracy line."""
        self.marks[max(len(self.accuracies) - 1, 0)] = sign

    def sample(self) -> None:
        """Note the accuracy of this moment."""
        self.accuracies.append(self._ledger.accuracy(WINDOW))

    def render(self, width: int) -> RenderableType:
        """The picture at this moment."""
        ledger = self._ledger
        latency = ledger.latency()
        accuracy = ledger.accuracy(WINDOW)
        head = Table.grid(expand=True)
        for _ in range(5):
            head.add_column(justify="left")
        head.add_row(
            f"records [bold]{len(ledger.sent):,}[/] of {self._total:,}",
            f"{self.rate:,.0f}/s",
            f"latency [bold]{latency[0]:.0f}[/] ms (p99 {latency[1]:.0f})" if latency else "latency –",
            f"accuracy of the last {WINDOW}: [bold]{'–' if accuracy is None else f'{accuracy:.2f}'}[/]",
            f"answering: version [bold]{self._answering()}[/]",
        )
        legend = Text("      ▼ drift alarm   ■ retraining asked for   ▲ new version in service", style="dim")
        return Panel(
            Group(
                head,
                Text(),
                *chart(self.accuracies, max(min(width - 14, 120), 20), 8, self.marks),
                legend,
                Text(),
                self._scores(),
                Text(),
                *(Text(line) for line in self.news[-9:]),
            ),
            title="driftline demo · insects told by their wing beats, over Kafka",
            border_style="cyan",
        )

    def _answering(self) -> str:
        """The version of the newest prediction."""
        seen = self._ledger.version_at
        return str(seen[next(reversed(seen))]) if seen else "–"

    def _scores(self) -> RenderableType:
        """The most drifted features, by the monitor's own gauge."""
        if self.monitor is None:
            return Text("drift scores: the monitor is starting", style="dim")
        scores = sorted(
            ((dict(key).get("feature", ""), value) for key, value in self._features().items()),
            key=lambda item: -item[1],
        )[:6]
        line = Text("drift (PSI)  ")
        for name, value in scores:
            style = "red" if value >= 0.25 else ("yellow" if value >= 0.1 else "green")
            line.append(f"{name} ", "bold")
            line.append(f"{value:.2f} {'█' * min(int(value * 10), 12)}  ", style)
        return line

    def _features(self) -> dict[tuple[tuple[str, str], ...], float]:
        assert self.monitor is not None
        return self.monitor.samples.get("driftline_monitor_feature_drift_psi", {})
