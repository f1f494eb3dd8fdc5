"""Each example project streams through the loop: trained on older rows, the newer ones answered, judged, watched."""

from pathlib import Path

import pytest
import yaml

from driftline.broker.embedded import EmbeddedBroker
from driftline.registry.registry import Registry
from driftline.spec.load import parse_spec
from driftline.tables import read_table
from driftline.watch.scrape import look
from tests.e2e.stack import running
from training.initial import train_initial

FOLDER = Path(__file__).parents[2] / "examples"
TRAINED, STREAMED = 2_000, 400


@pytest.mark.parametrize("project", ["credit_risk", "equipment_failure", "news_topics"])
def test_a_project_streams(project: str, tmp_path: Path, embedded_broker: EmbeddedBroker, fresh_name: str) -> None:
    (data,) = (FOLDER / project).glob("*.csv.gz")
    document = yaml.safe_load((FOLDER / project / "stream.yaml").read_text())
    # As the project says, but for a short training: what is tried here is the way of its records.
    document |= {"stream": fresh_name, "training": document["training"] | {"epochs": 2, "refit": False}}
    text = yaml.safe_dump(document)
    spec = parse_spec(document)
    train_initial(
        spec, read_table(data).iloc[:TRAINED], Registry(str(tmp_path / "models"), spec.stream), now_ms=1, baselines=()
    )
    with running(tmp_path, text, embedded_broker.bootstrap, ["consumer", "monitor"]) as stack:
        stack.await_ready()
        replay = stack.command(
            "produce", "replay", str(data), *("--start-row", str(TRAINED), "--stop-row", str(TRAINED + STREAMED)),
            *("--rate", "200", "--label-delay", "50 records"),
        )  # fmt: skip
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
