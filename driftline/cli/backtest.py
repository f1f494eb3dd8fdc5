"""`driftline backtest DATA`: what the loop would have done, and what other ways would have brought."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

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
        Path, typer.Argument(help="A CSV (also compressed) or Parquet file with labels, oldest row first.")
    ],
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
    ] = 64,
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
    """Replay a file through the whole loop in one process, and compare what to do about drift.

    Each strategy meets the same records: the first rows train the first model, then every record is answered before its
    label is known. Time is simulated, so a day of stream takes seconds, and the same seed gives the same figures.
    """
    import pandas as pd
    from rich.console import Console

    from driftline.backtest.comparison import compare
    from driftline.backtest.plan import Plan, default_every, default_start
    from driftline.backtest.recording import recorded
    from driftline.backtest.report import report as report_of
    from driftline.backtest.settings import setting
    from driftline.backtest.strategies import chosen, named
    from driftline.cli.backtest_rooms import RealRooms
    from driftline.cli.backtest_screen import Screen, tell
    from driftline.tables import iter_table

    names = named(strategies)
    takes = _takes(training_takes)
    delays = list(dict.fromkeys(label_delay or [0]))
    if page is not None:
        _require_page(page)
    frame = pd.concat(list(_first_rows(iter_table(data, 50_000), max_rows)), ignore_index=True)
    stream, notes = _spec(frame, data, spec, label, multilabel, exclude)
    if seed is not None:
        stream = stream.model_copy(update={"training": stream.training.model_copy(update={"seed": seed})})
    every = every if every is not None else default_every(len(frame))
    plan = Plan(
        start=start_rows if start_rows is not None else default_start(len(frame)),
        every=every,
        window=window if window is not None else 2 * every,
        training_takes=takes,
        rate=rate,
        block=block,
        seed=stream.training.seed,
        drift_at=tuple(sorted(set(drift_at or []))),
        within=drift_within,
    )
    plan.check(len(frame))
    lines = chosen(stream, names, [setting(stream, text) for text in settings or []])
    recording = recorded(stream, frame, rate)
    console = Console()
    with (
        tempfile.TemporaryDirectory(prefix="driftline-first-") as folder,
        _quiet(),
        Screen(console, len(frame)) as screen,
    ):
        run = compare(data.name, recording, plan, delays, lines, RealRooms(Path(folder)), screen.show, notes)
    tell(console, run)
    write_report(report, report_of(run))
    if page is not None:
        from driftline.backtest.page import page_of

        page_of(run).write(page)
        console.print(f"page: [bold]{page}[/]", soft_wrap=True)


def _first_rows(frames: Any, most: int | None) -> Any:
    left = most
    for frame in frames:
        if left is None:
            yield frame
            continue
        yield frame.iloc[:left]
        left -= len(frame)
        if left <= 0:
            return


def _spec(
    frame: Any,
    data: Path,
    spec: Path | None,
    label: str | None,
    multilabel: list[str] | None,
    exclude: list[str] | None,
) -> tuple[Any, tuple[str, ...]]:
    from driftline.inference import infer_spec, stream_name
    from driftline.spec.load import load_spec

    if spec is not None:
        if label is not None or multilabel or exclude:
            raise UsageError("--label, --multilabel and --exclude are for data without --spec, which says all that")
        return load_spec(spec), ()
    inferred = infer_spec(frame, stream_name(data), label=label, multilabel=multilabel or (), exclude=exclude or ())
    said = f"no --spec: {inferred.spec.task}, label {inferred.spec.label!r}, {len(inferred.spec.features)} features"
    return inferred.spec, (said, *inferred.notes)


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
