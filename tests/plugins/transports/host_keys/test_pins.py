"""Pinning a host key."""

from __future__ import annotations

import base64
import os
import subprocess
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operator_tool.api import CompanionError, ConfigError
from operator_tool_plugins.transports._host_keys.known_hosts import host_label, parse_known_keys, read_known_keys
from operator_tool_plugins.transports._host_keys.pins import pin_key
from tests.support.real_parts import fingerprint, make_key, require

from .test_known_hosts import hashed, key, line

OLD, NEW, OTHER = key("old"), key("new"), key("other")


def test_a_first_pin_makes_file_and_folder_for_the_account_alone(tmp_path: Path) -> None:
    """Whatever the umask."""
    path = tmp_path / "data" / "trust" / "known_hosts"
    mask = os.umask(0o022)
    try:
        pin_key(path, "[drone]:2222", NEW.type, NEW.blob)
    finally:
        os.umask(mask)
    assert read_known_keys(path, "drone", 2222).pinned == (NEW,)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("end", [b"\n", b""])
def test_a_pin_replaces_every_line_of_the_host_and_keeps_all_else(tmp_path: Path, end: bytes) -> None:
    """Plain, hashed, among others and by wildcard; what those lines say of other hosts is still said."""
    path = tmp_path / "known_hosts"
    kept = b"# a comment\n\n\xff garbage\n" + line("other", OTHER) + line("*", OTHER, "@cert-authority")
    path.write_bytes(
        kept
        + line("drone", OLD)
        + line(hashed("drone"), OLD)
        + line("Drone,second", OTHER)
        + line("dr*", OLD)
        + line("[drone]:2222", OLD).rstrip()
        + end
    )
    pin_key(path, "drone", NEW.type, NEW.blob)
    data = path.read_bytes()
    assert data.startswith(kept)
    assert parse_known_keys(data, "drone").pinned == (NEW,)
    assert parse_known_keys(data, "second").pinned == (OTHER,)
    assert parse_known_keys(data, "dragon").pinned == (OLD,)
    assert parse_known_keys(data, "[drone]:2222").pinned == (OLD,)


def test_a_pin_again_changes_nothing(tmp_path: Path) -> None:
    """The file does not grow."""
    path = tmp_path / "known_hosts"
    pin_key(path, "drone", NEW.type, NEW.blob)
    before = path.read_bytes()
    pin_key(path, "drone", NEW.type, NEW.blob)
    assert path.read_bytes() == before


def test_case_056_a_revoked_key_is_not_pinned(tmp_path: Path) -> None:
    """The file stays as it is."""
    path = tmp_path / "known_hosts"
    path.write_bytes(line("drone", OLD) + line("*", NEW, "@revoked"))
    before = path.read_bytes()
    with pytest.raises(CompanionError, match="revoked") as caught:
        pin_key(path, "drone", NEW.type, NEW.blob)
    assert NEW.fingerprint in caught.value.message
    assert path.read_bytes() == before


def test_a_place_that_can_t_be_written_is_an_error_of_the_configuration(tmp_path: Path) -> None:
    """A file where a folder should be; the message names it."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="could not be pinned"):
        pin_key(tmp_path / "file" / "known_hosts", "drone", NEW.type, NEW.blob)


@pytest.mark.parametrize("label", ["", "a b", "a,b", "*", "!drone", "|1|x", "#drone", "drone\nother"])
def test_only_one_host_is_pinned(tmp_path: Path, label: str) -> None:
    """A pattern or a list would trust the key for others."""
    with pytest.raises(ConfigError, match="not the name"):
        pin_key(tmp_path / "known_hosts", label, NEW.type, NEW.blob)


def test_a_link_to_the_file_stays_a_link(tmp_path: Path) -> None:
    """Who keeps the file elsewhere keeps it there."""
    (tmp_path / "known_hosts").symlink_to(tmp_path / "elsewhere")
    pin_key(tmp_path / "known_hosts", "drone", NEW.type, NEW.blob)
    assert (tmp_path / "known_hosts").is_symlink()
    assert read_known_keys(tmp_path / "elsewhere", "drone", 22).pinned == (NEW,)


def test_pins_at_the_same_time_lose_none(tmp_path: Path) -> None:
    """One waits for the other."""
    path = tmp_path / "known_hosts"
    threads = [
        threading.Thread(target=pin_key, args=(path, f"drone{number}", NEW.type, NEW.blob)) for number in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(read_known_keys(path, f"drone{number}", 22).pinned == (NEW,) for number in range(12))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(st.binary(max_size=200))
def test_no_file_stops_a_pin(tmp_path: Path, data: bytes) -> None:
    """Whatever the file holds, the key is the only one afterwards."""
    path = tmp_path / "known_hosts"
    path.write_bytes(data)
    pin_key(path, "drone", NEW.type, NEW.blob)
    assert parse_known_keys(path.read_bytes(), "drone").pinned == (NEW,)


@pytest.mark.real_parts
def test_openssh_reads_the_file_as_we_do(tmp_path: Path) -> None:
    """ssh-keygen finds the key under the label, and no other."""
    make_key(tmp_path / "host")
    kind, blob = (tmp_path / "host.pub").read_text().split()[:2]
    path = tmp_path / "known_hosts"
    path.write_bytes(line("*", OTHER))
    label = host_label("Drone", 2222)
    pin_key(path, label, kind, base64.b64decode(blob))
    argv = [require("ssh-keygen"), "-l", "-F", label, "-f", str(path)]
    found = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=30).stdout
    assert [text for text in found.split() if text.startswith("SHA256:")] == [fingerprint(tmp_path / "host.pub")]
