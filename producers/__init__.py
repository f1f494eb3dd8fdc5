"""Puts feature records and labels onto Kafka: the replay of a data file, and a simulated fleet of devices."""
