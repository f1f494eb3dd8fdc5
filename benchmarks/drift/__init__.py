"""Detection quality: how soon, how surely and with how many false alarms is a change found? See docs/detection.md."""
