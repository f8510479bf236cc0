"""Who may read a cache, and write to it: the agent says so, and not the umask of the login that it runs under."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from operator_tool.api import CacheOrder, CompanionSession, NotReadyError
from operator_tool_plugins.provisioners.c10.agent import reader
from operator_tool_plugins.provisioners.c10.agent.generations.access import access_problems
from operator_tool_plugins.provisioners.c10.agent.layout import FOLDER_MODE, PRIVATE_MODE, Layout, set_mode
from tests.support.c10_rig import (
    Agent,
    ask,
    build_once,
    context_of,
    order_of,
    provisioner_of,
    receive_all,
    request_of,
    supply_of,
    whole_way,
)

SEALED = {"tiles.mbtiles": 0o444, "manifest.json": 0o644}


def under(umask: str) -> tuple[str, ...]:
    """Return what starts a program with another umask."""
    return ("/bin/sh", "-c", f'umask {umask}; exec "$@"', "sh")


def mode_of(path: Path) -> int:
    """Return the permissions of what lies there."""
    return stat.S_IMODE(path.lstat().st_mode)


def built_under(umask: str, file: Path, root: Path, order: CacheOrder) -> str:
    """Receive and build with this umask; return the generation's name."""
    supply = supply_of(5)
    with Agent(file, "receive", request_of(root, order), through=under(umask)) as agent:
        assert receive_all(agent, supply)[1]["ok"]
    staging = root / "staging"
    assert [mode_of(staging), *(mode_of(path) for path in staging.iterdir())] == [PRIVATE_MODE] * 2
    report = build_once(file, root, order, supply, through=under(umask))
    assert report["ok"], report
    return str(report["generation"])


@pytest.mark.parametrize("umask", ["077", "027", "000"])
def test_a_cache_is_for_every_reader_whatever_the_umask(tmp_path: Path, file: Path, umask: str) -> None:
    """Folders, database, manifest, the agent's own files: all as with any other login, the new cache root too."""
    root = tmp_path / "made" / "cache"
    generation = root / "generations" / built_under(umask, file, root, order_of(5))
    assert {path.name: mode_of(path) for path in generation.iterdir()} == SEALED
    folders = [root.parent, root, root / "state", generation.parent, generation]
    assert {mode_of(path) for path in folders} == {0o755}
    assert {mode_of(path) for path in [*root.glob("*.*"), *root.glob("state/*"), root / "lock"]} == {0o644}
    assert ask(file, "hello", root, order_of(5))["verified"]["ok"]


@pytest.mark.parametrize(
    ("place", "mode"), [("", 0o700), ("", 0o777), ("tiles.mbtiles", 0o600), ("manifest.json", 0o666)], ids=str
)
def test_a_cache_that_another_account_cannot_read_is_not_sound(
    tmp_path: Path, file: Path, place: str, mode: int
) -> None:
    """``verify`` and ``hello`` name it; a build of the same cache makes one that can be read, and sends nothing."""
    root, order, supply = tmp_path / "cache", order_of(5), supply_of(5)
    generation = root / "generations" / whole_way(file, root, order, supply)["generation"]
    (generation / place).chmod(mode)
    found = ask(file, "verify", root, order)
    assert found["error"]["problems"][0]["problems"] == [
        problem._asdict() for problem in access_problems(str(generation))
    ]
    assert found["error"]["problems"][0]["problems"][0]["path"] == (place or ".")
    assert ask(file, "hello", root, order)["verified"]["ok"] is False
    whole_way(file, root, order, supply)
    assert ask(file, "hello", root, order)["verified"]["ok"]


def test_a_way_back_opens_what_an_older_agent_left_closed(tmp_path: Path, file: Path) -> None:
    """Its bytes are what was built; only its permissions were another umask's."""
    root = tmp_path / "cache"
    first = root / "generations" / whole_way(file, root, order_of(5), supply_of(5))["generation"]
    whole_way(file, root, order_of(5, lat_deg=50.0), supply_of(5))
    (first / "tiles.mbtiles").chmod(0o400)
    first.chmod(0o700)
    assert ask(file, "rollback", root, order_of(5), to=1)["ok"]
    assert (mode_of(first), mode_of(first / "tiles.mbtiles")) == (0o755, 0o444)
    assert ask(file, "hello", root, order_of(5))["verified"]["how"] == "since boot"


