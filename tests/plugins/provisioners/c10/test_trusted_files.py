"""The guards of what the agent reads and relies on: no link is followed, no key stands twice, no order is altered."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from operator_tool_plugins.provisioners.c10.agent.call import Request
from operator_tool_plugins.provisioners.c10.agent.faults import AgentError
from operator_tool_plugins.provisioners.c10.agent.generations.files import hash_file
from operator_tool_plugins.provisioners.c10.agent.generations.manifest import check_completes, parse_manifest
from operator_tool_plugins.provisioners.c10.agent.generations.state import read_checked, write_checked
from operator_tool_plugins.provisioners.c10.agent.layout import read_small, sync_path, write_whole
from operator_tool_plugins.provisioners.c10.agent.signing.kept_file import read_kept
from operator_tool_plugins.provisioners.c10.agent.strict_json import parse_object
from tests.support.c10_rig import manifest_of, order_of, supply_of

ORDER: dict[str, Any] = json.loads(manifest_of(order_of(2), supply_of(2), seq=7, companion_id="a" * 32))


@pytest.mark.parametrize(
    "changes",
    [
        {"seq": 99_999_999},
        {"companion_id": "0" * 32},
        {"run_id": "another"},
        {"tiles_digest": "0" * 64},
        {"metadata": {"name": "other"}},
        {"more": None},
    ],
    ids=str,
)
def test_a_final_manifest_is_the_order_and_the_files_and_nothing_else(changes: dict[str, Any]) -> None:
    """Else one build could take all the numbers, or a signature over another thing be kept."""
    order = json.dumps(ORDER).encode()
    check_completes(json.dumps({**ORDER, "files": []}).encode(), order, [])
    with pytest.raises(AgentError) as caught:
        check_completes(json.dumps({**ORDER, "files": [], **changes}).encode(), order, [])
    assert caught.value.code == "request"


READERS: dict[str, Callable[[str], object]] = {
    "small": read_small,
    "checked": read_checked,
    "kept": read_kept,
    "hashed": hash_file,
    "synced": sync_path,
}


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_a_link_in_place_of_a_trusted_file_is_not_followed(tmp_path: Path, reader: Callable[[str], object]) -> None:
    """Whoever plants one would choose what the agent believes."""
    tmp_path.chmod(0o755)
    write_checked(str(tmp_path / "real"), {"a": 1})
    reader(str(tmp_path / "real"))
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(OSError, match="symbolic"):
        reader(str(tmp_path / "link"))


def test_a_link_in_place_of_a_temporary_file_is_replaced(tmp_path: Path) -> None:
    """What it leads to is not written to."""
    (tmp_path / "victim").write_text("mine")
    (tmp_path / ".new-one").symlink_to("victim")
    write_whole(str(tmp_path / "one"), b"ours")
    assert ((tmp_path / "victim").read_text(), (tmp_path / "one").read_text()) == ("mine", "ours")
    assert not os.path.lexists(tmp_path / ".new-one")


@pytest.mark.parametrize(
    "text", ['{"a": 1, "a": 2}', '{"a": {"b": 1, "b": 1}}', '{"a": NaN}', "[" * 100_000, "[]", "\xff"]
)
def test_what_two_readers_could_understand_differently_is_refused(text: str) -> None:
    """Keys that stand twice, at any depth, constants that JSON lacks, and whatever is no object."""
    with pytest.raises(ValueError, match=r"twice|JSON|nested|decode"):
        parse_object(text.encode("latin-1"))


def test_every_reader_of_trusted_json_refuses_a_key_that_stands_twice(tmp_path: Path) -> None:
    """Requests, manifests, and the agent's own notes."""
    twice = json.dumps(ORDER).encode()[:-1] + b', "seq": 8}'
    with pytest.raises(AgentError):
        parse_manifest(twice)
    with pytest.raises(AgentError):
        Request(b'{"verb": "hello", "verb": "gc"}')
    write_checked(str(tmp_path / "note"), {"a": 1})
    path = tmp_path / "note"
    path.write_bytes(path.read_bytes().replace(b'"a": 1', b'"a": 1, "a": 1'))
    with pytest.raises(AgentError):
        read_checked(str(path))
