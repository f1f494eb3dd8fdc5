"""The errors a person may meet: each message names the thing, what was found and what is allowed."""


class DriftlineError(Exception):
    """An error whose message is for the person at the terminal; shown without a traceback."""

    exit_code = 1


class UsageError(DriftlineError):
    """A specification, argument or data file that cannot be used as given."""

    exit_code = 2


class SpecError(UsageError):
    """`stream.yaml` or an environment override is wrong."""
