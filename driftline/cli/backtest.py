"""`driftline backtest DATA`: what the loop would have done, and what other ways would have brought."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from driftline.cli.options import ReportOption, write_report
from driftline.errors import UsageError


def register(app: typer.Typer) -> None:
    app.command("backtest", epilog=_EPILOG)(backtest)


_EPILOG = """
[bold]Strategies[/bold]\n
[bold]never[/bold]: the first model alone; the monitor watches and nobody answers it.\n
[bold]periodic[/bold]: a training every N records, on the newest rows.\n
[bold]policy[/bold]: driftline's own loop, as `driftline up` would run it.\n
[bold]adwin, ddm, eddm, hddm-a, hddm-w, kswin, page-hinkley[/bold] (together: detectors): a training at every alarm of
one of river's detectors.\n
[bold]arf, hat[/bold]: river's adaptive random forest and Hoeffding adaptive tree, which learn from every label;
minutes.\n
[bold]no-change[/bold]: repeats the last label.\n\n
[bold]Examples[/bold]\n
driftline backtest pumps.csv\n
driftline backtest pumps.csv -c stream.yaml --label-delay 0 --label-delay 500 --page backtest.html\n
driftline backtest pumps.csv --strategies default,adwin,arf --drift-at 1775 --drift-at 3550\n
driftline backtest pumps.csv --set 'early: monitoring.policy.minimum_labels=100'
"""


def backtest(
    data: Annotated[
        Path | None, typer.Argument(help="A CSV (also compressed) or Parquet file with labels, oldest row first.")
    ] = None,
    topic: Annotated[
        bool, typer.Option("--topic", help="Instead of DATA: what the stream's features and labels topics hold.")
    ] = False,
    spec: Annotated[
        Path | None,
        typer.Option("--spec", "-s", "-c", help="The stream's specification; by default one as `init` would infer."),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(help="Without --spec: the label column; by default label, class, target … or the last."),
    ] = None,
    multilabel: Annotated[
        list[str] | None, typer.Option(help="Without --spec: a 0/1 column that is one class; give it once a class.")
    ] = None,
    exclude: Annotated[list[str] | None, typer.Option(help="Without --spec: a column to leave out.")] = None,
    strategies: Annotated[
        str, typer.Option(help="Names by commas; also default, detectors, all. See below.")
    ] = "default",
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="SETTING", help="The policy once more with '[NAME:] KEY=VALUE …' of the specification."
        ),
    ] = None,
    label_delay: Annotated[
        list[int] | None,
        typer.Option(help="Records by which a label follows its own; give it again to compare. [default: 0]"),
    ] = None,
    start_rows: Annotated[
        int | None, typer.Option(help="Rows of the first model. [default: a tenth, 200 to 2,000]")
    ] = None,
    every: Annotated[
        int | None,
        typer.Option(help="Records between the trainings of `periodic`. [default: a twentieth, at least 500]"),
    ] = None,
    window: Annotated[
        int | None, typer.Option(help="Labelled records that `periodic` trains on. [default: twice --every]")
    ] = None,
    training_takes: Annotated[
        str,
        typer.Option(help="Records that pass while a training runs; 'measured': its seconds times --rate."),
    ] = "100",
    rate: Annotated[float, typer.Option(help="Records a second of simulated time.")] = 10.0,
    block: Annotated[
        int, typer.Option(help="Records between two looks: labels come and models change at its ends.")
    ] = 32,
    drift_at: Annotated[
        list[int] | None, typer.Option(help="Row, from 0, at which the world is known to change; may be given again.")
    ] = None,
    drift_within: Annotated[
        int, typer.Option(help="Records after a known change in which an alarm is its detection.")
    ] = 2_500,
    seed: Annotated[int | None, typer.Option(help="Of every model. [default: the specification's]")] = None,
    max_rows: Annotated[int | None, typer.Option(min=40, help="Take the first rows only.")] = None,
    report: ReportOption = None,
    page: Annotated[Path | None, typer.Option(help="Write an HTML page to this file.")] = None,
) -> None:
    """Replay recorded data through the whole loop in one process, and compare what to do about drift.

    Each strategy meets the same records: the first rows train the first model, then every record is answered before its
    label is known. Time is simulated, so a day of stream takes seconds, and the same seed gives the same figures.
    """
    from rich.console import Console

    from driftline.backtest.comparison import compare
    from driftline.backtest.plan import Plan, default_every, default_start
    from driftline.backtest.report import report as report_of
    from driftline.backtest.settings import setting
    from driftline.backtest.strategies import chosen, named
    from driftline.cli.backtest_data import Asked, from_file, from_topics
    from driftline.cli.backtest_rooms import RealRooms
    from driftline.cli.backtest_screen import Screen, tell

    names = named(strategies)
    takes = _takes(training_takes)
    delays = list(dict.fromkeys(label_delay or [0]))
    if page is not None:
        _require_page(page)
    asked = Asked(spec, label, tuple(multilabel or ()), tuple(exclude or ()), max_rows, rate)
    if (data is None) != topic:
        raise UsageError("DATA or --topic: name a data file, or take what the stream's own topics hold: one of the two")
    source = from_topics(asked) if data is None else from_file(data, asked)
    stream, recording, rows = source.spec, source.recording, len(source.recording)
    if seed is not None:
        stream = stream.model_copy(update={"training": stream.training.model_copy(update={"seed": seed})})
    every = every if every is not None else default_every(rows)
    plan = Plan(
        start=start_rows if start_rows is not None else default_start(rows),
        every=every,
        window=window if window is not None else 2 * every,
        training_takes=takes,
        rate=rate,
        block=block,
        seed=stream.training.seed,
        drift_at=tuple(sorted(set(drift_at or []))),
        within=drift_within,
    )
    plan.check(rows)
    for delay in delays:
        replace(plan, label_delay=delay).check(rows)
    lines = chosen(stream, names, [setting(stream, text) for text in settings or []])
    console = Console()
    with (
        tempfile.TemporaryDirectory(prefix="driftline-first-") as folder,
        _quiet(),
        Screen(console, rows) as screen,
    ):
        run = compare(source.name, recording, plan, delays, lines, RealRooms(Path(folder)), screen.show, source.notes)
    tell(console, run)
    write_report(report, report_of(run))
    if page is not None:
        from driftline.backtest.page import page_of

        page_of(run).write(page)
        console.print(f"page: [bold]{page}[/]", soft_wrap=True)


def _takes(text: str) -> int | None:
    if text == "measured":
        return None
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"--training-takes: read {text!r}; allowed: a number of records, or 'measured'") from None


def _require_page(page: Path) -> None:
    from driftline.pages.picture import require_matplotlib

    if page.is_dir():
        raise UsageError(f"--page {page}: is a directory; expected a file")
    require_matplotlib()


@contextmanager
def _quiet() -> Iterator[None]:
    """The worker's log is a service's; here its verdicts are in the report."""
    import logging

    import structlog

    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)
