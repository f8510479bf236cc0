"""The main flow, one file a phase, in the order in which data passes through."""
