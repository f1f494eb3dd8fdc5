from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from driftline.spec import ConceptDriftSpec
from monitoring.concept.detector_state import DetectorState
from monitoring.concept.detectors import TRIGGERS, Trigger, make_trigger

QUICK = sorted(set(TRIGGERS) - {"kswin"})
# KSWIN takes half a millisecond a value; the others a microsecond or so.
AFTER = {"kswin": 300}


def trigger(detector: str, **changes: Any) -> Trigger:
    return make_trigger(ConceptDriftSpec(detector=detector, **changes))  # type: ignore[arg-type]


def through_bytes(state: DetectorState | None) -> DetectorState:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=DetectorState)


def stream(seed: int, n: int) -> NDArray[np.bool_]:
    """Outcomes with a change of the error rate every 400, so that every detector rings now and then."""
    rng = np.random.default_rng(seed)
    rates = np.repeat(rng.choice([0.02, 0.1, 0.3, 0.8], -(-n // 400)), 400)[:n]
    out: NDArray[np.bool_] = rng.random(n) < rates
    return out


def rings(watch: Trigger, wrong: NDArray[np.bool_]) -> list[bool]:
    return [watch.update(wrong[i : i + 1]) for i in range(len(wrong))]


def same_from_here(detector: str, seed: int, cut: int) -> list[bool]:
    after = AFTER.get(detector, 3_000)
    wrong = stream(seed, cut + after)
    one, other = trigger(detector), trigger(detector)
    one.update(wrong[:cut])
    assert other.restore(through_bytes(one.snapshot()))
    told = rings(one, wrong[cut:])
    assert rings(other, wrong[cut:]) == told
    assert through_bytes(one.snapshot()) == through_bytes(other.snapshot())
    return told


class TestARestoredDetectorGoesOnBitForBit:
    @pytest.mark.parametrize("detector", QUICK)
    @settings(max_examples=12, deadline=None)
    @given(seed=st.integers(0, 2**32 - 1), cut=st.integers(0, 2_500))
    def test_at_any_cut(self, detector: str, seed: int, cut: int) -> None:
        same_from_here(detector, seed, cut)

    @settings(max_examples=5, deadline=None)
    @given(seed=st.integers(0, 2**32 - 1), cut=st.integers(0, 250))
    def test_kswin_with_its_random_numbers(self, seed: int, cut: int) -> None:
        same_from_here("kswin", seed, cut)

    @pytest.mark.parametrize("detector", QUICK)
    def test_and_the_streams_above_make_it_ring(self, detector: str) -> None:
        assert any(any(same_from_here(detector, seed, 700)) for seed in range(4))

    @pytest.mark.parametrize("detector", QUICK)
    def test_right_after_it_rang(self, detector: str) -> None:
        wrong = np.concatenate(
            [np.random.default_rng(1).random(1_000) < 0.1, np.random.default_rng(2).random(900) < 0.8]
        )
        one = trigger(detector)
        at = next(i for i in range(len(wrong)) if one.update(wrong[i : i + 1]))
        other = trigger(detector)
        assert other.restore(through_bytes(one.snapshot()))
        assert rings(other, wrong[at + 1 :]) == rings(one, wrong[at + 1 :])


class TestAStateThatDoesNotFitIsRefused:
    @pytest.mark.parametrize("detector", sorted(TRIGGERS))
    def test_of_other_parameters(self, detector: str) -> None:
        state = trigger(detector, confidence=1e-3).snapshot()
        assert not trigger(detector, confidence=1e-4).restore(state)

    def test_of_another_detector(self) -> None:
        assert not trigger("ddm").restore(trigger("eddm").snapshot())

    def test_of_another_version_of_river(self) -> None:
        state = trigger("adwin").snapshot()
        assert state is not None
        state.river = "0.0.1"
        assert not trigger("adwin").restore(state)

    @pytest.mark.parametrize("detector", QUICK)
    def test_and_one_with_attributes_unknown_here_is_not_taken(self, detector: str) -> None:
        watch: Any = trigger(detector)
        watch._detector.something_new = 1
        assert watch.snapshot() is None

    def test_and_leaves_the_detector_as_it_was(self) -> None:
        watch = trigger("ddm")
        watch.update(stream(1, 100))
        before = watch.snapshot()
        assert not watch.restore(None)
        assert watch.snapshot() == before
