"""The false-alarm budget as a person writes it: `1 per 1_000_000 records`."""

import re

_FORM = re.compile(r"\s*(\d[\d_]*)\s+per\s+(\d[\d_]*)(?:\s+records?)?\s*", re.IGNORECASE)
_MOST = 0.01


def false_alarms_per_record(text: str) -> float:
    """The rate that a budget allows.

    Raises
    ------
    ValueError : not of this form, or not between 1 per 10^12 records and 1 per 100.

    >>> false_alarms_per_record("1 per 1_000_000 records")
    1e-06
    >>> false_alarms_per_record("2 per 100000")
    2e-05
    """
    found = _FORM.fullmatch(text)
    alarms, records = (int(part.replace("_", "")) for part in found.groups()) if found else (0, 0)
    if not alarms or not records or not 1e-12 <= alarms / records <= _MOST:
        raise ValueError(
            f"read {text!r}; allowed: N per M records with whole numbers, such as '1 per 1_000_000 records'; "
            "at most 1 per 100"
        )
    return alarms / records
