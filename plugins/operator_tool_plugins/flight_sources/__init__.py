"""Where a flight comes from."""
