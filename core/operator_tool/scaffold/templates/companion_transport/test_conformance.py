"""operator-tool's conformance kit on {{name}}; this machine stands in for the companion."""

from typing import Any

import pytest
from operator_tool.testing import CompanionTransportContract


class TestDirect(CompanionTransportContract):
    """Programs with no command before them; with ``plugin_options`` as below, behind one of yours."""

    plugin = "{{name}}"


class TestShell(CompanionTransportContract):
    """Programs behind a command that gives its arguments to a shell, as ``adb shell`` does."""

    plugin = "{{name}}"

    @pytest.fixture
    def plugin_options(self) -> dict[str, Any]:
        """A shell of this machine, which replaces itself by what it is given."""
        return {"command": ("sh", "-c", 'eval "exec $1"', "sh"), "shell": True}
