"""Running the demo: broker, services, first model, replay, and the books of it all."""

import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.live import Live

from driftline.broker.guard import guarded
from driftline.broker.session import embedded_session
from driftline.cells import columns_from_frame, labels_from_frame
from driftline.demo import report as figures
from driftline.demo.plot import draw
from driftline.demo.screen import DemoScreen
from driftline.demo.story import DATA, LABEL_DELAY, TRAINING_ROWS, DemoSettings, shipped
from driftline.errors import DriftlineError, UsageError
from driftline.kafka.connect import connect, topic_requests
from driftline.kafka.interface import Tail
from driftline.model.answers import Decision
from driftline.model.scorer import open_scorer
from driftline.records.loop import DriftEvent
from driftline.service.runtime import StopSignals
from driftline.supervise import Supervisor, add_console
from driftline.tables import read_table
from driftline.watch.ledger import Ledger
from driftline.watch.scrape import look
from driftline.watch.telling import tell
from driftline.workspace import Workspace

# Longest waits, each several times what this takes on two slow cores: past them something is broken, and saying so
# with the log's last lines beats waiting on.
START_TIMEOUT = 120.0
SETTLE_TIMEOUT = 60.0


class Stopped(DriftlineError):
    """The person at the terminal ended the demo."""

    exit_code = 130


def run_demo(settings: DemoSettings) -> dict[str, Any]:
    """Run the whole demo; returns its report, which is also in the folder.

    Raises
    ------
    DriftlineError : a part could not be started, with its log's last lines.
    """
    started = time.monotonic()
    console = Console()
    stopping = StopSignals()
    workspace = _prepare(settings.folder)
    stages: dict[str, float] = {}
    with ExitStack() as stack:
        bootstrap = stack.enter_context(embedded_session(workspace))
        console.print(f"broker: a Kafka-protocol broker at {bootstrap}, in memory")
        client = connect(workspace.endpoint("driftline-demo"))
        client.ensure_topics(topic_requests(workspace.spec))
        supervisor = Supervisor(workspace.state / "logs")
        stack.callback(supervisor.stop)
        path = str(workspace.path.resolve())
        for service in ("consumer", "monitor", "trainer"):
            supervisor.add(f"{service}-0", ["run", service, "--spec", path, "--instance", f"{service}-0"])
        address = add_console(supervisor, Path(path))
        console.print("services: consumer, monitor and trainer, each a process of its own")
        console.print(f"console: [bold]{address}[/] shows all that follows on a page", highlight=False)
        _first_model(workspace, console, stopping)
        stages["first_model"] = time.monotonic() - started
        _await_services(workspace, supervisor, stopping)
        stages["services_ready"] = time.monotonic() - started
        ledger, job_rows = _stream(settings, workspace, supervisor, client, console, stopping, stack)
        stages["stream"] = time.monotonic() - started - stages["services_ready"]
        console.print("stopping the services…")
    run = figures.course(ledger, _static_model(workspace))
    report = figures.build(ledger, run, time.monotonic() - started, stages)
    plot = settings.folder / "accuracy.png"
    draw(plot, run, report, job_rows)
    (settings.folder / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    if settings.report is not None:
        settings.report.parent.mkdir(parents=True, exist_ok=True)
        settings.report.write_text(json.dumps(report, indent=2) + "\n")
    _tell(console, report, settings, plot)
    return report


def _prepare(folder: Path) -> Workspace:
    """A fresh folder with the data and the stream's specification."""
    if folder.exists():
        if any(folder.iterdir()) and not (folder / "stream.yaml").exists():
            raise UsageError(f"--dir: {folder} is not empty and not a demo's; name another folder")
        note = Workspace(folder / "stream.yaml").read_note("broker")
        if note is not None and Path(f"/proc/{note['pid']}").exists():
            raise UsageError(f"--dir: a demo is already running in {folder}; stop it or name another folder")
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / DATA).write_bytes(shipped(DATA))
    (folder / "NOTICE").write_bytes(shipped("NOTICE"))
    (folder / "stream.yaml").write_bytes(shipped("stream.yaml"))
    return Workspace(folder / "stream.yaml")


