"""The interface on `kafka-python` 3: pure Python, always installed."""
