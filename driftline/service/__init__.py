"""The service loop, written once around every room's core: Kafka, signals, health and metrics live here."""
