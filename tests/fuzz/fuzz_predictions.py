"""Drives atheris against the decoder of predictions; `make fuzz` runs it."""

import atheris

with atheris.instrument_imports(include=["driftline.wire", "tests.fuzz.contract"]):
    from tests.fuzz.driver import drive
    from tests.fuzz.mutations import PREDICTIONS
    from tests.fuzz.oracle import check_predictions

if __name__ == "__main__":
    drive(check_predictions, PREDICTIONS)
