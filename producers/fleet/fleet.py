"""The fleet: devices in a world with scheduled drift and faults, block by block, every block from the seed alone."""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from driftline.records.data import Value
from driftline.spec.stream import StreamSpec
from producers.fleet.drift import course_of
from producers.fleet.faults import Missing, Spikes, Stuck
from producers.fleet.plan import FaultPlan, FleetPlan
from producers.fleet.targets import ConceptChange, DataShift, PriorChange
from producers.fleet.world import World
from producers.rows import Rows

# Rows drawn together. A block is a function of the plan and its number, so this is part of what a seed means: another
# size is another stream.
BLOCK = 1_024

# Independent streams of chance in each block, so that adding a drift or a fault leaves every other draw as it was.
_WORLD, _COURSE, _FAULT, _TEXT = 1, 2, 3, 4


class Fleet:
    """Simulated devices of one stream.

    Parameters
    ----------
    spec : the stream whose features are measured.
    plan : the fleet.

    Raises
    ------
    UsageError : the plan names a feature or a device that is not there.
    """

    def __init__(self, spec: StreamSpec, plan: FleetPlan) -> None:
        plan.check(spec)
        self.plan = plan
        self.world = World(spec, plan.seed, plan.separation)
        self._spec = spec
        self._prefix = f"{spec.stream}-fleet{plan.seed}-" if plan.prefix is None else plan.prefix
        self._position = {feature.name: i for i, feature in enumerate(spec.features)}
        self._column = {feature.name: i for i, feature in enumerate(spec.numeric)}
        self._courses = [course_of(drift) for drift in plan.drift]
        self._targets = [self._target(i) for i in range(len(plan.drift))]
        offsets = np.random.default_rng([plan.seed, 5]).standard_normal((plan.devices, self.world.numeric))
        self._offsets = plan.device_spread * offsets
        self._clean = lru_cache(maxsize=2)(self._draw)

    def rows(self) -> Iterator[Rows]:
        """The fleet's records, to the plan's end or without end. Raises nothing."""
        total, start = self.plan.records, 0
        while total is None or start < total:
            rows = self.block(start // BLOCK)
            yield rows if total is None or start + BLOCK <= total else rows.take(slice(0, total - start))
            start += BLOCK

    def block(self, number: int) -> Rows:
        """Rows [number * BLOCK, (number + 1) * BLOCK), faults included."""
        columns, labels = self._clean(number)
        columns = list(columns)
        first = number * BLOCK
        for i, fault in enumerate(self.plan.faults):
            if first + BLOCK > fault.at and (fault.until is None or first < fault.until):
                self._break(columns, first, i, fault)
        return Rows(
            record_ids=[f"{self._prefix}{row}" for row in range(first, first + BLOCK)],
            device_ids=[f"device-{row % self.plan.devices}" for row in range(first, first + BLOCK)],
            values=list(zip(*columns, strict=True)),
            labels=[self.world.answers[answer] for answer in labels],
        )

    def truth(self, start: int, stop: int) -> NDArray[np.float64]:
        """What is true of rows [start, stop): the strength, 0 to 1, of every planned drift, float64 [n, drifts].

        0 is the world before that drift, 1 the world after it.
        """
        parts = [self._strengths(number) for number in range(start // BLOCK, -(-stop // BLOCK))]
        first = start // BLOCK * BLOCK
        return np.concatenate(parts)[start - first : stop - first] if parts else np.empty((0, len(self.plan.drift)))

    def _target(self, number: int) -> DataShift | ConceptChange | PriorChange:
        drift = self.plan.drift[number]
        random = np.random.default_rng([self.plan.seed, 6, number])
        if drift.target == "concept":
            return ConceptChange.draw(self.world, drift.size, random)
        if drift.target == "prior":
            return PriorChange.draw(self.world, drift.size, random)
        columns = [self._column[name] for name in drift.features or self._column]
        return DataShift.draw(self.world, columns, drift.size, random)

    def _strengths(self, number: int) -> NDArray[np.float64]:
        rows = np.arange(number * BLOCK, (number + 1) * BLOCK)
        out = np.empty((BLOCK, len(self._courses)))
        for i, course in enumerate(self._courses):
            chance = np.random.default_rng([self.plan.seed, 7, number, _COURSE, i]).random(BLOCK)
            out[:, i] = course.strength(rows, chance)
        return out

    def _draw(self, number: int) -> tuple[list[list[Value]], list[int]]:
        """One block without faults: a column of values for each feature, and the index of each row's answer."""
        world = self.world
        random = np.random.default_rng([self.plan.seed, 7, number, _WORLD])
        pick, again = random.random(BLOCK), random.random(BLOCK)
        noise = random.standard_normal((BLOCK, world.numeric or 2))
        chances = random.random((len(self._spec.categorical), BLOCK))
        strengths = self._strengths(number)
        answers = np.tile(world.region_answer, (BLOCK, 1))
        weights = np.tile(world.weights, (BLOCK, 1))
        offsets = np.zeros((BLOCK, world.numeric))
        for target, strength in zip(self._targets, strengths.T, strict=True):
            if isinstance(target, ConceptChange):
                answers = target.apply(answers, strength)
            elif isinstance(target, DataShift):
                target.apply(offsets, strength)
        for target, strength in zip(self._targets, strengths.T, strict=True):
            # After every change of concept: the mix is one of the answers as they are now.
            if isinstance(target, PriorChange):
                weights = target.apply(weights, answers, strength)
        regions = _choose(weights, pick)
        positions = world.positions(regions, noise)
        moved = np.flatnonzero(offsets.any(axis=1))
        if len(moved):
            positions[moved] += offsets[moved]
            regions[moved] = _choose(world.region_probabilities(positions[moved]), again[moved])
        said = world.region_answer[regions]
        labels = answers[np.arange(BLOCK), regions].tolist()
        device = np.arange(number * BLOCK, (number + 1) * BLOCK) % self.plan.devices
        readings = world.readings(positions[:, : world.numeric] + self._offsets[device])
        return self._features(number, readings, said, chances), labels

    def _features(
        self, number: int, readings: NDArray[np.float64], said: NDArray[np.int64], chances: NDArray[np.float64]
    ) -> list[list[Value]]:
        columns: list[list[Value]] = [[] for _ in self._spec.features]
        for i, numeric in enumerate(self._spec.numeric):
            columns[self._position[numeric.name]] = readings[:, i].tolist()
        for i, categorical in enumerate(self._spec.categorical):
            columns[self._position[categorical.name]] = self.world.categories(i, said, chances[i]).tolist()
        random = np.random.default_rng([self.plan.seed, 7, number, _TEXT])
        for i, text in enumerate(self._spec.text):
            columns[self._position[text.name]] = list(self.world.texts(i, said, random))
        return columns

    def _break(self, columns: list[list[Value]], first: int, number: int, fault: FaultPlan) -> None:
        start = max(fault.at, first)
        stop = first + BLOCK if fault.until is None else min(fault.until, first + BLOCK)
        rows = np.arange(start, stop)
        devices = self.plan.devices
        if fault.device is not None:
            rows = rows[rows % devices == int(fault.device.removeprefix("device-"))]
        names = fault.features or tuple(self._column if fault.kind == "spikes" else self._position)
        chances = np.random.default_rng([self.plan.seed, 7, first // BLOCK, _FAULT, number]).random(
            (len(self._position), BLOCK)
        )
        for name in names:
            position = self._position[name]
            # A copy: the block without faults is kept, and may be needed again.
            column = list(columns[position])
            chance = chances[position]
            if fault.kind == "stuck":
                for device in np.unique(rows % devices):
                    chosen = rows[rows % devices == device]
                    _put(column, chosen - first, Stuck(self._stuck_at(int(device), fault.at, position)), chance)
            elif fault.kind == "spikes":
                height = fault.magnitude * float(self.world.units[self._column[name]])
                _put(column, rows - first, Spikes(height, fault.share or 0.1), chance)
            else:
                _put(column, rows - first, Missing(fault.share or 1.0), chance)
            columns[position] = column

    def _stuck_at(self, device: int, at: int, position: int) -> Value:
        """What the device truly measured in its first row from `at` on."""
        row = at + (device - at) % self.plan.devices
        columns, _ = self._clean(row // BLOCK)
        return columns[position][row % BLOCK]


def _choose(weights: NDArray[np.float64], chance: NDArray[np.float64]) -> NDArray[np.int64]:
    """Index of one column for each row of `weights` [n, M], by uniform `chance` [n]."""
    edges = np.cumsum(weights, axis=1)
    return np.asarray((chance[:, None] * edges[:, -1:] >= edges[:, :-1]).sum(axis=1), dtype=np.int64)


def _put(
    column: list[Value], rows: NDArray[np.int64], fault: Stuck | Spikes | Missing, chance: NDArray[np.float64]
) -> None:
    broken = fault.apply([column[row] for row in rows], chance[rows])
    for row, value in zip(rows.tolist(), broken, strict=True):
        column[row] = value
