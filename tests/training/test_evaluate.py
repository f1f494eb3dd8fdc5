import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.spec.stream import StreamSpec
from tests.training.conftest import numeric_spec
from training.evaluate import correct, evaluate, majority_accuracy, mcnemar


def discordant(wins: int, losses: int, both: int = 10) -> tuple[np.ndarray, np.ndarray]:
    candidate = np.array([True] * wins + [False] * losses + [True] * both, dtype=bool)
    champion = np.array([False] * wins + [True] * losses + [True] * both, dtype=bool)
    return candidate, champion


class TestMcNemar:
    # Two-sided exact p-values as statsmodels' `mcnemar(table, exact=True)` gives them; ours is one-sided, half of it.
    @pytest.mark.parametrize(
        ("wins", "losses", "two_sided"),
        [(9, 1, 0.021484375), (12, 4, 0.076812744140625), (10, 0, 0.001953125), (6, 1, 0.125)],
    )
    def test_known_values(self, wins: int, losses: int, two_sided: float) -> None:
        assert mcnemar(*discordant(wins, losses)) == pytest.approx(two_sided / 2, rel=1e-12)

    def test_worse_is_never_significant(self) -> None:
        assert mcnemar(*discordant(1, 9)) == pytest.approx(1 - 1 / 1024, rel=1e-9)

    def test_equal_answers_prove_nothing(self) -> None:
        assert mcnemar(*discordant(0, 0)) == 1.0

    @given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
    def test_rows_on_which_both_agree_do_not_matter(self, wins: int, losses: int, both: int) -> None:
        assert mcnemar(*discordant(wins, losses, both)) == mcnemar(*discordant(wins, losses, 0))


class TestMetrics:
    def test_multiclass_by_hand(self) -> None:
        probabilities = np.array([[0.8, 0.1, 0.1], [0.6, 0.3, 0.1], [0.1, 0.7, 0.2]], dtype=np.float32)
        found = evaluate(numeric_spec(), probabilities, np.array([0, 1, 1]))
        assert found.rows == 3
        assert found.accuracy == pytest.approx(2 / 3)
        assert found.balanced_accuracy == pytest.approx((1 + 0.5) / 2)
        assert found.macro_f1 == pytest.approx(2 / 3)
        assert found.log_loss == pytest.approx(-np.log([0.8, 0.3, 0.7]).mean(), rel=1e-6)

    def test_certain_and_wrong_is_a_finite_loss(self) -> None:
        found = evaluate(numeric_spec(), np.array([[1, 0, 0]], dtype=np.float32), np.array([2]))
        assert found.log_loss is not None
        assert np.isfinite(found.log_loss)

    def test_multilabel_accuracy_asks_for_every_class(self) -> None:
        spec: StreamSpec = numeric_spec().model_copy(update={"task": "multilabel"})
        probabilities = np.array([[0.9, 0.1, 0.9], [0.2, 0.6, 0.4]], dtype=np.float32)
        labels = np.array([[True, False, True], [False, True, True]])
        found = evaluate(spec, probabilities, labels)
        assert found.accuracy == 0.5
        assert found.macro_f1 == pytest.approx((1 + 1 + 2 / 3) / 3)
        assert correct(probabilities >= 0.5, labels).tolist() == [True, False]

    def test_majority(self) -> None:
        assert majority_accuracy(np.array([0, 1, 1, 1])) == 0.75
        assert majority_accuracy(np.array([[True, False], [True, False], [False, False]])) == pytest.approx(2 / 3)
