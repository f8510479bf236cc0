"""What holds for every companion transport: the checks by subject, each asked over real sessions.

On the companion they need POSIX programs alone (``sh``, ``cat``, ``printf``, ``dd``), and a folder to write to. The
numbers in some names are those of the catalogue of faults, in ``docs/reliability.md``.
"""

from __future__ import annotations

from .ending import EndChecks
from .files import FileChecks
from .limits import LimitChecks
from .link import BreakingLinkChecks
from .programs import ProgramChecks
from .standard_input import InputChecks

__all__ = ["CompanionTransportContract", "LinkedTransportContract"]


class CompanionTransportContract(ProgramChecks, InputChecks, LimitChecks, EndChecks, FileChecks):
    """Checks of a companion transport; for one whose link can break inherit ``LinkedTransportContract`` instead.

    Override ``plugin_options``, and ``scratch_dir`` where the companion has no ``/tmp``. The companion must be there.
    """


class LinkedTransportContract(BreakingLinkChecks, CompanionTransportContract):
    """Checks of a transport over a link that can break; override ``break_link`` besides."""
