"""What is made of the lines that ssh writes, from a program that writes them for it."""

from __future__ import annotations

import subprocess
import sys
import time

from operator_tool_plugins.transports._host_keys.refusal import ShownKey
from operator_tool_plugins.transports.openssh.messages import Messages


def messages(own: bytes = b"", others: bytes = b"", *, then: str = "") -> tuple[Messages, list[str]]:
    """Return what was read of a program that writes these, and what a person was told."""
    told: list[str] = []
    code = f"import os\nos.write(1, {own!r})\nos.write(2, {others!r})\n{then}"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    read = Messages(process, told.append)
    process.wait(30)
    read.wait()
    return read, told


def test_steps_are_no_messages() -> None:
    """The summary holds what ssh complains of, what others said first, and no control characters."""
    own = b"debug1: Connecting\r\nAuthenticated to x ([1]:22).\r\nConnection \x1b[31mclosed\r\nno end"
    read, _ = messages(own, b"debug1: of the jump host\nPermission denied\n")
    assert read.summary == "Permission denied | Connection \\x1b[31mclosed | no end"
    assert read.logged_in


def test_the_first_key_counts() -> None:
    """Later lines may hold what the server says, which may look like any other."""
    own = b"debug1: Server host key: ssh-ed25519 SHA256:first\ndebug1: Remote: x\ndebug1: Server host key: a SHA256:b\n"
    assert messages(own)[0].shown == ShownKey("ssh-ed25519", "SHA256:first")


def test_what_others_say_is_no_key_and_no_login() -> None:
    """Neither the ssh of a jump host nor a banner speaks for ours."""
    said = b"debug1: Server host key: ssh-ed25519 SHA256:other\nAuthenticated to x\nHost key verification failed.\n"
    read, _ = messages(b"", said)
    assert (read.shown, read.logged_in, list(read.own)) == (None, False, [])


def test_a_person_is_told_to_touch_a_security_key() -> None:
    """Only for a key that lies on one: ssh itself tells nobody who sits at no terminal."""
    line = b"debug1: Server accepts key: /home/me/.ssh/id %s SHA256:abc explicit\n"
    assert (
        messages(line % b"ED25519-SK")[1] == messages(line % b"ECDSA-SK")[1] == ["if the security key blinks, touch it"]
    )
    assert messages(line % b"ED25519")[1] == []


def test_a_flood_is_bounded() -> None:
    """Of endless lines, and of a line without an end, the last are kept."""
    read, _ = messages(b"", b"", then="os.write(1, b'x' * 1_000_000 + b'\\n' + b'line\\n' * 100_000 + b'last\\n')")
    assert read.own[-1] == "last"
    assert len(read.own) < 50
    assert all(len(line) < 2000 for line in read.own)


def test_a_child_that_holds_the_pipes_holds_nobody() -> None:
    """What ssh started may outlive it; reading ends when it is told to."""
    then = "import subprocess\nchild = subprocess.Popen(['sleep', '30'])\nos.write(1, b'%d\\n' % child.pid)"
    began_s = time.monotonic()
    code = f"import os\n{then}"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    read = Messages(process, lambda _text: None)
    process.wait(30)
    read.leave()
    assert time.monotonic() - began_s < 10
    assert process.stdout is not None
    assert process.stdout.closed
    subprocess.run(["kill", read.own[0]], check=True)
