"""How the companion computer is reached."""
