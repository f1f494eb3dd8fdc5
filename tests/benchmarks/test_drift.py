import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from river.drift import KSWIN
from scipy.stats import ks_2samp

from benchmarks.drift.__main__ import main
from benchmarks.drift.bounds import page, true_ratios
from benchmarks.drift.calibration import FAMILIES, alarms_per_million, calibrate
from benchmarks.drift.changes import INJECTED, Kind, Rows, altered, mixed
from benchmarks.drift.kswin import BinaryKSWIN
from benchmarks.drift.parts import Part
from benchmarks.drift.scoring import Episode, Score, mean, score

LENGTH = 10_000


def episode(*alarms: int, onset: int | None = 6_000) -> Episode:
    return Episode(np.array(alarms, np.int64), onset, first=2_000, length=LENGTH, records=8_000)


def test_an_alarm_at_each_end_of_the_window_is_inside() -> None:
    got = score([episode(6_000), episode(8_500), episode(5_999), episode(8_501)], max_delay=2_500)
    assert (got.missed, got.false_alarms, got.episode_recall) == (2, 2, 0.5)
    assert got.delay == 1_250.0
    assert got.f1 == got.f1_once == 0.5  # 2 true, 2 false, 2 missed


def test_further_alarms_in_a_window_are_true_and_those_behind_it_false() -> None:
    got = score([episode(6_100, 6_200, 6_300, 9_000), episode()], max_delay=2_500)
    assert got.precision == pytest.approx(3 / 4)
    assert got.recall == pytest.approx(3 / 4)
    assert got.f1 == pytest.approx(3 / 4)
    assert got.f1_once == pytest.approx(2 / (2 + 1 + 1))
    assert got.episode_recall == 0.5
    assert got.delay == 100.0


def test_false_alarms_are_counted_by_watched_records_and_as_published() -> None:
    got = score([episode(3_000, 5_000, 6_010, 9_999), episode(6_010)], max_delay=2_500)
    assert got.false_alarms == 3
    assert got.false_per_1000 == pytest.approx(3 / 16)
    assert got.false_per_1000_as_published == pytest.approx(3 / 10)
    assert got.clean_per_million == pytest.approx(2 / 8_000 * 1e6)
    assert got.outside == 2 * (8_000 - 2_501)
    assert got.mtfa == pytest.approx(2 * (8_000 - 2_501) / 3)


def test_nobody_ever_rings_and_somebody_always_does() -> None:
    never = score([episode()] * 3, max_delay=2_500)
    assert (never.f1, never.missed, never.delay, never.mtfa) == (0.0, 3, None, None)
    always = score([episode(*range(2_000, LENGTH))], max_delay=2_500)
    assert always.f1 == pytest.approx(2 * 2_501 / (8_000 + 2_501))
    assert always.delay == 0.0
    assert always.false_per_1000 == pytest.approx((8_000 - 2_501) / 8)


def test_a_stream_without_a_change_has_false_alarms_only() -> None:
    got = score([episode(2_500, 9_000, onset=None)], max_delay=2_500)
    assert (got.false_alarms, got.missed, got.episodes) == (2, 0, 1)
    assert got.clean_per_million == pytest.approx(250.0)
    assert got.mtfa == 4_000.0


def test_the_mean_adds_counts_and_takes_delays_where_there_are_any() -> None:
    found, missed = score([episode(6_100, 9_000)], 2_500), score([episode()], 2_500)
    got = mean([found, missed])
    assert (got["f1"], got["missed"], got["delay"], got["false_alarms"]) == (pytest.approx(1 / 3), 1, 100.0, 1)
    assert got["mtfa"] == 2 * (8_000 - 2_501)


