"""Claims a built-in's name, and one of acme-broken."""

raise RuntimeError("nobody may import this: it can't be selected")
