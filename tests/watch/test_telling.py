"""Each record of the loop is one sentence that a person can read."""

from typing import Any

import pytest

from driftline.records import DriftEvent, DriftKind, ModelEvent, Position, RetrainingJob, Window
from driftline.watch.telling import tell


def model_event(kind: str, **fields: Any) -> ModelEvent:
    return ModelEvent(event_id="e", stream="s", kind=kind, at=0, **fields)  # type: ignore[arg-type]


def job(**fields: Any) -> RetrainingJob:
    return RetrainingJob(
        job_id="j", stream="s", requested_by="policy", reason="r", requested_at=0, champion_version=1,
        window=Window(features={}, labels={}), labelled_records=240, **fields,
    )  # fmt: skip


def drift_event(**changes: Any) -> DriftEvent:
    values: dict[str, Any] = {
        "event_id": "e", "stream": "s", "kind": DriftKind.CONCEPT, "severity": "alarm", "detector": "adwin",
        "model_version": 1, "detected_at": 0, "detected": Position(), "onset": Position(),
        "summary": "errors rose from 0.1 to 0.5",
    }  # fmt: skip
    return DriftEvent(**{**values, **changes})


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (model_event("promoted", version=1), "version 1 promoted"),
        (
            model_event("promoted", version=2, previous_version=1, seconds=3.14, reasons=["better", "p = 0.01"]),
            "version 2 promoted, replacing version 1 after 3.1 s: better; p = 0.01",
        ),
        (
            model_event("recalled", version=1, previous_version=3),
            "version 1 recalled from the archive, replacing version 3",
        ),
        (
            model_event("rolled-back", version=1, previous_version=2),
            "version 1 put back into service, replacing version 2",
        ),
        (
            model_event("refused", previous_version=1, seconds=2.0, reasons=["no better"]),
            "candidate refused after 2.0 s: no better",
        ),
        (model_event("failed", reasons=["19 rows"]), "training failed: 19 rows"),
        (model_event("refused", action="recall", reasons=["none fits"]), "nothing recalled: none fits"),
        (model_event("refused", action="rollback", reasons=["no better"]), "not rolled back: no better"),
        (model_event("failed", action="recall", reasons=["19 rows"]), "recall failed: 19 rows"),
        (job(action="recall"), "look into the archive asked for by the policy, on 240 labelled records"),
        (
            job(action="rollback", target_version=3),
            "rollback to version 3 asked for by the policy, on 240 labelled records",
        ),
        (
            job(action="continue"),
            "training from the weights in service asked for by the policy, on 240 labelled records",
        ),
        (
            drift_event(),
            "concept drift (alarm): errors rose from 0.1 to 0.5",
        ),
        (job(), "retraining asked for by the policy, on 240 labelled records"),
        (
            drift_event(state="updated", revision=1),
            "concept drift (alarm, updated): errors rose from 0.1 to 0.5",
        ),
        (
            drift_event(state="closed", closed_because="recovered", summary="Over: errors rose"),
            "concept drift closed: Over: errors rose",
        ),
    ],
)  # fmt: skip
def test_it_is_told(record: Any, said: str) -> None:
    assert tell(record) == said
