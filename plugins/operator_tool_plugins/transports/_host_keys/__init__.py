"""Host keys of companions, for every transport over SSH: what is known, and what the operator has confirmed."""
