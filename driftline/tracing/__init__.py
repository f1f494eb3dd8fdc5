"""Traces: who is followed and under which ids (no clock, no file), and one shell that hands spans to OpenTelemetry."""
