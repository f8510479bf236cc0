"""What holds for every provisioner: asked for whole caches of real pictures, over links that break."""

from __future__ import annotations

from .breaks import BreakChecks
from .endings import EndingChecks
from .whole_way import WholeWayChecks

__all__ = ["ProvisionerContract"]


class ProvisionerContract(WholeWayChecks, BreakChecks, EndingChecks):
    """Checks of a provisioner.

    Override ``plugin_options`` so that its cache lies below ``companion_folder``, ``current_files`` and ``damage``;
    ``installed`` where the companion must have something that the provisioner doesn't put there itself; and, to ask
    over another transport than ``local``, ``connect`` and ``listing``.
    """
