"""Programs that some tests need beside Python: used where they are, and the test skipped, or failed, where not.

With ``DRIFTLINE_REQUIRE_PARTS=1`` a part that cannot be had is a failure instead of a skip.
"""

import os
import shutil
from typing import NoReturn

import pytest

REQUIRE = "DRIFTLINE_REQUIRE_PARTS"


def missing(reason: str) -> NoReturn:
    """Skip the test for want of a part, or fail it where all parts are required."""
    if os.environ.get(REQUIRE) == "1":
        pytest.fail(f"{reason} ({REQUIRE}=1 makes this a failure)", pytrace=False)
    pytest.skip(reason)


def program(*names: str, package: str) -> str:
    """The path of the first of these programs that is installed; `package` is Debian's package of it."""
    for name in names:
        if (found := shutil.which(name)) is not None:
            return found
    missing(f"{names[0]} is not installed (Debian: {package})")
