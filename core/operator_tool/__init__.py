"""operator-tool builds the map cache that a drone navigates by when it has no GPS."""

__version__ = "0.1.0"
