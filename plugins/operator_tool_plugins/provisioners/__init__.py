"""Who builds the cache on the companion computer."""
