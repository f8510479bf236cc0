"""Programs that run on a companion, as the transports of all authors need them."""
