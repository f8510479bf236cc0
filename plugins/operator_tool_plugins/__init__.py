"""The built-in plugins; each enters by its entry point, as anybody else's does."""
