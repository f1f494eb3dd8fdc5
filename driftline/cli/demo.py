"""`driftline demo`: the whole loop on real data, in a few minutes."""

from pathlib import Path
from typing import Annotated

import typer

from driftline.cli.options import HeadlessOption, ReportOption


def register(app: typer.Typer) -> None:
    app.command("demo")(demo)


def demo(
    headless: HeadlessOption = False,
    report: ReportOption = None,
    folder: Annotated[
        Path, typer.Option("--dir", help="Folder for the demo's stream, models, plot and report.")
    ] = Path("driftline-demo"),
    rate: Annotated[float, typer.Option(min=1, help="Records a second.")] = 29.0,
) -> None:
    """Watch a stream of real sensor records change, the monitor notice, a new model earn its place and accuracy return.

    An optical sensor tells five kinds of insects by their wing beats. From row 1,775 on its features are shuffled, from
    row 3,550 on they are as before. Everything is real: a Kafka-protocol broker, separate processes, TensorFlow.
    """
    from driftline.demo.run import run_demo
    from driftline.demo.story import DemoSettings

    run_demo(DemoSettings(folder=folder, rate=rate, headless=headless, report=report))
