"""Made for an older contract, and for none."""

raise RuntimeError("nobody may import this: it can't be selected")
