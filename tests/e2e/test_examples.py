"""Each example project streams through the loop: trained on older rows, the newer ones answered, judged, watched."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from driftline.broker.embedded import EmbeddedBroker
from driftline.registry.registry import Registry
from driftline.spec.load import parse_spec
from driftline.tables import read_table
from driftline.watch.scrape import look
from tests.e2e.stack import Stack, running
from training.initial import train_initial

FOLDER = Path(__file__).parents[2] / "examples"
TRAINED, STREAMED = 2_000, 400


@contextmanager
def started(project: str, folder: Path, bootstrap: str, name: str) -> Iterator[tuple[Stack, Path]]:
    """The project's services, with a first model, and its data."""
    (data,) = (FOLDER / project).glob("*.csv.gz")
    document = yaml.safe_load((FOLDER / project / "stream.yaml").read_text())
    # As the project says, but for a short training: what is tried here is the way of its records.
    document |= {"stream": name, "training": document["training"] | {"epochs": 2, "refit": False}}
    registry = Registry(str(folder / "models"), name)
    train_initial(parse_spec(document), read_table(data).iloc[:TRAINED], registry, now_ms=1, baselines=())
    with running(folder, yaml.safe_dump(document), bootstrap, ["consumer", "monitor"]) as stack:
        yield stack, data


def replayed(stack: Stack, data: Path) -> subprocess.Popen[bytes]:
    return stack.command(
        "produce", "replay", str(data), *("--start-row", str(TRAINED), "--stop-row", str(TRAINED + STREAMED)),
        *("--rate", "200", "--label-delay", "50 records"),
    )  # fmt: skip


def test_the_projects_stream(tmp_path: Path, embedded_broker: EmbeddedBroker, fresh_name: str) -> None:
    """All three beside each other on one broker: what takes time here is the start of processes."""
    projects = ["credit_risk", "equipment_failure", "news_topics"]
    folders = [tmp_path / project for project in projects]
    for folder in folders:
        folder.mkdir()
    bootstrap = embedded_broker.bootstrap
    with (
        started(projects[0], folders[0], bootstrap, f"{fresh_name}-0") as credit,
        started(projects[1], folders[1], bootstrap, f"{fresh_name}-1") as equipment,
        started(projects[2], folders[2], bootstrap, f"{fresh_name}-2") as news,
    ):
        stacks = [credit, equipment, news]
        for stack, _ in stacks:
            stack.await_ready()
        replays = [replayed(stack, data) for stack, data in stacks]
        for (stack, _), replay in zip(stacks, replays, strict=True):
            streamed(stack, replay)


def streamed(stack: Stack, replay: subprocess.Popen[bytes]) -> None:
    """Every record is answered once, and every answer judged."""
    ledger = stack.ledger
    stack.wait("the replay to end", lambda: replay.poll() is not None)
    assert replay.returncode == 0
    stack.wait("every label to be joined", lambda: len(ledger.outcomes) == STREAMED and ledger.settled)

    def joined() -> bool:
        monitor = look("monitor-0", stack.workspace.service_notes()["monitor-0"]["url"])
        return monitor.total("driftline_monitor_labels_joined_total") == STREAMED

    stack.wait("the monitor to have judged every answer", joined)
    assert (len(ledger.sent), ledger.lost, ledger.duplicates, sum(ledger.buried.values())) == (STREAMED, 0, 0, 0)
    assert {outcome.version for outcome in ledger.outcomes} == {1}
    assert sum(outcome.correct for outcome in ledger.outcomes) > 0
