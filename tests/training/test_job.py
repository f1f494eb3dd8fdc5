import subprocess
import sys
import time
from pathlib import Path

import pytest

from driftline.records.loop import ModelEventKind
from driftline.registry.manifest import Manifest
from driftline.registry.registry import Registry
from driftline.spec.stream import StreamSpec
from tests.training.conftest import numeric_frame, numeric_spec
from training.child import TrainingChild
from training.data import from_frame
from training.messages import JobRequest, JobResult, Message
from training.npz import save_dataset
from training.origin import Origin

LONGEST = 90.0


def verdict(child: TrainingChild) -> tuple[list[Message], Message]:
    """All messages up to the last."""
    deadline = time.monotonic() + LONGEST
    said: list[Message] = []
    while time.monotonic() < deadline:
        said += child.poll()
        if said and ("result" in said[-1] or "error" in said[-1]):
            return said[:-1], said[-1]
        time.sleep(0.02)
    raise AssertionError(f"no verdict after {LONGEST} s: {said[-3:]}")


@pytest.fixture
def request_for(tmp_path: Path) -> JobRequest:
    spec = numeric_spec(epochs=5)
    save_dataset(tmp_path / "data.npz", from_frame(spec, numeric_frame(120)))
    return JobRequest(
        spec=spec,
        data=str(tmp_path / "data.npz"),
        registry=str(tmp_path / "models"),
        out=str(tmp_path / "out"),
        origin=Origin(source="kafka", created_at=5, job_id="j1"),
    )


class TestAJobInItsOwnProcess:
    def test_is_answered_with_a_version_ready_for_the_registry(self, request_for: JobRequest, tmp_path: Path) -> None:
        child = TrainingChild()
        try:
            child.start(request_for)
            progress, last = verdict(child)
            result = JobResult.model_validate(last["result"])
            assert result.kind == "promoted", last
            assert {m["stage"] for m in progress} == {
                "fit",
                "evaluate",
                "baseline logistic",
                "refit",
                "export",
                "latency",
            }
            assert any(m.get("epoch") == 1 and m["epochs"] == 5 for m in progress)
            assert child.ready
            assert result.manifest is not None
            registry = Registry(request_for.registry, "blobs")
            added = registry.add(Path(request_for.out), result.manifest)
            assert registry.by_job("j1") == added
            stored = registry.reference(1)
            assert stored.rows == 120
            assert stored.dependence is not None
            assert len(stored.dependence.first) == len(stored.features) * (len(stored.features) - 1) // 2
            assert result.metrics["accuracy"] == result.evaluation.accuracy
        finally:
            child.kill()
        assert not child.running

    def test_bad_data_is_an_error_that_says_so(self, request_for: JobRequest, tmp_path: Path) -> None:
        Path(request_for.data).write_bytes(b"not an archive")
        child = TrainingChild()
        try:
            child.start(request_for)
            _, last = verdict(child)
            assert "not a dataset" in last["error"]
            assert last["usage"] is True
            assert child.poll() == []
        finally:
            child.kill()

    def test_a_process_that_dies_says_how(self) -> None:
        child = TrainingChild()
        child.warm()
        assert child.pid is not None
        import os
        import signal

        os.kill(child.pid, signal.SIGKILL)
        _, last = verdict(child)
        assert "killed by signal 9" in last["error"]
        child.kill()

    def test_answers_once(self, request_for: JobRequest) -> None:
        child = TrainingChild()
        try:
            child.start(request_for)
            with pytest.raises(RuntimeError, match="one request"):
                child.start(request_for)
        finally:
            child.kill()


class TestARequest:
    def test_carries_no_secret(self) -> None:
        spec = numeric_spec().model_copy(
            update={"kafka": numeric_spec().kafka.model_copy(update={"sasl_username": "me", "bootstrap": "far:9092"})}
        )
        request = JobRequest(spec=spec, data="d", registry="r", out="o", origin=Origin(source="s", created_at=0))
        line = request.to_line()
        assert b"far:9092" not in line
        assert line.count(b"\n") == 1
        assert JobRequest.model_validate_json(line).spec.model_hash == spec.model_hash


class TestYourOwnGateThroughAJob:
    def test_is_asked_by_the_process_that_trains(self, request_for: JobRequest) -> None:
        from training.job import run

        rollout = {"gate": "tests.training.test_gate:never"}
        spec = StreamSpec.model_validate({**request_for.spec.model_dump(mode="json"), "rollout": rollout})
        line = request_for.model_copy(update={"spec": spec}).to_line()
        result = run(JobRequest.model_validate_json(line), lambda message: None)
        assert (result.kind, result.reasons[0]) == ("refused", "never on a Friday")
        assert not Path(request_for.out).exists()


class TestRecallThroughAJob:
    def test_an_archived_version_is_recalled_without_training(self, tmp_path: Path) -> None:
        from training.initial import train_initial
        from training.job import run

        spec = numeric_spec()
        registry = Registry(str(tmp_path / "models"), spec.stream)
        first = train_initial(spec, numeric_frame(150), registry, source="one.csv", now_ms=1)
        assert first.manifest is not None
        assert first.event is not None
        assert (first.event.kind, first.event.version, first.event.sequence) == (ModelEventKind.PROMOTED, 1, 1)
        again = train_initial(spec, numeric_frame(150), registry, now_ms=2)
        assert again.manifest is None
        assert again.event is None
        turned = train_initial(spec, numeric_frame(150, turn=1), registry, now_ms=3)
        assert isinstance(turned.manifest, Manifest)
        assert (turned.manifest.version, turned.manifest.replaced_version) == (2, 1)
        champion = registry.champion()
        assert champion is not None
        assert champion.version == 2

        save_dataset(tmp_path / "back.npz", from_frame(spec, numeric_frame(100, seed=3)))
        request = JobRequest(
            spec=spec,
            data=str(tmp_path / "back.npz"),
            registry=str(tmp_path / "models"),
            champion_version=2,
            archived=(1, 77),
            out=str(tmp_path / "out"),
            origin=Origin(source="kafka", created_at=4, job_id="j2"),
        )
        stages: list[str] = []
        result = run(request, lambda message: stages.append(message["stage"]))
        assert (result.kind, result.version) == ("recalled", 1)
        assert stages == ["recall"]
        assert not (tmp_path / "out").exists()


class TestTheServiceStaysSmall:
    def test_what_the_service_imports_brings_no_tensorflow(self) -> None:
        code = (
            "import sys, training.child, training.messages, training.npz, training.data, training.gate;"
            "print([m for m in ('tensorflow', 'keras', 'sklearn', 'scipy') if m in sys.modules])"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
        assert done.stdout.strip() == "[]"
