"""What the tile providers that ask over http share; no provider of its own."""
