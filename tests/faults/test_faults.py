"""Whatever is killed, nothing is lost; and were it lost, the checker would say so."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.checker import Report
from tests.faults.run import Settings, run
from tests.faults.scenes import (
    Scene,
    killed_inside_a_commit,
    monitor_killed,
    taken_over_by_one_that_is_behind,
)
from tests.faults.world import first_models
from tests.kafka.apache import ApacheKafka

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return first_models(tmp_path_factory.mktemp("first"))


def test_nothing_is_lost_under_fire(
    apache_kafka: ApacheKafka, models: Path, tmp_path: Path, fresh_name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(
        fresh_name, seed=11, records=30_000, rate=800, kills=15, longest=110, calm=0.6, flip_every=12_000
    )
    result = run(settings, apache_kafka.bootstrap, models, tmp_path)
    with capsys.disabled():
        print(f"\n{result.report.sizes['accepted']:,} records, {result.kills} kills, {result.seconds:.0f} s")
    assert result.report.broken() == {}, "\n".join(result.report.lines())
    assert result.unexpected == []
    assert result.refused == 0
    assert result.kills >= 10
    assert result.report.sizes["accepted"] >= 25_000
    assert result.report.sizes["swaps_in_partitions"] > 0


@dataclass(frozen=True)
class Play:
    """A scene, how the loop is broken in it, and what the checker must then report (nothing: a healthy loop)."""

    name: str
    script: Callable[[Scene], Report]
    broken: str
    found: frozenset[str]


def behind(slow: float) -> Callable[[Scene], Report]:
    return lambda scene: taken_over_by_one_that_is_behind(scene, slow)


NOTHING: frozenset[str] = frozenset()
PLAYS = (
    Play("commit", killed_inside_a_commit, "", NOTHING),
    Play("offsets-first", killed_inside_a_commit, "offsets-first", frozenset({"lost"})),
    Play("fence", behind(6.0), "", NOTHING),
    Play("no-fence", behind(60.0), "no-fence", frozenset({"sequence_fell"})),
    Play("monitor", monitor_killed, "", NOTHING),
    Play("label-twice", monitor_killed, "label-twice", frozenset({"heads_wrong"})),
    Play("forget-checkpoint", monitor_killed, "forget-checkpoint", frozenset({"heads_wrong"})),
)


@pytest.fixture(scope="module")
def played(
    apache_kafka: ApacheKafka, models: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Report | BaseException]:
    """All plays, three at a time, each on a stream of its own: most of their time is waiting for time-outs."""
    folder = tmp_path_factory.mktemp("plays")

    def act(play: Play) -> Report | BaseException:
        stream = f"play-{play.name}-{folder.name[-8:].strip('-')}"
        try:
            with closing(Scene(stream, apache_kafka.bootstrap, models, folder / play.name, play.broken)) as scene:
                return play.script(scene)
        except BaseException as error:
            return error

    with ThreadPoolExecutor(3) as pool:
        return dict(zip((play.name for play in PLAYS), pool.map(act, PLAYS), strict=True))


class TestTheCheckerSeesABrokenLoop:
    @pytest.mark.parametrize("play", PLAYS, ids=lambda play: play.name)
    def test_and_reports_nothing_of_a_whole_one(self, played: dict[str, Report | BaseException], play: Play) -> None:
        report = played[play.name]
        if isinstance(report, BaseException):
            raise report
        assert report.sizes["accepted"] > 0
        assert play.found <= report.broken().keys(), report.lines()
        if not play.found:
            assert report.broken() == {}, report.lines()
