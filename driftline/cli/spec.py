"""`driftline spec`: check a specification and show what it means, defaults and overrides included."""

import typer

from driftline.cli.options import DEFAULT_SPEC, SpecOption, open_workspace


def register(app: typer.Typer) -> None:
    app.command("spec")(show)


def show(spec: SpecOption = DEFAULT_SPEC) -> None:
    """Check the specification and print it with every default and environment override filled in."""
    from driftline.spec.load import dump_spec

    typer.echo(dump_spec(open_workspace(spec).spec, defaults=True), nl=False)
