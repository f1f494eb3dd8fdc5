"""Telling others: drift, retrainings and new versions as webhooks and as CloudEvents on a topic."""
