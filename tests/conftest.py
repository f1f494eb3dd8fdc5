"""What every test may use; the code is in the packages named here."""

pytest_plugins = ["tests.kafka.fixtures"]
