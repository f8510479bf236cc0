"""The parser of known host keys."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_tool.api import ConfigError
from operator_tool_plugins.transports._host_keys import known_hosts
from operator_tool_plugins.transports._host_keys.known_hosts import HostKey, KnownKeys, host_label, parse_known_keys


def key(seed: str, kind: str = "ssh-ed25519") -> HostKey:
    """Return a made-up key of a type."""
    name = kind.encode()
    return HostKey(kind, len(name).to_bytes(4, "big") + name + hashlib.sha256(seed.encode()).digest())


def line(hosts: str, host_key: HostKey, marker: str = "") -> bytes:
    """Return the line that names a key for hosts."""
    return f"{marker} {hosts} {host_key.type} {base64.b64encode(host_key.blob).decode()} comment\n".encode()


def hashed(label: str) -> str:
    """Return a label as HashKnownHosts writes it."""
    salt = b"0123456789abcdefghij"
    digest = hmac.digest(salt, label.encode(), "sha1")
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


KEY = key("one")


@pytest.mark.parametrize(
    ("hosts", "found"),
    [
        ("drone", True),
        ("DRONE", True),
        ("other,drone", True),
        ("dr*", True),
        ("dron?", True),
        ("*", True),
        ("*,!drone", False),
        ("!drone,*", False),
        ("!other,drone", True),
        ("dron", False),
        ("drone2", False),
        ("[drone]:22", False),
        ("d[r]one", False),
        (hashed("drone"), True),
        (hashed("other"), False),
        ("|1|nonsense", False),
        ("|1|%%%|%%%", False),
        ("|2|" + hashed("drone")[3:], False),
    ],
)
def test_hosts_are_matched_as_openssh_does(hosts: str, found: bool) -> None:
    """Lists, wildcards, negation and hashed names."""
    assert parse_known_keys(line(hosts, KEY), "drone") == KnownKeys(pinned=(KEY,) if found else ())


def test_another_port_has_a_label_of_its_own() -> None:
    """A key of port 22 says nothing of another port, and brackets are no wildcard."""
    assert host_label("Drone", 22) == "drone"
    assert host_label("Drone", 2222) == "[drone]:2222"
    data = line("drone", key("a")) + line("[drone]:2222", KEY)
    assert parse_known_keys(data, "[drone]:2222").pinned == (KEY,)


def test_case_056_bad_lines_are_passed_over_by_number(caplog: pytest.LogCaptureFixture) -> None:
    """Garbage, certificate authorities and unknown markers are named and stop nothing; a revoked key is told apart."""
    revoked = key("revoked")
    other_type = line("drone", key("x")).replace(b"ssh-ed25519", b"ssh-rsa")
    data = b"".join(
        [
            b"# a comment\n\n",
            b"\xff\xfe garbage\n",
            b"drone ssh-ed25519\n",
            b"drone ssh-ed25519 not*base64\n",
            other_type,
            line("drone", key("ca"), "@cert-authority"),
            line("drone", key("odd"), "@odd"),
            line("drone", revoked, "@revoked"),
            line("drone", KEY),
        ]
    )
    with caplog.at_level(logging.WARNING):
        assert parse_known_keys(data, "drone", "pins") == KnownKeys(pinned=(KEY,), revoked=(revoked,))
    named = [int(record.getMessage().split("line ")[1].split()[0].rstrip(":")) for record in caplog.records]
    assert named == [3, 4, 5, 6, 7, 8]
    assert "not supported" in caplog.text


@given(st.binary(max_size=300))
def test_no_file_stops_the_parser(data: bytes) -> None:
    """Whatever the bytes, the good line after them counts."""
    assert KEY in parse_known_keys(data + b"\n" + line("drone", KEY), "drone").pinned


def test_a_file_that_isn_t_there_knows_nothing(tmp_path: Path) -> None:
    """No file is no error; a folder in its place, or a huge file, is one of configuration."""
    assert known_hosts.read_known_keys(tmp_path / "absent", "drone", 22) == KnownKeys()
    with pytest.raises(ConfigError, match="can't be read"):
        known_hosts.read_known_keys(tmp_path, "drone", 22)
    huge = tmp_path / "huge"
    with huge.open("wb") as file:
        file.truncate(17 * 1024 * 1024)
    with pytest.raises(ConfigError, match="larger"):
        known_hosts.read_known_keys(huge, "drone", 22)
