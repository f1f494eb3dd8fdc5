"""What the supervisor promises: services that die come back, at a bearable pace, and none outlives it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from driftline import supervise
from driftline.supervise import FIRST_REST, HEALTHY_AFTER, LONGEST_REST, Child, Supervisor
from tests.processes import gone_within, is_running
from tests.service.scripted import HandClock

SAFETY = 30
# Ready is said once the handler stands: a signal before that would end the interpreter as if there were none.
POLITE = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (print("finished", flush=True), sys.exit(0)))
print("ready", flush=True)
while True: time.sleep(1)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
while True: time.sleep(1)
"""


class Scripts(Supervisor):
    """Its children are scripts instead of services; all else is the supervisor's own."""

    def _start(self, child: Child) -> None:
        child.argv = [sys.executable, "-c", child.argv[-1]]
        super()._start(child)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> HandClock:
    made = HandClock()
    monkeypatch.setattr(supervise, "time", SimpleNamespace(monotonic=made.monotonic))
    return made


@pytest.fixture
def supervisor(tmp_path: Path, clock: HandClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripts]:
    made = Scripts(tmp_path / "logs")
    yield made
    monkeypatch.setattr(supervise, "GRACE", 0.2)
    made.stop()


def ended(child: Child) -> Child:
    assert child.process is not None
    child.process.wait(SAFETY)
    return child


def ready(child: Child) -> Child:
    """Wait for the child's word, which it writes to its log."""
    assert child.process is not None
    script = "import sys, time\nwhile 'ready' not in open(sys.argv[1]).read(): time.sleep(0.01)"
    subprocess.run([sys.executable, "-c", script, str(child.log)], timeout=SAFETY, check=True)
    return child


class TestComingBack:
    def test_a_service_that_dies_is_started_again_after_a_rest(self, supervisor: Scripts, clock: HandClock) -> None:
        child = ended(supervisor.add("consumer-0", ["raise SystemExit(3)"]))
        assert supervisor.watch() == [f"consumer-0 ended with code 3; again in 0.5 s ({child.log})"]
        clock.sleep(0.4)
        assert supervisor.watch() == []
        assert (child.running, child.restarts, child.last_exit) == (False, 0, 3)
        clock.sleep(0.2)
        assert supervisor.watch() == []
        assert child.restarts == 1
        assert ended(child).process is not None

    def test_the_rest_grows_to_a_limit(self, supervisor: Scripts, clock: HandClock) -> None:
        child = supervisor.add("consumer-0", ["raise SystemExit(1)"])
        rests = []
        for _ in range(8):
            ended(child)
            supervisor.watch()
            rests.append(child.due - clock.now)
            clock.now = child.due
            supervisor.watch()
        assert rests == [FIRST_REST * 2**i for i in range(6)] + [LONGEST_REST] * 2
        assert child.restarts == 8

    def test_one_that_ran_well_for_long_begins_anew(self, supervisor: Scripts, clock: HandClock) -> None:
        child = supervisor.add("consumer-0", [POLITE])
        for _ in range(3):
            supervisor.kill("consumer-0")
            supervisor.watch()
            clock.now = child.due
            supervisor.watch()
        assert child.rest == FIRST_REST * 8
        clock.sleep(HEALTHY_AFTER / 2)
        supervisor.watch()
        assert child.rest == FIRST_REST * 8
        clock.sleep(HEALTHY_AFTER)
        supervisor.watch()
        assert child.rest == FIRST_REST

    def test_its_neighbours_are_left_alone(self, supervisor: Scripts, clock: HandClock) -> None:
        steady = ready(supervisor.add("monitor-0", [POLITE]))
        supervisor.add("consumer-0", [POLITE])
        assert steady.process is not None
        before = steady.process.pid
        supervisor.kill("consumer-0")
        (news,) = supervisor.watch()
        assert news.startswith("consumer-0 ended with code -9")
        assert steady.running
        assert (steady.process.pid, steady.restarts) == (before, 0)


