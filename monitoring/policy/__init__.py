"""What is done at a drift event, and what is not."""
