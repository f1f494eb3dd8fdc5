import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from driftline.records.loop import DriftKind
from driftline.spec.monitoring import ConceptDriftSpec
from monitoring.concept.by_answer import AnswerMonitor
from monitoring.concept.finding import ConceptFinding
from monitoring.store.encoding import DamagedState, pack, unpack
from monitoring.store.ledger import Ledger
from monitoring.watch import Watch
from tests.monitoring.stream import Broker, make_spec
from tests.monitoring.test_core import fresh_core, reference_of, run

Stream = tuple[NDArray[np.bool_], NDArray[np.int64]]


def swapped(classes: int = 8, n: int = 3_000, change: int = 2_000, seed: int = 1, error: float = 0.2) -> Stream:
    """Errors and answers of a model to whom, from `change` on, every answer 3 is wrong."""
    rng = np.random.default_rng(seed)
    answers = rng.integers(0, classes, n)
    wrong = rng.random(n) < error
    wrong[(answers == 3) & (np.arange(n) >= change)] = True
    return wrong, answers


def feed(
    monitor: AnswerMonitor, stream: Stream, cuts: Sequence[int] = (), start: int = 0
) -> list[tuple[int, ConceptFinding]]:
    wrong, answers = stream
    found = []
    bounds = [start, *sorted(cut for cut in cuts if start < cut < len(wrong)), len(wrong)]
    for a, b in itertools.pairwise(bounds):
        numbers = np.arange(a, b)
        finding = monitor.update(wrong[a:b], answers[a:b], numbers * 10, numbers)
        if finding is not None:
            found.append((b, finding))
    return found


def test_one_answer_that_turns_wrong_is_found_where_all_together_show_little() -> None:
    wrong, answers = swapped(classes=40, n=12_000, change=8_000)
    assert wrong[8_000:].mean() - wrong[:8_000].mean() < 0.04
    ((at, finding),) = feed(AnswerMonitor(ConceptDriftSpec(), 20_000), (wrong, answers), range(0, 12_000, 50))
    assert finding.answer == 3 and finding.severity == "alarm" and not finding.escalated
    assert 8_000 <= finding.onset.number < 8_400
    assert at < 9_200  # some 30 of its answers
    assert finding.error_before == pytest.approx(0.2, abs=0.06)
    assert finding.error_after > 0.9


def test_it_is_found_though_the_error_of_all_falls() -> None:
    """As when defaulters are called good payers: the many that were taken for good are right at once."""
    rng = np.random.default_rng(4)
    n, late = 6_000, np.arange(6_000) >= 4_000
    answers = (rng.random(n) < 0.1).astype(np.int64)
    wrong = np.where(answers == 1, rng.random(n) < 0.3, rng.random(n) < 0.2)
    wrong = np.where(late, answers == 1, wrong)
    assert wrong[4_000:].mean() < wrong[:4_000].mean() - 0.05
    ((_, finding),) = feed(AnswerMonitor(ConceptDriftSpec(), 20_000), (wrong, answers), range(0, n, 50))
    assert finding.answer == 1
    assert 4_000 <= finding.onset.number < 4_100


def test_a_class_that_comes_less_often_is_no_concept_drift() -> None:
    rng = np.random.default_rng(12)
    labels = np.concatenate([rng.choice(3, 4_000, p=[0.4, 0.3, 0.3]), rng.choice(3, 4_000, p=[0.54, 0.4, 0.06])])
    answers = np.where(rng.random(8_000) < 0.2, (labels + 1) % 3, labels)
    wrong = answers != labels
    assert wrong[4_000:][answers[4_000:] == 2].mean() > wrong[:4_000][answers[:4_000] == 2].mean() + 0.3
    assert not feed(AnswerMonitor(ConceptDriftSpec(), 20_000), (wrong, answers), range(0, 8_000, 50))


def test_false_alarms_stay_within_the_share_however_many_answers_there_are() -> None:
    rng = np.random.default_rng(8)
    rate, n = 1e-4, 3_000
    rung = 0
    for classes in (2, 5, 50):
        for _ in range(5):
            answers = np.minimum(rng.geometric(2 / classes, n) - 1, classes - 1)
            stream = rng.random(n) < rng.uniform(0.05, 0.6, classes)[answers], answers
            rung += bool(feed(AnswerMonitor(ConceptDriftSpec(), 20_000, share=rate), stream, range(0, n, 100)))
    # One rings within n outcomes with a probability of at most n * rate = 0.3: 4.5 of 15, with a deviation of 1.8.
    assert rung <= 8
    assert not feed(AnswerMonitor(ConceptDriftSpec(), 20_000), stream, range(0, n, 100))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 2_999), max_size=40))
def test_what_is_found_does_not_depend_on_how_the_outcomes_come(cuts: list[int]) -> None:
    stream = swapped()
    ((_, whole),) = feed(AnswerMonitor(ConceptDriftSpec(), 20_000), stream)
    ((_, cut),) = feed(AnswerMonitor(ConceptDriftSpec(), 20_000), stream, cuts)
    assert cut == whole


