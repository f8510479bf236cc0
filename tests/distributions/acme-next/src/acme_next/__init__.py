"""Made for the contract's next major."""

raise RuntimeError("nobody may import this: it can't be selected")
