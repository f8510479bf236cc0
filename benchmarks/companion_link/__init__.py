"""The way to the companion beside its peers, all of them whole commands to the same real sshd.

``imagery`` is what is sent and ``far_side`` where to; ``peers`` and ``ours`` run; ``tiles``, ``many``, ``one_file``,
``fleet`` and ``overlap`` are the parts, and ``section`` puts them on a page.
"""

from .section import section

__all__ = ["section"]