@given(st.lists(st.integers(2_000, LENGTH - 1), max_size=30, unique=True).map(sorted))
def test_every_alarm_is_true_or_false_and_no_figure_leaves_its_range(alarms: list[int]) -> None:
    got: Score = score([episode(*alarms)], max_delay=2_500)
    inside = sum(6_000 <= alarm <= 8_500 for alarm in alarms)
    assert got.false_alarms == len(alarms) - inside
    assert (got.missed == 0) == (inside > 0)
    assert 0 <= got.f1_once <= got.f1 <= 1


def rows(n: int = 4_000) -> Rows:
    rng = np.random.default_rng(3)
    return Rows(rng.normal(size=(n, 6)).astype(np.float32), rng.integers(0, 3, n), np.arange(100, 100 + n))


def test_a_label_swap_moves_one_class_into_another_by_its_size() -> None:
    for size in (0.5, 1.0):
        before = rows()
        new = altered(np.random.default_rng(0), "label-swap", size, before, before)
        moved = new.y != before.y
        (source,) = set(before.y[moved])
        assert len(set(new.y[moved])) == 1
        assert moved.sum() / (before.y == source).sum() == pytest.approx(size, abs=0.05)
        assert new.comes.all() and new.x is before.x


def test_a_permutation_keeps_the_values_of_each_record() -> None:
    before = rows()
    new = altered(np.random.default_rng(0), "feature-permutation", 1.0, before, before)
    assert (new.x != before.x).any()
    np.testing.assert_array_equal(np.sort(new.x, axis=1), np.sort(before.x, axis=1))


def test_skipped_records_are_of_one_class_or_above_one_median() -> None:
    before = rows()
    prior = altered(np.random.default_rng(0), "prior-shift", 1.0, before, before)
    (skipped,) = set(before.y[~prior.comes])
    assert (~prior.comes).sum() / (before.y == skipped).sum() == pytest.approx(0.75, abs=0.05)
    filtered = altered(np.random.default_rng(0), "feature-filter", 1.0, before, before)
    assert (~filtered.comes).mean() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("kind", INJECTED)
def test_a_gradual_change_begins_at_the_onset_and_is_complete_after_its_width(kind: Kind) -> None:
    before = rows()
    new = altered(np.random.default_rng(0), kind, 1.0, before, before)
    mix = mixed(np.random.default_rng(1), before, new, width=2_000)
    late = mix.position >= 2_100
    expected = Rows(new.x, new.y, before.position)[new.comes & (before.position >= 2_100)]
    np.testing.assert_array_equal(mix.y[late], expected.y)
    np.testing.assert_array_equal(mix.x[late], expected.x)
    assert mix.position[0] == 100 and (mix.x[0] == before.x[0]).all() and mix.y[0] == before.y[0]


def part_of(wrong: NDArray[np.bool_]) -> Part:
    return Part(np.zeros((len(wrong), 0), np.float32), wrong.astype(np.int64), np.zeros(len(wrong), np.int64))


def test_kswin_on_bits_rings_as_soon_as_that_of_river() -> None:
    first: list[list[int]] = [[], []]
    for seed in range(25):
        rng = np.random.default_rng(seed)
        wrong = np.concatenate([rng.random(100) < 0.1, rng.random(60) < 0.65])
        ours, theirs = BinaryKSWIN("", seed=seed).watch(part_of(wrong))[0], KSWIN(seed=seed)
        rung = []
        for i, value in enumerate(wrong.astype(float).tolist()):
            theirs.update(value)
            if theirs.drift_detected:
                rung.append(i)
        first[0].append(int(ours[0]) if len(ours) else 160)
        first[1].append(rung[0] if rung else 160)
    # Both are random; the mean of 25 differences has a deviation of about 1.
    assert np.mean(first[0]) == pytest.approx(np.mean(first[1]), abs=4)
    assert 100 < np.mean(first[0]) < 140


