"""Labels that the monitor asks for: bounded, each once, half of them blind, and never mistaken for a fair sample."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.kafka.interface import Batch
from driftline.records.wanted import BIASED, LabelWanted
from driftline.service.core import Step
from driftline.spec import StreamSpec
from driftline.wire.predictions import Predictions
from monitoring.core import MonitorCore
from monitoring.labels.unseen import FAR
from monitoring.labels.wanted import WantedPicks
from monitoring.store.ledger import Ledger
from tests.monitoring.stream import CLASSES, EPOCH, Broker, make_reference, make_spec, numeric_columns


def asking(**settings: Any) -> StreamSpec:
    return make_spec(monitoring={"labels_wanted": {"count": 10, "every_records": 100, "random_share": 0.5, **settings}})


def answered(margin: np.ndarray, first: int = 0) -> Predictions:
    n, nothing = len(margin), np.zeros(len(margin), np.int64)
    p = np.stack([(1 + margin) / 2, (1 - margin) / 2, 0 * margin], axis=1).astype(np.float32)
    return Predictions(
        [f"r{i}" for i in range(first, first + n)], [f"d{i % 4}" for i in range(n)], EPOCH + np.arange(n), ["a"] * n,
        p.max(axis=1), p, nothing + 1, nothing, np.arange(first, first + n), nothing, 0,
    )  # fmt: skip


def feed(picks: WantedPicks, predictions: Predictions, rows: range, far: Any = None, **told: Any) -> list[LabelWanted]:
    distances = np.zeros(len(rows), np.float32) if far is None else far[rows.start : rows.stop]
    known = {"drifting": False, "version": 1, "labelled": lambda ids: (), "now_ms": EPOCH, **told}
    return picks.update(predictions, np.arange(rows.start, rows.stop), distances, **known)


@given(st.lists(st.integers(1, 130), min_size=1, max_size=8), st.integers(0, 2**16), st.booleans())
def test_a_list_is_the_same_however_the_stream_is_cut_and_after_a_restart(
    cuts: list[int], seed: int, restart: bool
) -> None:
    rng, n = np.random.default_rng(seed), sum(cuts)
    predictions, far = answered(rng.random(n)), (rng.exponential(3, n)).astype(np.float32)
    whole = feed(WantedPicks(asking()), predictions, range(n), far)
    picks, parts, at = WantedPicks(asking()), [], 0
    for cut in cuts:
        parts += feed(picks, predictions, range(at, at + cut), far)
        at += cut
        if restart:
            ledger, other = Ledger(), WantedPicks(asking())
            state = picks.snapshot(ledger)
            other.restore(state, {k: v for k, v in ledger.close().items() if v is not None})
            picks = other
    assert parts == whole
    assert len(whole) == 10 * (n // 100) == picks.asked
    assert len({one.record_id for one in whole}) == len(whole)
    assert sum(one.why == "random" for one in whole) == 5 * (n // 100)


def test_reasons_are_true_ones() -> None:
    rng = np.random.default_rng(0)
    margin, far = rng.random(100), np.zeros(100, np.float32)
    far[7] = FAR + 1
    told = feed(WantedPicks(asking()), answered(margin), range(100), far)
    by = {why: [one for one in told if one.why == why] for why in ("random", "uncertain", "unseen", "drift")}
    assert [len(by[why]) for why in by] == [5, 4, 1, 0] and by["unseen"][0].record_id == "r7"
    assert max(one.margin for one in by["uncertain"]) < 0.3
    assert len({one.device_id for one in by["uncertain"]}) == 4
    drifting = feed(WantedPicks(asking()), answered(margin), range(100), far, drifting=True)
    assert {one.why for one in drifting} == {"random", "drift"} and len(drifting) == 10


def test_the_blind_ones_are_blind_and_what_is_labelled_is_not_asked_for() -> None:
    margin = np.linspace(0, 1, 20_000)
    picks = WantedPicks(asking(every_records=1_000, count=200, random_share=1.0))
    told = feed(picks, answered(margin), range(20_000))
    assert np.mean([one.margin for one in told]) == pytest.approx(0.5, abs=0.02)
    known = {f"r{i}" for i in range(60)}
    few = feed(WantedPicks(asking(count=50)), answered(margin[:100]), range(100), labelled=lambda ids: known)
    assert len(few) == 40 and not known & {one.record_id for one in few}


def test_what_it_remembers_is_bounded() -> None:
    picks = WantedPicks(asking(every_records=1_000_000))
    for first in range(0, 50_000, 5_000):
        feed(picks, answered(np.random.default_rng(first).random(5_000), first), range(5_000))
    assert len(picks._rows["draw"]) <= 9 * 10


def test_off_by_default_and_nonsense_is_refused() -> None:
    assert feed(WantedPicks(make_spec()), answered(np.zeros(5_000)), range(5_000)) == []
    with pytest.raises(Exception, match=r"labels_wanted.*count: read 200; at most every_records \(100\)"):
        asking(count=200)


def wanted_of(step: Step) -> list[LabelWanted]:
    return [
        LabelWanted.from_json(value)
        for out in step.outputs
        if out.topic.endswith(".labels-wanted")
        for value in out.values
        if value
    ]


class TestInTheMonitor:
    def world(self, several: bool = False, **settings: Any) -> tuple[MonitorCore, Broker]:
        spec = make_spec(
            monitoring={"labels_wanted": {"count": 10, "every_records": 100, "random_share": 0.5, **settings}},
            **({"task": "multilabel"} if several else {}),
        )
        core = MonitorCore(spec)
        rng = np.random.default_rng(1)
        core.install(1, make_reference(spec, numeric_columns(rng.normal(size=(500, 4)))), 1)
        return core, Broker(spec)

    @pytest.mark.parametrize("several", [False, True])
    def test_it_asks_for_what_it_has_answered_and_goes_on_after_a_restart(self, several: bool) -> None:
        core, broker = self.world(several)
        rng = np.random.default_rng(2)
        matrix = rng.normal(size=(200, 4))
        matrix[30] = 40.0
        p = rng.dirichlet([1, 1, 1], 200).astype(np.float32)
        told = [["a", "b"] if several else CLASSES[k] for k in p.argmax(axis=1)]
        said: list[LabelWanted] = []
        for at in range(0, 200, 50):
            rows = range(at, at + 50)
            batches = [*broker.predictions(rows, told[at : at + 50], 1, p[at : at + 50])]
            said += wanted_of(core.process([*broker.features(rows, matrix[at : at + 50]), *batches], EPOCH))
            if at == 50:
                state = {name: value for name, value in core.snapshot().items() if value is not None}
                core, before = MonitorCore(core._spec), core
                core.restore(state)
                core.install(1, before._memory.watch.reference, 1)  # type: ignore[union-attr]
        assert len(said) == len({one.record_id for one in said}) == 20
        assert [one.record_id for one in said if one.why == "unseen"][:1] == ["r30"]
        assert core.state().labels_wanted == 20
        assert said[0].answer == (["a", "b"] if several else told[int(said[0].record_id[1:])])

    def test_labels_picked_for_doubt_train_models_and_are_no_evidence(self) -> None:
        """The doubtful records are all wrong, the others all right: nothing has drifted."""
        told: list[int] = []
        for why in ("uncertain", None):
            core, broker = self.world()
            events = 0
            for at in range(0, 3_000, 50):
                rows = range(at, at + 50)
                core.process(broker.predictions(rows, ["a"] * 50), EPOCH + at)
                labels = broker.labels(rows, ["b" if row % 2 and at > 1_000 else "a" for row in rows])
                if why:
                    labels = [reasoned(batch, why) for batch in labels]
                events += sum(out.topic.endswith(".drift-events") for out in core.process(labels, EPOCH + at).outputs)
            told.append(events)
            if why:
                state = core.state()
                seen, right = state.accuracy_by_version[1]
                assert state.accuracy == 1.0 and seen == right < 2_100
                # All of them are there for a window of training.
                assert state.labelled == 3_000
        assert told[0] == 0 and told[1] > 0

    def test_a_label_that_comes_before_its_answer_keeps_its_reason(self) -> None:
        core, broker = self.world()
        early = [reasoned(batch, "uncertain", every=True) for batch in broker.labels(range(20), ["b"] * 20)]
        core.process(early, EPOCH)
        parts = {name: value for name, value in core.snapshot().items() if value is not None}
        core.restore(parts)
        core.process(broker.predictions(range(20), ["a"] * 20), EPOCH)
        state = core.state()
        assert state.labelled == 20 and np.isnan(state.accuracy)
        # Where it stands is not changed by how it is kept.
        assert set(core._memory.history._rows["label_partition"].tolist()) == {0, 1}


def reasoned(batch: Batch, why: str, every: bool = False) -> Batch:
    values = [
        value[:-1] + b', "why": "%s"}' % why.encode() if every or b'"label": "b"' in value else value
        for value in batch.values
        if value is not None
    ]
    return Batch(batch.topic, batch.partition, batch.offsets, batch.timestamps, batch.keys, values)


def test_only_reasons_that_look_at_the_record_bias() -> None:
    assert {"uncertain", "unseen"} == BIASED
