"""A few sensors at fault, or another world: judged from counts alone."""

import numpy as np
import pytest
from numpy.typing import NDArray

from monitoring.distribution.layout import Layout
from monitoring.distribution.parts import Tally
from monitoring.events.confined import judge_distribution, judge_errors, most_frequent

TRIES = 40


def errors(before: float, after: list[float], n_before: int = 200, n_after: int = 80, seed: int = 0) -> Tally:
    rng, devices = np.random.default_rng(seed), len(after)
    return Tally(
        tuple(f"d{i}" for i in range(devices)),
        np.full(devices, float(n_before)),
        rng.binomial(n_before, before, devices).astype(float),
        np.full(devices, float(n_after)),
        rng.binomial(n_after, after).astype(float),
    )


class TestErrors:
    @pytest.mark.parametrize("broken", [1, 2])
    def test_of_one_or_two_of_ten_are_the_sensors(self, broken: int) -> None:
        said = [judge_errors(errors(0.1, [0.8] * broken + [0.1] * (10 - broken), seed=s)) for s in range(TRIES)]
        assert {judged.cause for judged in said} <= {"sensor", None}
        sure = [judged for judged in said if judged.cause == "sensor"]
        assert len(sure) >= 0.9 * TRIES
        assert all(set(judged.devices) <= set(range(broken)) for judged in sure)

    @pytest.mark.parametrize("after", [0.25, 0.5, 0.9])
    def test_of_all_are_the_world(self, after: float) -> None:
        said = [judge_errors(errors(0.1, [after] * 10, seed=s)).cause for s in range(TRIES)]
        assert "sensor" not in said
        assert said.count("world") >= 0.9 * TRIES

    def test_of_half_are_the_world(self) -> None:
        said = [judge_errors(errors(0.1, [0.6] * 5 + [0.1] * 5, seed=s)).cause for s in range(TRIES)]
        assert set(said) == {"world"}

    @pytest.mark.parametrize("n_after", [1, 2, 4])
    def test_a_small_rise_of_all_over_few_records_is_never_put_on_a_sensor(self, n_after: int) -> None:
        """The worst of ten devices looks bad by chance: the others must be known to be well."""
        said = [judge_errors(errors(0.1, [0.25] * 10, n_after=n_after, seed=s)).cause for s in range(TRIES)]
        assert "sensor" not in said

    @pytest.mark.parametrize("devices", [1, 2, 3])
    def test_of_too_few_devices_nothing_is_said(self, devices: int) -> None:
        assert judge_errors(errors(0.1, [0.9] + [0.1] * (devices - 1))).cause is None

    def test_the_pooled_rest_is_no_suspect(self) -> None:
        counts = errors(0.1, [0.1] * 9 + [0.9])
        judged = judge_errors(Tally((*counts.names[:9], None), *(getattr(counts, n) for n in _COLUMNS)))
        assert judged.cause != "sensor"


_COLUMNS = ("n_before", "k_before", "n_after", "k_after")
LAYOUT = Layout({"a": [200] * 10, "b": [500] * 4})


def fleet(devices: int, n: int, seed: int) -> NDArray[np.int64]:
    """Records of healthy devices as counts [devices, bins]."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.multinomial(n, [0.1] * 10, devices), rng.multinomial(n, [0.25] * 4, devices)], axis=1)


def judge(counts: NDArray[np.int64], drifted: list[int]) -> tuple[str | None, tuple[int, ...]]:
    judged = judge_distribution(LAYOUT, counts, np.array(drifted), confidence=1e-3, minimum_psi=0.2)
    return judged.cause, judged.devices


class TestDistributions:
    def test_a_stuck_device_is_the_sensor(self) -> None:
        for seed in range(TRIES):
            counts = fleet(8, 50, seed)
            counts[5, :10] = 0
            counts[5, 3] = 50
            assert judge(counts, [0]) == ("sensor", (5,))

    def test_a_shift_of_all_is_the_world(self) -> None:
        shifted = np.linspace(0.01, 0.19, 10)
        for seed in range(TRIES):
            counts = fleet(8, 50, seed)
            counts[:, :10] = np.random.default_rng(seed).multinomial(50, shifted / shifted.sum(), 8)
            assert judge(counts, [0])[0] == "world"

    def test_where_every_device_is_another_the_stuck_one_is_still_found(self) -> None:
        """Each device measures in a part of the range of its own: none looks like the reference by itself."""
        rng = np.random.default_rng(4)
        counts = fleet(10, 100, 4)
        for device in range(10):
            shares = np.roll(np.array([0.55] + [0.05] * 9), device)
            counts[device, :10] = rng.multinomial(100, shares)
        counts[2, :10] = 0
        counts[2, 9] = 100
        cause, devices = judge(counts, [0])
        assert cause in ("sensor", None)
        assert devices in ((2,), ())

    def test_of_few_devices_or_nothing_drifted_nothing_is_said(self) -> None:
        assert judge(fleet(3, 50, 0), [0]) == (None, ())
        assert judge(fleet(8, 50, 0), []) == (None, ())


class TestTheMostFrequentBin:
    def test_is_named_with_its_shares(self) -> None:
        counts = np.concatenate([[2] * 5 + [30] + [2] * 4, [12] * 4])
        excess = most_frequent(LAYOUT, counts, np.array([1, 0]))
        assert (excess.variable, excess.bin, excess.records) == (0, 5, 48)
        assert (excess.before, excess.after) == (pytest.approx(0.1), pytest.approx(30 / 48))
        assert excess.p_value < 1e-9

    def test_of_healthy_records_is_no_evidence(self) -> None:
        values = [most_frequent(LAYOUT, fleet(1, 60, s)[0], np.array([0, 1])).p_value for s in range(200)]
        assert np.mean(np.array(values) < 0.05) <= 0.06