@pytest.mark.parametrize("cut", [1, 99, 100, 350])
def test_kswin_does_not_care_how_its_records_come(cut: int) -> None:
    wrong = np.concatenate([np.zeros(300, np.bool_), np.ones(300, np.bool_)])
    watcher = BinaryKSWIN("", alpha=1e-6)
    alarms = [watcher.watch(part_of(wrong[:cut]))[0], cut + watcher.watch(part_of(wrong[cut:]))[0]]
    # No error among the older 70: 30 zeros are drawn, whatever the seed, against the newest 30 with k errors.
    zeros = [0.0] * 30
    enough = next(k for k in range(31) if ks_2samp(zeros, zeros[k:] + [1.0] * k, method="exact").pvalue <= 1e-6)
    assert np.concatenate(alarms)[0] == 300 + enough - 1


def test_calibration_takes_the_most_sensitive_value_within_the_budget() -> None:
    rng = np.random.default_rng(7)
    errors = [rng.random(5_000) < 0.2 for _ in range(4)]
    family = FAMILIES["hddm-a"]
    chosen = calibrate(family, errors, budget=200.0)
    assert chosen.within and chosen.per_million <= 200.0
    looser = family.grid[family.grid.index(chosen.value) - 1]
    assert alarms_per_million(lambda: family.make("", looser), errors) > 200.0


def test_a_cusum_that_knows_the_rates_finds_the_change_and_is_silent_then() -> None:
    rng = np.random.default_rng(2)
    errors = np.concatenate([rng.random(3_000) < 0.2, rng.random(3_000) < 0.6]).astype(np.int64)
    alarms = page(true_ratios(errors, errors[:3_000], errors[3_000:], 2), onset=3_000)
    assert len(alarms) == 1
    assert 3_000 <= alarms[0] < 3_150
    assert not len(page(true_ratios(errors[:3_000], errors[:3_000], errors[:3_000], 2), onset=1_000))


@pytest.fixture
def stream(tmp_path: Path) -> Path:
    """Three classes that one feature tells apart."""
    rng = np.random.default_rng(11)
    label = rng.integers(0, 3, 4_000)
    values = rng.normal(size=(4_000, 4)) + 3 * label[:, None] * np.array([1, 0, 0, 0])
    text = "\n".join(",".join([*(f"{v:.4f}" for v in row), str(y)]) for row, y in zip(values, label, strict=True))
    file = tmp_path / "three.csv"
    file.write_text(f"a,b,c,d,label\n{text}\n")
    return file


def test_injected_drift_from_the_file_to_the_table(stream: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    arguments = ["injected", "--quick", "--data", str(stream), "--out", str(out), "--kinds", "label-swap"]
    main([*arguments, "--sizes", "1", "--detectors", "driftline", "driftline-data", "adwin"])
    results = json.loads(out.read_text())
    assert str(tmp_path) not in out.read_text()
    f1 = {(row[0], row[1]): row[3] for row in results["means"]}
    assert f1["label-swap 1 abrupt", "driftline"] == 1.0
    assert f1["label-swap 1 abrupt", "adwin default"] > 0
    assert f1["label-swap 1 abrupt", "knows-the-table"] == 1.0
    assert f1["label-swap 1 abrupt", "never"] == 0.0
    assert results["calibration"]["detectors"]["adwin"]["within"]


def test_natural_drift_is_followed_with_a_new_model_after_each_alarm(stream: Path, tmp_path: Path) -> None:
    lines = stream.read_text().splitlines()
    changed = [line[:-1] + str((int(line[-1]) + 1) % 3) for line in lines[2_001:]]
    other = tmp_path / "changed.csv"
    other.write_text("\n".join([*lines[:2_001], *changed]) + "\n")
    results = main(["natural", "--quick", "--data", str(other), "--detectors", "driftline"])
    alarms = {row[1]: row[-1] for row in results["streams"]}
    assert len(alarms["driftline"]) == 1
    assert 2_000 <= alarms["driftline"][0] < 2_100
    assert alarms["never"] == []
    accuracy = {row[1]: row[3] for row in results["streams"]}
    assert accuracy["driftline"] > accuracy["never"]
