"""What a backtest shows on the terminal: how far it is, and then its table."""

from typing import Any, Self

from driftline.backtest.comparison import Compared, Run

# Columns of the table with known changes; a narrower terminal wraps its lines, which is better than cells cut short.
WIDTH = 110


class Screen:
    """A line of progress for each strategy; on a plain terminal one line when it begins."""

    def __init__(self, console: Any, rows: int) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[what]}"),
        )
        self._console, self._rows = console, rows
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal)
        self._tasks: dict[tuple[str, int], Any] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *rest: object) -> None:
        self._progress.stop()

    def show(self, strategy: str, delay: int, row: int, what: str) -> None:
        """The strategy has reached this row."""
        key = (strategy, delay)
        name = f"{strategy}, labels {delay:,} later" if delay else strategy
        if key not in self._tasks:
            for task in self._tasks.values():
                self._progress.update(task, completed=self._rows, what="")
            self._tasks[key] = self._progress.add_task(name, total=self._rows, what=what)
            if not self._console.is_terminal:
                self._console.print(f"{name} …", highlight=False, markup=False)
        self._progress.update(self._tasks[key], completed=row, what=what)


def tell(console: Any, run: Run) -> None:
    """The figures, the notes and the recommendation."""
    for note in run.notes:
        console.print(f"  · {note}", soft_wrap=True, markup=False, highlight=False)
    for delay, compared in run.by_delay.items():
        head = f"{run.records:,} rows, the first {compared.plan.start:,} for the first model; labels {delay:,} later"
        console.print(f"\n{head}", soft_wrap=True, highlight=False)
        console.print(_table(compared), width=max(console.width, WIDTH), no_wrap=True, crop=False)
        if (advice := compared.advice) is None:
            continue
        console.print(f"take {advice.reason}", soft_wrap=True, markup=False, highlight=False)
        for warning in advice.warnings:
            console.print(f"  · {warning}", soft_wrap=True, markup=False, highlight=False)


def _table(compared: Compared) -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("strategy")
    heads = ["accuracy", "kappa", "trainings", "recalls", "training s", "alarms"]
    for head in [*heads, *(["found", "delay", "missed", "false"] if compared.detections else [])]:
        table.add_column(head, justify="right")
    for name, course in compared.courses.items():
        cells = [
            f"{course.accuracy:.3f}",
            f"{course.kappa:.3f}",
            str(course.retrainings),
            str(course.count("recalled")),
            f"{course.training_seconds:.1f}",
            str(len(course.alarms)),
        ]
        if (found := compared.detections.get(name)) is not None:
            delay = "–" if found.delay_median is None else f"{found.delay_median:,.0f}"
            cells += [str(found.detected), delay, str(found.missed), str(found.false_alarms)]
        table.add_row(name, *cells)
    return table
