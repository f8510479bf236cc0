"""Downloads beside their peers: ``server`` serves, ``peers`` and ``ours`` run, ``section`` tells the figures."""

from .section import section

__all__ = ["section"]
