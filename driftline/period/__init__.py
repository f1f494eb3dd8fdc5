"""A period of a stream, told to people who were not there: what happened, why, what it cost, what to watch."""
