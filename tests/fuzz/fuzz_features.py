"""Drives atheris against the decoder of features; `make fuzz` runs it."""

import atheris

with atheris.instrument_imports(include=["driftline.wire", "tests.fuzz.contract"]):
    from tests.fuzz.driver import drive
    from tests.fuzz.mutations import FEATURES
    from tests.fuzz.oracle import check_features

if __name__ == "__main__":
    drive(check_features, FEATURES)
