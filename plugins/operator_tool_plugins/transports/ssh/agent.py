"""The SSH agent, asked with a limit: it may be a program that hangs, or one that waits for its user."""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Iterator
from typing import Any

from paramiko import SSHException  # type: ignore[import-untyped]
from paramiko.agent import AgentSSH  # type: ignore[import-untyped]

log = logging.getLogger(__name__)


class _Agent(AgentSSH):  # type: ignore[misc]
    """An agent behind a connection of ours, on which no answer is waited for without a limit."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__()
        self._connect(connection)


@contextlib.contextmanager
def agent_keys(where: str | None, seconds: float) -> Iterator[tuple[Any, ...]]:
    """Give the agent's keys while it is connected; none when there is no agent, or it does not answer in time."""
    if where is None:
        yield ()
        return
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.settimeout(seconds)
            connection.connect(where)
            keys = _Agent(connection).get_keys()
        except (SSHException, OSError) as error:
            log.warning("the SSH agent at %s could not be asked: %s", where, str(error) or "no answer in time")
            keys = ()
        yield keys