def _first_model(workspace: Workspace, console: Console, stopping: StopSignals) -> None:
    """`driftline train` on the first rows, as a user would."""
    log = workspace.state / "logs" / "train.log"
    console.print(f"first model: training on rows 0 to {TRAINING_ROWS - 1}…")
    process = _command(
        log,
        "train",
        str(workspace.folder / DATA),
        "--spec",
        str(workspace.path.resolve()),
        "--stop-row",
        str(TRAINING_ROWS),
    )
    _wait(process, log, stopping, "the first training")
    champion = workspace.registry.champion()
    if champion is None:
        raise DriftlineError(f"the first training did not put a model into service:\n{log.read_text()[-2000:]}")
    accuracy = workspace.registry.manifest(champion.version).verdict.candidate.accuracy
    console.print(f"first model: version {champion.version}, accuracy {accuracy:.3f} on rows it had not seen")


def _await_services(workspace: Workspace, supervisor: Supervisor, stopping: StopSignals) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    waiting = "nothing has started"
    while time.monotonic() < deadline:
        if stopping():
            raise Stopped("stopped")
        looks = [look(name, note["url"]) for name, note in workspace.service_notes().items()]
        if len(looks) == len(supervisor.children) and all(one.ready for one in looks):
            return
        waiting = "; ".join(f"{one.instance}: {one.message}" for one in looks if not one.ready) or waiting
        for line in supervisor.watch():
            raise DriftlineError(f"{line}\n" + "\n".join(map(supervisor.last_words, supervisor.children)))
        time.sleep(0.1)
    raise DriftlineError(f"the services are not ready after {START_TIMEOUT:.0f} s: {waiting}")


def _stream(
    settings: DemoSettings,
    workspace: Workspace,
    supervisor: Supervisor,
    client: Any,
    console: Console,
    stopping: StopSignals,
    stack: ExitStack,
) -> tuple[Ledger, list[int]]:
    """Replay the rest of the file and keep the books until every record is answered and every label joined."""
    spec = workspace.spec
    total = len(read_table(workspace.folder / DATA)) - TRAINING_ROWS
    tail: Tail = client.tail([plan.name for plan in spec.topics.plans()])
    stack.callback(tail.close)
    log = workspace.state / "logs" / "replay.log"
    replay = _command(
        log,
        "produce",
        "replay",
        str(workspace.folder / DATA),
        "--spec",
        str(workspace.path.resolve()),
        *("--start-row", str(TRAINING_ROWS), "--rate", str(settings.rate), "--label-delay", f"{LABEL_DELAY} records"),
    )
    stack.callback(_end, replay)
    ledger = Ledger(spec)
    screen = DemoScreen(ledger, total)
    job_rows: list[int] = []
    live_screen = not settings.headless and console.is_terminal
    with ExitStack() as shown:
        live = shown.enter_context(Live(console=console, refresh_per_second=8)) if live_screen else None
        sampled, ended, count = 0.0, None, 0
        while True:
            if stopping():
                raise Stopped("stopped")
            ledger.take(tail.poll(0.1))
            _news(ledger, screen, job_rows, None if live else console)
            for line in supervisor.watch():
                screen.news.append(line)
            now = time.monotonic()
            if now - sampled >= 0.5:
                screen.rate = (len(ledger.sent) - count) / (now - sampled) if sampled else 0.0
                sampled, count = now, len(ledger.sent)
                screen.sample()
                if (note := workspace.service_notes().get("monitor-0")) is not None:
                    screen.monitor = look("monitor-0", note["url"])
            if live:
                live.update(screen.render(console.width))
            if replay.poll() is None:
                continue
            if replay.returncode != 0:
                raise DriftlineError(f"the replay failed:\n{log.read_text()[-2000:]}")
            ended = ended or now
            done = len(ledger.sent) == total and ledger.settled and len(ledger.outcomes) == ledger.labels == total
            if done or now - ended > SETTLE_TIMEOUT:
                return ledger, job_rows


