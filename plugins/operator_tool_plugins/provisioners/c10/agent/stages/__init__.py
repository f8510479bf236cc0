"""The companion's own stages: their table, their processes, their bounds, what they made."""
