"""The companion's side of c10: takes in pictures of tiles, builds one generation of them, and switches to it.

It runs alone, from one zipapp, on Python 3.8 and the standard library. The protocol that it speaks is documented in
``docs/reference/agent-protocol.md``.
"""

PROTOCOL = 2
"""Rises when an older workstation or agent could not understand the other."""

VERSION = "2.0"