@pytest.mark.parametrize("at", [500, 2_030, 2_400])
def test_a_restored_one_goes_on_as_if_nothing_had_happened(at: int) -> None:
    wrong, answers = swapped()
    plain, old = AnswerMonitor(ConceptDriftSpec(), 20_000), AnswerMonitor(ConceptDriftSpec(), 20_000)
    cuts = range(0, 3_000, 10)
    before = feed(old, (wrong[:at], answers[:at]), cuts)
    ledger = Ledger()
    kept = pack(old.snapshot(ledger))
    parts = {name: part for name, part in ledger.close().items() if part is not None}
    new = AnswerMonitor(ConceptDriftSpec(), 20_000)
    state, _ = unpack("answers", kept, type(old.snapshot(Ledger())))
    new.restore(state, parts)
    assert before + feed(new, (wrong, answers), cuts, at) == feed(plain, (wrong, answers), cuts)
    with pytest.raises(DamagedState, match="part answers/0 is missing"):
        AnswerMonitor(ConceptDriftSpec(), 20_000).restore(state, {})


def test_a_recovery_ends_it_and_the_next_rise_is_told() -> None:
    wrong, answers = swapped(classes=4, n=12_000, change=2_000)
    later = np.arange(12_000)
    rng = np.random.default_rng(6)
    wrong[(later >= 4_000) & (later < 8_000)] = rng.random(4_000) < 0.2
    monitor = AnswerMonitor(ConceptDriftSpec(), 20_000)
    found = feed(monitor, (wrong, answers), range(0, 12_000, 50))
    assert [round(finding.onset.number, -3) for _, finding in found] == [2_000, 8_000]
    assert monitor.standing is not None


def test_an_answer_that_is_given_no_more_does_not_silence_the_others() -> None:
    wrong, answers = swapped(classes=4, n=12_000, change=2_000)
    late = np.arange(12_000) >= 2_200
    answers[late & (answers == 3)] = 0
    wrong[late] = np.random.default_rng(9).random(9_800) < 0.2
    wrong[(answers == 1) & (np.arange(12_000) >= 9_000)] = True
    found = feed(AnswerMonitor(ConceptDriftSpec(), 4_000), (wrong, answers), range(0, 12_000, 50))
    assert [finding.answer for _, finding in found] == [3, 1]


def test_a_rise_that_reaches_all_answers_is_told_as_the_same_event() -> None:
    spec = make_spec()
    watch = Watch(spec, 1, reference_of(spec, error_rate=0.2))
    wrong, answers = swapped(classes=12, n=6_000, change=2_000)
    rng = np.random.default_rng(3)
    wrong[3_500:] |= rng.random(2_500) < 0.6
    numbers = np.arange(6_000)
    told = [
        finding
        for at in range(0, 6_000, 50)
        for finding in watch.judge(*(column[at : at + 50] for column in (wrong, answers, numbers, numbers)))
    ]
    first, *others = [(finding.answer, finding.escalated, finding.severity) for finding in told]
    assert first == (3, False, "alarm")
    assert set(others) == {(None, True, "alarm")}
    assert watch.standing[DriftKind.CONCEPT]


def test_only_our_own_detector_asks_each_answer_and_only_of_classes() -> None:
    wrong, answers = swapped(classes=40, n=12_000, change=8_000)
    numbers = np.arange(12_000)
    for detector, given_answers in (("adwin", answers), ("e-detector", np.eye(40, dtype=np.bool_)[answers])):
        spec = make_spec(monitoring={"concept": {"detector": detector}})
        watch = Watch(spec, 1, reference_of(spec, error_rate=0.2))
        watch.judge(wrong, given_answers, numbers, numbers)
        assert watch.answers.standing is None


def test_the_event_names_the_answer() -> None:
    spec = make_spec()
    rng = np.random.default_rng(2)
    n, change = 3_000, 2_000
    broker, names = Broker(spec), np.array(["a", "b", "c"], dtype=object)
    truth = rng.choice(3, n, p=[0.45, 0.45, 0.1])
    answers = np.where(rng.random(n) < 0.2, (truth + 1) % 3, truth)
    truth[(answers == 2) & (np.arange(n) >= change)] = 0
    batches = [
        (
            [
                *broker.labels(rows, names[truth[rows]].tolist()),
                *broker.predictions(rows, names[answers[rows]].tolist()),
                *broker.features(rows, rng.normal(size=(len(rows), 4))),
            ],
            1_700_000_000_000 + rows[-1] * 100,
        )
        for rows in (range(at, at + 20) for at in range(0, n, 20))
    ]
    core = fresh_core(spec)
    (event,) = run(core, batches).of(DriftKind.CONCEPT)
    assert "is wrong more often where it answers 'c' since record" in event.summary
    assert "concept" in core.state().standing
