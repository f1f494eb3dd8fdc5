import numpy as np
from numpy.typing import NDArray

from driftline.model.columns import Columns
from tests.training.conftest import numeric_frame, numeric_spec
from training.data import from_frame
from training.recall import Archived, best_archived, search

SPEC = numeric_spec()
DATA = from_frame(SPEC, numeric_frame(200))


class Known:
    """A scorer that knows the blobs, as they were named at some turn, and errs on a given share of the rows."""

    def __init__(self, turn: int = 0, errs: float = 0.0) -> None:
        self._turn, self._errs = turn, errs

    def score(self, columns: Columns) -> NDArray[np.float32]:
        codes = (columns.numeric.argmax(axis=1) + self._turn) % 3
        codes[: int(self._errs * len(codes))] += 1
        certain: NDArray[np.float32] = np.eye(3, dtype=np.float32)[codes % 3]
        return certain


class TestRecallsAVersionThatKnowsThisWorld:
    def test_the_best_of_them(self) -> None:
        archive = [Archived(1, Known(errs=0.1), 0.9), Archived(2, Known(), 0.97), Archived(3, Known(turn=2), 0.97)]
        found = best_archived(SPEC, DATA, Known(turn=1), archive)
        assert found is not None
        assert found.version == 2
        assert found.evaluation.accuracy > 0.9
        assert found.evaluation.rows == 200
        assert "version 2" in found.reasons[0]

    def test_none_if_the_champion_is_as_good(self) -> None:
        assert best_archived(SPEC, DATA, Known(), [Archived(1, Known(), 0.97)]) is None

    def test_less_wrong_than_a_broken_champion_is_not_enough(self) -> None:
        assert best_archived(SPEC, DATA, Known(turn=1), [Archived(1, Known(errs=0.5), 0.97)]) is None

    def test_trying_many_versions_counts_against_each(self) -> None:
        one = best_archived(SPEC, DATA, Known(turn=1), [Archived(1, Known(), 0.97)])
        many = best_archived(SPEC, DATA, Known(turn=1), [Archived(v, Known(), 0.97) for v in range(1, 11)])
        assert one is not None
        assert many is not None
        assert np.isclose(many.p_value, 10 * one.p_value)

    def test_no_archive(self) -> None:
        assert best_archived(SPEC, DATA, Known(turn=1), []) is None


class TestGoingBack:
    def test_to_a_version_that_is_much_better_though_not_what_it_was(self) -> None:
        back = search(SPEC, DATA, Known(turn=1), [Archived(1, Known(errs=0.4), 0.97)], former=True)
        assert back.found is not None
        assert back.found.version == 1

    def test_not_between_two_that_are_equally_lost(self) -> None:
        """The world has changed after the promotion: neither knows it."""
        back = search(SPEC, DATA, Known(errs=0.97), [Archived(1, Known(errs=0.94), 0.97)], former=True)
        assert back.found is None
        assert back.closest is not None
        assert "version 1 comes closest" in back.reasons[0]
