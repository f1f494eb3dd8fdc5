"""`driftline topics`: create the stream's topics, for streams whose services may not."""

import typer

from driftline.cli.options import DEFAULT_SPEC, SpecOption, open_workspace


def register(app: typer.Typer) -> None:
    app.command("topics")(create)


def create(spec: SpecOption = DEFAULT_SPEC) -> None:
    """Create the stream's topics that are missing. Services do the same where they are allowed to."""
    from contextlib import closing

    from driftline.kafka.connect import connect, topic_requests

    workspace = open_workspace(spec)
    endpoint = workspace.endpoint("driftline-topics")
    requests = topic_requests(workspace.spec)
    with closing(connect(endpoint)) as client:
        created = set(client.ensure_topics(requests))
    for request in requests:
        typer.echo(f"{request.name}: {'created' if request.name in created else 'there already'}")
