"""The concept monitor says the same however the stream is cut, and if its state is taken out in between."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from driftline.spec import ConceptDriftSpec
from monitoring.concept.finding import ConceptFinding, ConceptState
from monitoring.concept.monitor import ConceptMonitor
from monitoring.store.encoding import pack, unpack
from monitoring.store.ledger import Ledger

N = 2_400


def monitor(detector: str = "e-detector") -> ConceptMonitor:
    spec = ConceptDriftSpec.model_validate({"detector": detector})
    return ConceptMonitor(spec, 1_000, 200, error_rate=0.1, held_out_rows=150, share=1e-4)


def changing(seed: int) -> NDArray[np.bool_]:
    rng = np.random.default_rng(seed)
    rates = np.repeat(rng.choice([0.05, 0.1, 0.2, 0.7], N // 300), 300)
    out: NDArray[np.bool_] = rng.random(N) < rates
    return out


def run(watch: ConceptMonitor, wrong: NDArray[np.bool_], start: int, end: int) -> list[ConceptFinding]:
    numbers = np.arange(start, end)
    return watch.update(wrong[start:end], numbers * 10, numbers)


def through_bytes(watch: ConceptMonitor, detector: str = "e-detector") -> ConceptMonitor:
    ledger = Ledger()
    state, _ = unpack("concept", pack(watch.snapshot(ledger)), ConceptState)
    parts = {name: part for name, part in ledger.close().items() if part is not None}
    other = monitor(detector)
    assert other.restore(state, parts)
    return other


@pytest.mark.parametrize("detector", ["e-detector", "ddm"])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), cuts=st.lists(st.integers(0, N), max_size=10))
def test_however_it_is_cut(detector: str, seed: int, cuts: list[int]) -> None:
    wrong = changing(seed)
    whole = run(monitor(detector), wrong, 0, N)
    watch, found = monitor(detector), []
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), N], strict=True):
        found += run(watch, wrong, start, end)
    assert found == whole


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), cut=st.integers(0, N))
def test_and_restored_in_between(seed: int, cut: int) -> None:
    wrong = changing(seed)
    one = monitor()
    run(one, wrong, 0, cut)
    other = through_bytes(one)
    assert run(other, wrong, cut, N) == run(one, wrong, cut, N)
    assert other.snapshot(Ledger()) == one.snapshot(Ledger())


def test_these_streams_have_something_to_find() -> None:
    assert sum(len(run(monitor(), changing(seed), 0, N)) for seed in range(10)) >= 5


def test_a_state_of_the_former_default_is_taken_over_and_its_suspicion_is_judged() -> None:
    """A monitor that watched with ADWIN is restarted as one that watches with the e-detector, right after a rise."""
    rng = np.random.default_rng(3)
    wrong = np.concatenate([rng.random(800) < 0.05, rng.random(40) < 0.9, rng.random(60) < 0.9])
    old = ConceptMonitor(ConceptDriftSpec(detector="adwin", confidence=1e-12), 1_000, 200, 0.05, 150)
    assert run(old, wrong, 0, 830) == []
    ledger = Ledger()
    state = old.snapshot(ledger)
    parts = {name: part for name, part in ledger.close().items() if part is not None}
    new = monitor()
    assert not new.restore(state, parts)
    (finding,) = run(new, wrong, 830, 900)
    assert abs(finding.onset.number - 800) <= 5
