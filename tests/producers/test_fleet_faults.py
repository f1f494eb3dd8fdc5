"""A fault touches the sensor, the device and the rows it names, and never the answer."""

import numpy as np
import pytest

from driftline.records.data import Value
from producers.fleet.fleet import Fleet
from producers.fleet.plan import parse_fleet
from tests.producers.worlds import NUMERIC, SPEC

ROWS, DEVICES = 3_000, 7
Table = list[tuple[Value, ...]]


def stream(faults: str, spread: float = 0.0) -> tuple[Table, list[object], Fleet]:
    plan = f"{{records: {ROWS}, devices: {DEVICES}, device_spread: {spread}, faults: {faults}}}"
    fleet = Fleet(SPEC, parse_fleet(plan))
    blocks = list(fleet.rows())
    return [tuple(row) for b in blocks for row in b.values], [label for b in blocks for label in b.labels], fleet


CLEAN, LABELS, FLEET = stream("[]")


def changed(values: Table) -> dict[int, set[int]]:
    """Feature number → rows at which it differs from the stream without faults."""
    return {
        j: {row for row in range(ROWS) if values[row][j] != CLEAN[row][j]} for j in range(NUMERIC + 2)
    }  # fmt: skip


def rows_of(device: int, at: int, until: int) -> list[int]:
    return [row for row in range(at, until) if row % DEVICES == device]


class TestStuck:
    def test_the_device_shows_its_first_faulty_reading_for_ever(self) -> None:
        values, labels, _ = stream("[{at: 1000, until: 2500, kind: stuck, device: device-3, features: [x1, mode]}]")
        rows = rows_of(3, 1000, 2500)
        assert {values[row][1] for row in rows} == {CLEAN[rows[0]][1]}
        assert {values[row][NUMERIC] for row in rows} == {CLEAN[rows[0]][NUMERIC]}
        touched = changed(values)
        assert touched[1] == set(rows[1:])
        assert touched[NUMERIC] <= set(rows)
        assert not any(touched[j] for j in touched if j not in (1, NUMERIC))
        assert labels == LABELS

    def test_every_device_sticks_at_its_own(self) -> None:
        values, _, _ = stream("[{at: 500, kind: stuck, features: [x0]}]")
        for device in range(DEVICES):
            rows = rows_of(device, 500, ROWS)
            assert {values[row][0] for row in rows} == {CLEAN[rows[0]][0]}


class TestSpikes:
    def test_a_share_of_the_readings_is_off_by_the_height(self) -> None:
        values, labels, fleet = stream("[{at: 1000, kind: spikes, share: 0.2, magnitude: 10, features: [x2]}]")
        touched = changed(values)
        assert len(touched[2]) == pytest.approx(0.2 * 2_000, abs=70)
        assert min(touched[2]) >= 1000
        assert not any(touched[j] for j in touched if j != 2)
        jumps = np.array([values[row][2] - CLEAN[row][2] for row in touched[2]]) / fleet.world.units[2]  # type: ignore[operator]
        assert np.abs(jumps) == pytest.approx(10, abs=1e-3)
        assert 0.35 < (jumps > 0).mean() < 0.65
        assert labels == LABELS


class TestMissing:
    def test_all_of_a_devices_values(self) -> None:
        values, labels, _ = stream("[{at: 1000, until: 1100, kind: missing, device: device-0}]")
        rows = rows_of(0, 1000, 1100)
        assert all(set(values[row]) == {None} for row in rows)
        assert all(touched == set(rows) for touched in changed(values).values())
        assert labels == LABELS

    def test_a_share_of_them(self) -> None:
        values, _, _ = stream("[{at: 0, kind: missing, share: 0.3, features: [x0, note]}]")
        lost = [{row for row in range(ROWS) if values[row][j] is None} for j in (0, NUMERIC + 1)]
        assert [len(rows) for rows in lost] == pytest.approx([900, 900], abs=110)
        assert lost[0] != lost[1]


class TestDevices:
    def test_each_has_an_offset_of_its_own_that_stays(self) -> None:
        values, _, fleet = stream("[]", spread=0.5)
        offsets = np.array(
            [
                [(values[row][j] - CLEAN[row][j]) / fleet.world.units[j] for j in range(NUMERIC)]  # type: ignore[operator]
                for row in range(ROWS)
            ]
        )
        for device in range(DEVICES):
            assert offsets[device::DEVICES].std(axis=0) == pytest.approx(np.zeros(NUMERIC), abs=1e-3)
        assert 0.2 < offsets[:DEVICES].std() < 0.9
