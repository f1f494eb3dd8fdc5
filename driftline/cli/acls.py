"""`driftline acls`: what each service must be allowed to do, as commands for Kafka's own tool."""

from typing import Annotated

import typer

from driftline.cli.options import DEFAULT_SPEC, SpecOption, open_workspace
from driftline.errors import UsageError


def register(app: typer.Typer) -> None:
    app.command("acls")(show)


def show(
    service: Annotated[
        str | None,
        typer.Argument(help="producer, consumer, monitor, trainer, console or operator; by default all of them."),
    ] = None,
    principal: Annotated[
        str | None,
        typer.Option(help="Who is to be allowed: User:NAME. By default each service has its own, User:STREAM-SERVICE."),
    ] = None,
    spec: SpecOption = DEFAULT_SPEC,
) -> None:
    """Print the least rights of each service as kafka-acls commands. Changes nothing itself."""
    from driftline.kafka.acls import SERVICES, acls, commands

    if service is not None and service not in SERVICES:
        raise UsageError(f"service: read {service!r}; allowed: {', '.join(SERVICES)}")
    if principal is not None and not principal.partition(":")[2]:
        raise UsageError(f"--principal: read {principal!r}; expected TYPE:NAME, such as User:pumps")
    stream = open_workspace(spec).spec
    bootstrap = stream.kafka.bootstrap if stream.kafka.bootstrap != "embedded" else "localhost:9092"
    for one in SERVICES:
        if service in (None, one):
            typer.echo(f"# {one}")
            for line in commands(acls(stream, one), principal or f"User:{stream.stream}-{one}", bootstrap):
                typer.echo(line)
