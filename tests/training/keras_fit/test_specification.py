"""What only the fit loop can do is refused elsewhere, by name."""

import pytest

from driftline.errors import SpecError
from driftline.spec.load import parse_spec
from tests.training.conftest import numeric_spec


@pytest.mark.parametrize(("field", "value"), [("tensorboard", "logs"), ("strategy", "mirrored")])
def test_it_needs_the_fit_loop(field: str, value: str) -> None:
    document = numeric_spec().model_dump(mode="json", exclude={"kafka"})
    document["training"][field] = value
    with pytest.raises(SpecError, match=rf"training\.{field}: read .?{value}.*loop 'compiled'.*allowed.*loop 'fit'"):
        parse_spec(document)
    document["training"]["loop"] = "fit"
    assert getattr(parse_spec(document).training, field) == value
