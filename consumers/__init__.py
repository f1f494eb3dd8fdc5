"""The consumers: features in, predictions out, with a dead letter for everything that cannot be answered."""