def _news(ledger: Ledger, screen: DemoScreen, job_rows: list[int], console: Console | None) -> None:
    """Turn what is new in the books into lines and marks."""
    known = screen.told
    for sign, kind, records in (
        ("▼", "drift", ledger.drift_events),
        ("■", "job", ledger.jobs),
        ("▲", "model", ledger.model_events),
    ):
        for record in records[known[kind] :]:
            row = TRAINING_ROWS + len(ledger.sent)
            if kind == "job":
                job_rows.append(row)
            line = f"row {row:>5,}  {tell(record)}"
            screen.news.append(line)
            if not isinstance(record, DriftEvent) or record.counts:
                screen.mark(sign)
            if console is not None:
                console.print(line, soft_wrap=True, markup=False)
        known[kind] = len(records)


def _static_model(workspace: Workspace) -> dict[int, bool]:
    """For each row, whether version 1 alone answers it rightly."""
    spec, registry = workspace.spec, workspace.registry
    frame = read_table(workspace.folder / DATA)
    manifest = registry.manifest(registry.versions()[0])
    decision = Decision.of(spec, manifest)
    with registry.local_copy(manifest.version) as folder:
        codes = decision.codes(open_scorer(manifest, folder).score(columns_from_frame(spec, frame)))
    truth = decision.encode([label or "" for label in labels_from_frame(spec, frame)])
    return dict(enumerate(np.asarray(codes == truth).tolist()))


def _command(log: Path, *arguments: str) -> subprocess.Popen[bytes]:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as file:
        return subprocess.Popen(
            guarded([sys.executable, "-m", "driftline", *arguments]),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=os.environ.copy(),
        )


def _wait(process: subprocess.Popen[bytes], log: Path, stopping: StopSignals, what: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while process.poll() is None:
        if stopping() or time.monotonic() > deadline:
            _end(process)
            raise Stopped("stopped") if stopping() else DriftlineError(f"{what} took over {START_TIMEOUT:.0f} s")
        time.sleep(0.1)
    if process.returncode != 0:
        raise DriftlineError(f"{what} failed:\n{log.read_text(errors='replace')[-2000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _tell(console: Console, report: dict[str, Any], settings: DemoSettings, plot: Path) -> None:
    accuracy = report["accuracy"]

    def shown(name: str) -> str:
        return "–" if accuracy[name] is None else f"{accuracy[name]:.1%}"

    console.rule("what happened")
    console.print(
        f"{report['records']:,} records, {report['predictions']:,} predictions, {report['labels']:,} labels; "
        f"lost {report['lost']}, duplicates {report['duplicates']}, dead letters {report['dead_letters']}"
    )
    for event in report["drift_events"]:
        console.print(f"  ▼ row {event['row']}: {event['summary']}", soft_wrap=True, markup=False)
    for promotion in report["promotions"]:
        console.print(
            f"  ▲ from row {promotion['first_row']} on version {promotion['version']} answers ({promotion['kind']}, "
            f"{promotion['seconds'] or 0:.1f} s from job to verdict)",
            soft_wrap=True,
            markup=False,
        )
    console.print(
        f"accuracy: {shown('before_drift')} before the first change, {shown('in_drift')} until each answer to it, "
        f"{shown('after_recovery')} after;\n          [bold]{shown('loop')}[/] over all with the loop, "
        f"{shown('static_model')} with the first model alone"
    )
    console.print(
        f"{report['seconds']:.0f} s in all. Picture: [bold]{plot}[/]  Report: {settings.folder / 'report.json'}"
    )
    console.print(f"look around: [bold]driftline models list --spec {settings.folder / 'stream.yaml'}[/]")
