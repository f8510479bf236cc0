"""What a plugin's methods answer, checked where it enters."""

from __future__ import annotations

from typing import Any

import pytest

from operator_tool.api import CompanionIdentity, CompanionState, Flight, PluginError
from operator_tool.build_cache.answers import of_the_companion, opened, plain
from operator_tool.plugin_host.blame import note_made
from operator_tool.plugin_host.entry import PluginEntry, Role

ENTRY = PluginEntry(
    role=Role.COMPANION_TRANSPORT, name="acme", contract=1, distribution="acme-radio", version="2.3", target="acme"
)
HINT = "Update or remove acme-radio, or select another companion_transport."


class Session:
    """All of a session but that it runs anything."""

    identity = CompanionIdentity(address="there")

    def put(self, data: bytes, path: str, *, mode: int = 0o644) -> None: ...

    def get(self, path: str, *, max_bytes: int = 1) -> bytes:
        """Return nothing."""
        return b""

    def close(self) -> None: ...


class Transport:
    """Gives what it was given."""

    address = "there"

    def __init__(self, session: Any) -> None:
        self._session = session

    def connect(self) -> Any:
        """Return it."""
        return self._session


@pytest.mark.parametrize(
    ("session", "words"),
    [
        (Session(), r"test_answers\.Session, not a CompanionSession: it has no run\(\)"),
        (None, "None, not a CompanionSession$"),
    ],
)
def test_case_128_a_session_that_is_none_is_its_transports_failure(session: object, words: str) -> None:
    """Before a provisioner meets it, and would be blamed for what the session lacks."""
    transport = Transport(session)
    note_made(transport, ENTRY)
    with pytest.raises(PluginError, match=rf"acme-radio 2\.3\): connect gave .*{words}") as caught:
        opened(transport)
    assert caught.value.hint == HINT


def test_case_128_an_answer_of_another_kind_is_told_with_what_to_do_about_its_plugin() -> None:
    """``plugins check`` would say that the plugin is well."""
    made = Transport(None)
    note_made(made, ENTRY)
    with pytest.raises(PluginError, match="acme gave a list, not a Flight") as caught:
        plain("acme", ["a waypoint"] * 10_000, Flight, by=made)
    assert caught.value.hint == HINT


@pytest.mark.parametrize(
    "beyond",
    [
        {"free_bytes": 10**400},
        {"free_bytes": -(2**60)},
        {"generation": "\ud800"},
        {"facts": {"x": "\udfff"}},
        {"notes": ("x" * 200_000,)},
        {"verified_tiles": 2**53},
        {"agent_version": "\x00" * 100_001},
    ],
)
def test_what_a_companion_cannot_mean_is_its_provisioners_failure(beyond: dict[str, Any]) -> None:
    """Endless numbers, half characters, endless texts, from whichever provisioner: no report is ever made of them."""
    state = CompanionState(**{"companion_id": "c", "agent_version": "1", **beyond})
    provisioner: Any = Transport(None)
    with pytest.raises(PluginError, match="gave a CompanionState"):
        of_the_companion(provisioner, "status", state, CompanionState)
    good = CompanionState(companion_id="ü", agent_version="")
    assert of_the_companion(provisioner, "status", good, CompanionState) == good


def test_an_address_that_cannot_be_is_its_transports_failure() -> None:
    """Before it is part of a report."""

    class Odd(Session):
        """One that can run something, at an address that nobody could write down."""

        identity = CompanionIdentity(address="\ud800")

        def run(self, argv: object, **_more: object) -> None: ...

        def __enter__(self) -> Odd:
            return self

        def __exit__(self, *_exception: object) -> None: ...

    with pytest.raises(PluginError, match="gave a CompanionIdentity"):
        opened(Transport(Odd()))
