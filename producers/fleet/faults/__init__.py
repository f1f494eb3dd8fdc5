"""Sensor faults: what a broken sensor makes of true readings. The world, and the answer, stay as they are."""

from producers.fleet.faults.missing import Missing
from producers.fleet.faults.spikes import Spikes
from producers.fleet.faults.stuck import Stuck

__all__ = ["Missing", "Spikes", "Stuck"]
