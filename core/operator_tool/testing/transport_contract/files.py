"""Putting and getting one file."""

from __future__ import annotations

import pytest

from operator_tool.api import CompanionSession, LinkError

from .over_sessions import PATIENT, OverSessions, said
from .spoken import Spoken


class FileChecks(OverSessions):
    """A file is written whole or not at all, and read as it is."""

    def test_what_was_put_is_got(self, session: CompanionSession, companion_folder: str) -> None:
        """Any bytes come back as they were, and the file has its mode; nothing else is left in the folder."""
        folder = f"{companion_folder}/new folder"
        path = f"{folder}/it's a file"
        for data in (b"", b"line\n", b"\n\n", b"no end", bytes(range(256)) * 4096):
            session.put(data, path, mode=0o750)
            assert session.get(path) == data, f"{len(data):,} bytes did not come back as they were"
        listed = said(session, "ls", "-la", folder).splitlines()
        names = [line.split(maxsplit=8)[8] for line in listed if not line.startswith(b"total")]
        assert names == [b".", b"..", b"it's a file"]
        assert listed[-1].startswith(b"-rwxr-x---"), f"the mode is not 0750: {listed[-1]!r}"

    def test_a_put_replaces(self, session: CompanionSession, companion_folder: str) -> None:
        """A file that is there is replaced by rename: who has it open reads the old one to its end."""
        path = f"{companion_folder}/file"
        session.put(b"old", path)
        script = 'exec 3<"$1"; echo open; read go; cat <&3'
        with (
            Spoken() as spoken,
            session.run(["sh", "-c", script, "sh", path], stdin=spoken, limits=PATIENT) as reader,
        ):
            lines = iter(reader)
            assert next(lines) == b"open"
            session.put(b"new", path)
            spoken.say(b"go\n")
            spoken.end()
            assert list(lines) == [b"old"]
        assert session.get(path) == b"new"

    def test_a_put_that_fails_leaves_nothing(self, session: CompanionSession, companion_folder: str) -> None:
        """Where a folder has the name, the put fails and its temporary file is gone."""
        said(session, "mkdir", f"{companion_folder}/taken")
        with pytest.raises(LinkError, match="taken"):
            session.put(b"data", f"{companion_folder}/taken")
        assert said(session, "ls", "-A", companion_folder) == b"taken"
        assert said(session, "ls", "-A", f"{companion_folder}/taken") == b""

    def test_a_missing_file(self, session: CompanionSession, companion_folder: str) -> None:
        """It can't be got, and the message names it."""
        with pytest.raises(LinkError, match="absent"):
            session.get(f"{companion_folder}/absent")

    def test_a_folder_or_a_pipe_is_no_file(self, session: CompanionSession, companion_folder: str) -> None:
        """Neither is read, and nobody waits for a writer of the pipe."""
        said(session, "mkfifo", f"{companion_folder}/pipe")
        for path in (companion_folder, f"{companion_folder}/pipe"):
            with pytest.raises(LinkError):
                session.get(path)

    def test_a_file_that_is_too_large(self, session: CompanionSession, companion_folder: str) -> None:
        """One byte beyond the cap is too much, the cap itself is not."""
        path = f"{companion_folder}/file"
        session.put(b"\n" * 1001, path)
        with pytest.raises(LinkError) as caught:
            session.get(path, max_bytes=1000)
        assert not caught.value.retryable, "the file is as large the next time: say retryable=False"
        assert session.get(path, max_bytes=1001) == b"\n" * 1001
