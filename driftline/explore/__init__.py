"""What a data file holds, before anything is trained on it: the reasoning behind `driftline explore`."""
