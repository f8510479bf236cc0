"""Whether the core's calls fit a plugin's methods is told from their arguments alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import pytest

from operator_tool.testing.signatures import signature_problems


class Wanted(Protocol):
    """What is asked for."""

    def run(self, argv: list[str], *, stdin: int = 0) -> None:
        """Run."""


def _made(run: Callable[..., Any] | None) -> object:
    return type("Made", (), {} if run is None else {"run": run})()


async def _asynchronous(self: object, argv: list[str], *, stdin: int = 0) -> None:
    """What nobody awaits."""


@pytest.mark.parametrize(
    "run",
    [
        lambda self, argv, *, stdin=0: None,
        lambda self, argv, stdin=0: None,
        lambda self, argv, *, stdin=1, more=2: None,
        lambda self, *args, **kwargs: None,
        lambda self, argv, **more: None,
    ],
)
def test_what_fits_is_left_alone(run: Callable[..., Any]) -> None:
    """More arguments are fine as long as nobody has to give them."""
    assert not signature_problems(_made(run), Wanted)


@pytest.mark.parametrize(
    ("run", "problem"),
    [
        (None, "run is missing"),
        (_asynchronous, "is async"),
        (lambda self, command, *, stdin=0: None, "no argument 'argv'"),
        (lambda self, argv: None, "no argument 'stdin'"),
        (lambda self, stdin=0, argv=(): None, "'argv' as its argument number 1"),
        (lambda self, *, argv, stdin=0: None, "'argv' as its argument number 1"),
        (lambda self, argv, *, stdin: None, "no default for 'stdin'"),
        (lambda self, argv, limits, *, stdin=0: None, "wants an argument 'limits'"),
    ],
)
def test_what_does_not_fit_is_named(run: Callable[..., Any] | None, problem: str) -> None:
    """With the Protocol's own form, to copy."""
    (found,) = signature_problems(_made(run), Wanted)
    assert problem in found
    assert "Made.run" in found
