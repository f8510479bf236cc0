"""The kit's contract of companion transports, on this machine and over a real OpenSSH server; and our own words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar

import pytest

from operator_tool.api import CompanionSession, LinkError, RunContext, RunLimits
from operator_tool.testing import CompanionTransportContract, LinkedTransportContract
from operator_tool.testing.making import Options
from operator_tool.testing.transport_contract.over_sessions import SHORT, OverSessions, said
from operator_tool.testing.transport_contract.spoken import Endless, never
from tests.support.link_proxy import LinkProxy
from tests.support.real_parts import RealSshd, real_sshd


class OurWords(OverSessions):
    """What our own transports say besides what any transport must: the messages that an operator reads."""

    def test_a_file_s_failure_says_what_was_tried(self, session: CompanionSession, companion_folder: str) -> None:
        """The file's name, what was tried, and why it failed."""
        said(session, "mkdir", f"{companion_folder}/taken")
        with pytest.raises(LinkError, match="taken could not be written"):
            session.put(b"data", f"{companion_folder}/taken")
        with pytest.raises(LinkError, match=r"absent could not be read: .*[Nn]o such file"):
            session.get(f"{companion_folder}/absent")
        with pytest.raises(LinkError, match="could not be read"):
            session.get(companion_folder)
        session.put(bytes(1001), f"{companion_folder}/file")
        with pytest.raises(LinkError, match="larger than 1,000 bytes"):
            session.get(f"{companion_folder}/file", max_bytes=1000)


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealSshd]:
    """One server for all tests of this file: none of them hurts it."""
    with real_sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


class OverSsh(LinkedTransportContract, OurWords):
    """A transport to the real server; where the link is to break, through a proxy that breaks it."""

    scratch_dir: ClassVar[str] = "/tmp"

    @pytest.fixture
    def link(self, sshd: RealSshd) -> Iterator[LinkProxy]:
        """A link to the server that is cut when told to be."""
        with LinkProxy((sshd.host, sshd.port)) as link:
            known = sshd.folder / f"known_hosts_{link.port}"
            known.write_text(f"[{link.host}]:{link.port} {sshd.host_key}\n")
            yield link

    @pytest.fixture
    def plugin_options(self, request: pytest.FixtureRequest, sshd: RealSshd) -> Options:
        """The server, or the link to it where the test breaks one."""
        if "break_link" not in request.fixturenames:
            return sshd.options()
        link: LinkProxy = request.getfixturevalue("link")
        known = sshd.folder / f"known_hosts_{link.port}"
        return {**sshd.options(), "host": link.host, "port": link.port, "known_hosts": str(known)}

    @pytest.fixture
    def break_link(self, link: LinkProxy) -> Callable[[], None]:
        """Reset every connection at both ends."""
        return link.cut


class TestLocal(CompanionTransportContract, OurWords):
    """This machine."""

    plugin = "local"

    @pytest.mark.parametrize(
        ("argv", "limits", "message"),
        [
            ("dd if=/dev/zero bs=65536 count=1", RunLimits(line_bytes=1000), r"line of more than 1,000 bytes"),
            ("while echo 1234567; do :; done", RunLimits(total_bytes=80_000), r"more than 80,000 bytes"),
            ("cat", SHORT, r"said nothing for 0\.6 s"),
            ("while echo .; do :; done", RunLimits(run_s=0.5, exit_s=0.3), r"within 0\.5 s"),
            ("exec >&- 2>&-; cat; sleep 5", SHORT, "did not exit"),
        ],
        ids=["line", "total", "silence", "run", "exit"],
    )
    def test_a_limit_that_was_passed_is_named(
        self, session: CompanionSession, argv: str, limits: RunLimits, message: str
    ) -> None:
        """The message says which limit it was, and how much; over a link the same code says so."""
        stdin = Endless(b".", pause_s=0.1) if argv == "cat" else ()
        with (
            session.run(["sh", "-c", argv], stdin=stdin, limits=limits) as run,
            pytest.raises(LinkError, match=message),
        ):
            list(run)

    def test_a_run_that_is_given_up_says_so(self, session: CompanionSession, context: RunContext) -> None:
        """The message is about the run, and not about the link."""
        with session.run(["cat"], stdin=never()) as run:
            context.cancelled.set()
            with pytest.raises(LinkError, match="given up"):
                list(run)

    def test_the_errors_tail_is_escaped_as_everything_else(self, session: CompanionSession) -> None:
        """Each control and each undecodable byte is shown as its escape."""
        with session.run(["sh", "-c", r"printf 'a\033]52;\377\r\342\200\256b\n' >&2"]) as run:
            assert list(run) == []
            assert run.stderr_tail == "a\\x1b]52;\\xff\\r\\u202eb\n"


@pytest.mark.real_parts
class TestSsh(OverSsh):
    """Our own client over paramiko."""

    plugin = "ssh"


@pytest.mark.real_parts
class TestOpenssh(OverSsh):
    """The workstation's own ssh."""

    plugin = "openssh"
