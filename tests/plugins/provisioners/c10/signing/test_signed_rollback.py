"""Going back, where signers are enrolled: by an order of theirs alone, to what one of them signed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from operator_tool.api import CompanionSession, NotReadyError, VerifyError
from operator_tool_plugins.provisioners.c10.agent.signing.signature import ORDER_NAMESPACE
from tests.support.c10_rig import build_cache, context_of, provisioner_of, supply_of

from .conftest import KeyFile, enrol, kept
from .test_agent_enrol import Serving, code_of

Key = Callable[..., KeyFile]


@pytest.fixture
def one(session: CompanionSession, root: Path, key: Key) -> KeyFile:
    """The key that signed the two caches that a companion holds."""
    one = key("one")
    enrol(root, one)
    for number in range(2):
        supply = supply_of(5, first_seed=number * 10)
        build_cache(session, root, supply, lat_deg=49.0 + number, signing_key=str(one.path))
    return one


def seq(root: Path) -> int:
    """Return the number of the current cache."""
    return int(os.readlink(root / "current").split("/")[1].split("-")[0])


def rollback(agent: Serving, by: KeyFile | None, changes: dict[str, object] | None = None) -> dict[str, Any]:
    """Ask for a rollback, ordered by a key; ``changes`` are what the order says otherwise."""
    greeting = agent.greeting
    right = {"verb": "rollback", "companion_id": greeting["companion_id"], "nonce": greeting["nonce"], "to": 1}
    text = json.dumps({**right, **(changes or {})})
    signed = {} if by is None else {"order": text, "order_signature": by.sign(text.encode(), ORDER_NAMESPACE)}
    return agent.ask("rollback", to=1, **signed)


def test_an_order_takes_the_companion_back(file: Path, root: Path, one: KeyFile) -> None:
    """The report says whose it was."""
    with Serving(file, root) as agent:
        report = rollback(agent, one)
    assert report["ok"], report
    assert report["signer"] == "op0"
    assert seq(root) == 1


@pytest.mark.parametrize(
    "changes", [{"to": 2}, {"to": 0}, {"nonce": ""}, {"companion_id": "0" * 32}, {"verb": "gc"}, {"more": 1}], ids=str
)
def test_an_order_for_anything_else_takes_it_nowhere(
    file: Path, root: Path, one: KeyFile, changes: dict[str, object]
) -> None:
    """Another number's, another session's, another companion's, another verb's."""
    with Serving(file, root) as agent:
        report = rollback(agent, one, changes)
    assert code_of(report) == "signature"
    assert seq(root) == 2


def test_nobody_else_takes_it_anywhere(file: Path, root: Path, one: KeyFile, key: Key) -> None:
    """No order at all, and a stranger's."""
    for by in (None, key("stranger")):
        with Serving(file, root) as agent:
            assert code_of(rollback(agent, by)) == "signature"
    assert seq(root) == 2


def test_it_does_not_go_back_to_what_a_revoked_key_signed(
    session: CompanionSession, root: Path, one: KeyFile, key: Key
) -> None:
    """Also by the order of one who is still enrolled; from the workstation, as an operator asks for it."""
    new = key("new")
    enrol(root, one, new)
    build_cache(session, root, supply_of(5, first_seed=70), lat_deg=51.0, signing_key=str(new.path))
    kept(root / "revoked_signers", one.words)
    with pytest.raises(VerifyError, match="revoked"):
        provisioner_of(root, context_of(root.parent), signing_key=str(new.path)).rollback(session, 1)
    assert seq(root) == 3


def test_the_workstation_signs_the_order(session: CompanionSession, root: Path, one: KeyFile, key: Key) -> None:
    """Without a key, or with a stranger's, it says so before it asks for anything."""
    for settings in ({}, {"signing_key": str(key("stranger").path)}):
        with pytest.raises(NotReadyError, match="signing_key"):
            provisioner_of(root, context_of(root.parent), **settings).rollback(session)
    assert seq(root) == 2
    done = provisioner_of(root, context_of(root.parent), signing_key=str(one.path)).rollback(session)
    assert done.signer == "op0"
    assert seq(root) == 1
