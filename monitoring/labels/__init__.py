"""Late labels joined to the predictions they judge, and the outcomes that come of it."""
