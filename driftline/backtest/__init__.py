"""Replaying recorded data through the closed loop in one process, to compare what to do about drift."""
