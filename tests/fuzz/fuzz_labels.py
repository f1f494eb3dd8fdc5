"""Drives atheris against the decoder of labels; `make fuzz` runs it."""

import atheris

with atheris.instrument_imports(include=["driftline.wire", "tests.fuzz.contract"]):
    from tests.fuzz.driver import drive
    from tests.fuzz.mutations import LABELS
    from tests.fuzz.oracle import check_labels

if __name__ == "__main__":
    drive(check_labels, LABELS)