def test_folders_of_the_agents_own_are_put_right(tmp_path: Path) -> None:
    """Those that another umask made; what else lies in the root is its keeper's."""
    layout = Layout(str(tmp_path / "cache"))
    layout.make()
    (tmp_path / "cache" / "pins").mkdir(mode=0o775)
    (tmp_path / "cache" / "pins").chmod(0o775)
    for name, mode in (("generations", 0o700), ("state", 0o777), ("staging", 0o755)):
        (tmp_path / "cache" / name).chmod(mode)
    layout.make()
    modes = {path.name: mode_of(path) for path in (tmp_path / "cache").iterdir()}
    assert modes == {"generations": FOLDER_MODE, "state": FOLDER_MODE, "staging": PRIVATE_MODE, "pins": 0o775}


def test_permissions_are_not_set_through_a_link(tmp_path: Path) -> None:
    """Where a link stands in place of a folder, what it leads to is left alone; a set-group-id bit stays."""
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to("elsewhere")
    assert not set_mode(str(tmp_path / "link"), 0o755)
    assert mode_of(tmp_path / "elsewhere") == 0o700
    (tmp_path / "elsewhere").chmod(0o2700)
    assert set_mode(str(tmp_path / "elsewhere"), 0o755)
    assert mode_of(tmp_path / "elsewhere") == 0o2755


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A folder that every account can get to, as none of pytest's is."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def own_file(root: Path, text: str) -> None:
    """Write the companion's own file."""
    root.mkdir(mode=0o755, exist_ok=True)
    (root / "companion.json").write_text(text)
    (root / "companion.json").chmod(0o644)


def test_a_consumer_that_is_named_must_get_at_the_cache(
    tmp_path: Path, open_place: Path, file: Path, session: CompanionSession
) -> None:
    """A parent folder that it can't enter is a reason not to build, and a problem of what was built."""
    closed = open_place / "closed"
    closed.mkdir(mode=0o755)
    root, order = closed / "cache", order_of(5)
    own_file(root, '{"consumer": 4294967}')
    assert ask(file, "hello", root, order)["reasons"] == []
    whole_way(file, root, order, supply_of(5))
    closed.chmod(0o750)
    (reason,) = ask(file, "hello", root, order)["reasons"]
    assert (str(closed) in reason, "0750" in reason) == (True, True)
    with pytest.raises(NotReadyError) as caught:
        provisioner_of(root, context_of(tmp_path)).prepare(session, order)
    assert caught.value.reasons == (reason,)
    found: dict[str, Any] = ask(file, "verify", root, order)["error"]
    assert [problem["code"] for problem in found["problems"]] == ["consumer"]


@pytest.mark.parametrize("named", ['"no such account"', "-1", "true", '""', "[1]"])
def test_a_consumer_that_cannot_be_understood_is_a_reason(tmp_path: Path, file: Path, named: str) -> None:
    """Whose account is meant can't be told: nothing is taken for granted."""
    own_file(tmp_path / "cache", f'{{"consumer": {named}}}')
    assert len(ask(file, "hello", tmp_path / "cache", order_of(1))["reasons"]) == 1


def test_where_no_consumer_is_named_the_folders_above_are_their_keepers(tmp_path: Path, file: Path) -> None:
    """Who navigates under the same account may have its home closed."""
    (tmp_path / "home").mkdir(mode=0o700)
    assert ask(file, "hello", tmp_path / "home" / "cache", order_of(1))["reasons"] == []


def acl(*entries: tuple[int, int, int]) -> bytes:
    """Return an access control list as the kernel keeps it."""
    head = (2).to_bytes(4, "little")
    return head + b"".join(
        tag.to_bytes(2, "little") + rights.to_bytes(2, "little") + (number % 2**32).to_bytes(4, "little")
        for tag, rights, number in entries
    )


@pytest.mark.parametrize(
    ("named", "mask", "others", "reads"),
    [
        ((0x02, 5, 4294967), 5, 0, True),
        ((0x02, 5, 4294967), 0, 5, False),
        ((0x02, 0, 4294967), 7, 5, False),
        ((0x02, 5, 99), 5, 0, False),
        ((0x02, 0, 99), 0, 5, True),
    ],
    ids=["let in", "masked", "kept out", "another's", "as all others"],
)
def test_an_access_control_list_counts(
    open_place: Path, named: tuple[int, int, int], mask: int, others: int, *, reads: bool
) -> None:
    """A folder may let one account in by name, or keep it out, whatever its permissions say of all others."""
    closed = open_place / "closed"
    closed.mkdir()
    own_file(closed / "cache", '{"consumer": 4294967}')
    entries = acl((0x01, 7, -1), named, (0x04, 0, -1), (0x10, mask, -1), (0x20, others, -1))
    try:
        os.setxattr(closed, "system.posix_acl_access", entries)
    except OSError as error:
        pytest.skip(f"this file system has no access control lists: {error}")
    found = reader.why_no_consumer_reads(Layout(str(closed / "cache")))
    assert [str(closed) in reason for reason in found] == ([] if reads else [True])
