"""What all tests share: the two brokers, and hypothesis without a stop-watch."""

from hypothesis import settings

pytest_plugins = ["tests.kafka.fixtures", "tests.side_by_side"]

# A deadline an example is a timed test, and fails when the machine is busy rather than when the code is wrong.
settings.register_profile("driftline", deadline=None)
settings.load_profile("driftline")
