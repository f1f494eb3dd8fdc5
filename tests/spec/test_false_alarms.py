import pytest

from driftline.errors import UsageError
from driftline.spec import StreamSpec, parse_spec
from driftline.spec.false_alarms import false_alarms_per_record


def spec_with(text: str) -> StreamSpec:
    return parse_spec(
        {
            "stream": "tests",
            "classes": ["a", "b"],
            "features": [{"name": "x", "type": "numeric"}],
            "monitoring": {"false_alarms": text},
        }
    )


class TestABudgetIsRead:
    @pytest.mark.parametrize(
        ("text", "rate"),
        [
            ("1 per 1_000_000 records", 1e-6),
            ("1 per 100_000", 1e-5),
            ("3 PER 100 000".replace(" 000", "000"), 3e-5),
            (" 1  per  1000 record ", 1e-3),
        ],
    )
    def test_with_and_without_what_makes_it_readable(self, text: str, rate: float) -> None:
        assert false_alarms_per_record(text) == pytest.approx(rate)
        assert spec_with(text).monitoring.false_alarms_per_record == pytest.approx(rate)

    @pytest.mark.parametrize(
        "text", ["", "never", "1e-6", "1 in 1000", "0 per 1000", "1 per 0", "1.5 per 1000", "-1 per 1000", "1 per 50"]
    )
    def test_and_anything_else_is_refused_by_one_clear_message(self, text: str) -> None:
        with pytest.raises(UsageError, match=r"monitoring\.false_alarms.*N per M records") as caught:
            spec_with(text)
        assert repr(text) in str(caught.value)
