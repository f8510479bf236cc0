"""Where tiles come from."""
