"""The monitor's state as columns and bytes."""
