"""The JSON Schemas in docs/ are those of the code."""

from pathlib import Path

import pytest

from driftline.records.schemas import schemas

FOLDER = Path(__file__).parents[2] / "docs" / "schemas"


@pytest.mark.parametrize(("name", "document"), schemas().items())
def test_a_schema_is_as_the_model_says(name: str, document: str) -> None:
    assert (FOLDER / name).read_text() == document, "run `make schemas` and commit the result"


def test_there_is_no_schema_of_nothing() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(schemas())
