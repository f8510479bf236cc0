"""What a generation is: its files, its manifest, whether it is sound, and what the agent remembers of it."""