class TestStopping:
    def test_services_finish_what_they_hold(self, supervisor: Scripts) -> None:
        children = [ready(supervisor.add(f"consumer-{i}", [POLITE])) for i in range(2)]
        supervisor.stop()
        assert [child.running for child in children] == [False, False]
        assert [child.process.returncode for child in children if child.process] == [0, 0]
        assert [supervisor.last_words(child.name, 1) for child in children] == ["finished", "finished"]

    def test_one_that_does_not_is_killed(self, supervisor: Scripts, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(supervise, "GRACE", 0.2)
        polite, stubborn = (ready(supervisor.add(name, [code])) for name, code in (("a", POLITE), ("b", STUBBORN)))
        supervisor.stop()
        assert polite.process is not None
        assert stubborn.process is not None
        assert (polite.process.returncode, stubborn.process.returncode) == (0, -signal.SIGKILL)

    def test_one_that_is_dead_already_is_no_hindrance(self, supervisor: Scripts) -> None:
        ended(supervisor.add("a", ["raise SystemExit(1)"]))
        supervisor.add("b", [POLITE])
        supervisor.watch()
        supervisor.stop()
        supervisor.stop()

    def test_ctrl_c_at_the_terminal_reaches_the_supervisor_alone(self, supervisor: Scripts) -> None:
        child = ready(supervisor.add("a", [POLITE]))
        assert child.process is not None
        assert os.getsid(child.process.pid) == child.process.pid != os.getsid(0)


class TestLogs:
    def test_each_has_one_and_a_restart_writes_on(self, supervisor: Scripts, clock: HandClock) -> None:
        child = ended(supervisor.add("a", ["import sys; print('said'); sys.exit('why')"]))
        supervisor.watch()
        clock.now = child.due
        supervisor.watch()
        ended(child)
        assert sorted(child.log.read_text().splitlines()) == ["said", "said", "why", "why"]
        assert supervisor.last_words("a", 2).count("\n") == 1

    def test_of_a_child_without_a_log_nothing_is_said(self, supervisor: Scripts) -> None:
        child = ended(supervisor.add("a", ["pass"]))
        child.log.unlink()
        assert supervisor.last_words("a") == ""

    def test_variables_reach_the_children(self, tmp_path: Path) -> None:
        made = Scripts(tmp_path, {"DRIFTLINE_TEST_WORD": "heard"})
        child = ended(made.add("a", ["import os; print(os.environ['DRIFTLINE_TEST_WORD'], 'PATH' in os.environ)"]))
        made.stop()
        assert child.log.read_text() == "heard True\n"


class TestTheRealCommand:
    def test_a_child_is_a_driftline_command(self, tmp_path: Path) -> None:
        made = Supervisor(tmp_path)
        child = ended(made.add("version", ["--version"]))
        made.stop()
        assert child.log.read_text().startswith("driftline ")


@pytest.mark.faults
class TestNoOrphans:
    def test_children_die_with_a_supervisor_that_is_killed(self, tmp_path: Path) -> None:
        script = f"""
import sys, time
from pathlib import Path
from tests.supervise.test_supervisor import POLITE, Scripts
made = Scripts(Path({str(tmp_path)!r}))
print(*[made.add(n, [c]).process.pid for n, c in (("a", POLITE), ("b", POLITE))], flush=True)
time.sleep(600)
"""
        root = Path(__file__).parents[2]
        with subprocess.Popen(
            [sys.executable, "-c", script],
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(root)},
            stdout=subprocess.PIPE,
            text=True,
        ) as parent:
            assert parent.stdout is not None
            pids = [int(word) for word in parent.stdout.readline().split()]
            try:
                assert len(pids) == 2
                assert all(is_running(pid) for pid in pids)
            finally:
                parent.kill()
        assert all(gone_within(pid, SAFETY) for pid in pids)
