"""A real Prometheus scrapes a drift and a retraining: every panel has data, and the alert asks once."""

import importlib.util
import json
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import yaml

from driftline.broker.embedded import EmbeddedBroker
from driftline.kafka.connect import Endpoint, connect
from driftline.kafka.interface import Outgoing
from driftline.records import ModelEventKind
from tests.e2e.conftest import DATA
from tests.e2e.prometheus import DEPLOY, Prometheus, alertmanager, prometheus
from tests.e2e.receiving import TOKEN, receiver
from tests.e2e.stack import Stack, running

START, STOP, RATE = 1_500, 3_450, 40


def built() -> ModuleType:
    """deploy/grafana/build.py, which is a script and no package."""
    made = importlib.util.spec_from_file_location("grafana_build", DEPLOY / "grafana" / "build.py")
    assert made is not None and made.loader is not None
    module = importlib.util.module_from_spec(made)
    sys.modules["grafana_build"] = module
    made.loader.exec_module(module)
    return module


def asked(board: str, stream: str) -> Iterator[tuple[str, str, bool]]:
    """Title, query and whether it is instant, of each panel's queries and each annotation of a dashboard."""
    document = json.loads((DEPLOY / "grafana" / "dashboards" / f"{board}.json").read_text())

    def filled(query: str) -> str:
        return re.sub(r"\$(version|segment|group)\b", ".*", query.replace("$stream", stream))

    for panel in document["panels"]:
        for target in panel["targets"]:
            yield f"{board}: {panel['title']}", filled(target["expr"]), target["instant"]
    for variable in document["templating"]["list"]:
        # What Grafana asks for the labels of: the series that the query names.
        (series,) = re.findall(r"^label_values\((.*), \w+\)$", variable["definition"])
        yield f"{board}: variable {variable['name']}", filled(series), True
    for annotation in document["annotations"]["list"]:
        yield f"{board}: annotation {annotation['name']}", filled(annotation["expr"]), False


def send_broken(stack: Stack) -> None:
    """Some records that become dead letters, so that their panels have something to show."""
    client = connect(Endpoint(stack.bootstrap, stack.workspace.spec.kafka, "broken"))
    writer = client.writer()
    writer.send(Outgoing(stack.workspace.spec.topics.features, [b"{", b"[]"] * 10, [b"x"] * 20))
    writer.commit(None, {})
    writer.close()
    client.close()


def test_a_drift_is_seen_and_its_alert_brings_one_retraining(
    stream: str, tmp_path: Path, embedded_broker: EmbeddedBroker
) -> None:
    document = yaml.safe_load(stream)
    # By the time the alert fires, 8 s after the drift, the newest 300 labels are of the new world.
    # The monitor's own policy does nothing here: what is asked for, the alert asks for.
    document["monitoring"] = {**document.get("monitoring", {}), "policy": {"retrain_on": []}, "target_accuracy": 0.8}
    document["monitoring"]["segments"] = ["device_id"]
    document["alerts"] = {"retrain_on": ["DriftlineConceptDrift"], "labels": 300}
    services = ["consumer", "monitor", "trainer"]
    with running(tmp_path, yaml.safe_dump(document), embedded_broker.bootstrap, services) as stack:
        stack.await_ready()
        ledger = stack.ledger
        with receiver(stack) as webhook:
            notes = stack.workspace.service_notes()
            scraped = {name.rpartition("-")[0]: note["url"].removeprefix("http://") for name, note in notes.items()}
            with (
                alertmanager(tmp_path, webhook, TOKEN) as manager,
                prometheus(tmp_path, document["stream"], scraped, manager, wait="8s") as server,
            ):
                replay = stack.command(
                    "produce", "replay", str(DATA), *("--start-row", str(START), "--stop-row", str(STOP)),
                    *("--rate", str(RATE), "--label-delay", "20 records"),
                )  # fmt: skip
                send_broken(stack)
                stack.wait("the drift", lambda: bool(ledger.drift_events))
                stack.wait("a verdict", lambda: any(event.job_id for event in ledger.model_events))
                # The swap is to be seen by a scrape or two before the queries ask for it.
                stack.wait("answers of the new version", lambda: ledger.versions[2] > 100)
                stack.wait("the replay to end", lambda: replay.poll() is not None)
                assert_everything_is_shown(server, document["stream"], stack)
                fired = server.range('ALERTS{alertname="DriftlineConceptDrift",alertstate="firing"}', 300)
                silent = server.query('ALERTS{alertname="DriftlineServiceDown"}')
    assert silent == [] and len(fired) == 1
    (job,) = ledger.jobs
    assert job.requested_by == "alert" and "DriftlineConceptDrift" in job.reason
    verdicts = [event for event in ledger.model_events if event.job_id == job.job_id]
    assert [event.kind for event in verdicts] == [ModelEventKind.PROMOTED]


def assert_everything_is_shown(server: Prometheus, stream: str, stack: Stack) -> None:
    """Every query of every dashboard returns a series; asked for a while, since a scrape may still be on its way."""
    left = [one for board in built().DASHBOARDS for one in asked(board, stream)]
    assert len(left) > 50
    deadline = time.monotonic() + 30
    while left and time.monotonic() < deadline:
        left = [
            (title, query, instant)
            for title, query, instant in left
            if not (server.query(query) if instant else server.range(query, 300))
        ]
        stack.ledger.take([])
        if left:
            time.sleep(0.5)
    assert left == [], "\n".join(f"{title}: {query}" for title, query, _ in left)


def test_the_files_are_as_the_script_writes_them() -> None:
    for path, text in built().build():
        assert path.read_text() == text, f"{path.name}: run `python deploy/grafana/build.py` and commit the result"
