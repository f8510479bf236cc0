"""Telling whether an object meets a Protocol."""

from __future__ import annotations

from typing import Any

from operator_tool.api import CompanionSession, CompanionTransport, EagerTransport, TileProvider
from operator_tool.plugin_host.protocols import lacking, meets


class Slow:
    """A transport whose address takes its time."""

    asked = 0

    @property
    def address(self) -> str:
        """Count who asks."""
        Slow.asked += 1
        return "slow"

    def connect(self) -> CompanionSession:
        """Connect to nobody."""
        raise AssertionError


class Delegating:
    """A wrapper that has what it wraps."""

    def __init__(self, inner: object) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def test_no_property_is_run() -> None:
    """What a plugin does in a property is done when its value is needed, not to look at its shape."""
    assert meets(Slow(), CompanionTransport)
    assert Slow.asked == 0


def test_a_wrapper_that_delegates_meets_what_it_wraps_meets() -> None:
    """A rig may wrap a transport without naming its methods."""
    assert meets(Delegating(Slow()), CompanionTransport)
    assert not meets(Delegating(Slow()), EagerTransport)


def test_what_lacks_a_method_does_not_meet_it() -> None:
    """A part of the methods is not enough, and neither is anything else."""
    assert not meets(Slow(), EagerTransport)
    assert not meets(object(), CompanionTransport)
    assert not meets(None, CompanionTransport)


def test_what_is_lacking_is_named() -> None:
    """In the Protocol's order, its methods as methods."""
    assert lacking(Slow(), CompanionTransport) == ()
    assert lacking(object(), EagerTransport) == ("address", "connect()", "begin()", "close()")
    assert lacking(object(), TileProvider) == ("describe()", "fetch()", "close()")
