"""Faults of the broker and of the network before it, each on a cluster of its own, with the services as processes."""
