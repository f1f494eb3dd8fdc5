"""The decoders against bytes that nobody meant: oracles, seeds, and what drives them."""
