"""Finds plugins, loads the selected ones, and asks them."""
