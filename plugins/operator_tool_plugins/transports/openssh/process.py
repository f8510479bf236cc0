"""Starting the system's ssh so that nothing it does can ask, and ending it with all that it started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence

from operator_tool.api import ConfigError, Deadline

from .command import environment

_END_S = 2.0
_AGAIN_S = 0.02
_READ_S = 10.0


def start_ssh(argv: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start ssh without a terminal, what it says in pipes. Raises ``ConfigError`` when it can't be started."""
    try:
        # A session of its own: a jump host's ssh too has no terminal that it could ask at.
        return subprocess.Popen(  # noqa: S603 - running the operator's own ssh is this transport's task
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env=environment(),
        )
    except OSError as error:
        raise _not_started(argv, error) from error


def end_ssh(process: subprocess.Popen[bytes]) -> None:
    """End ssh, and what it started to reach a jump host, which may still wait for an answer."""
    # Said again and again: ssh overlooks a signal that comes between its look for one and its wait. Only until it is
    # collected, since then its number may be that of another group.
    patience, limit = Deadline.after(_END_S), Deadline.after(2 * _END_S)
    while process.poll() is None and not limit.passed:
        _signal(process.pid, signal.SIGKILL if patience.passed else signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_AGAIN_S)


def read_from_ssh(argv: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    """Run ssh to its end for what it prints. Raises ``ConfigError`` when it can't be started or does not end."""
    try:
        return subprocess.run(  # noqa: S603 - the operator's own ssh
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_READ_S,
            start_new_session=True,
            env=environment(),
            check=False,
        )
    except OSError as error:
        raise _not_started(argv, error) from error
    except subprocess.TimeoutExpired:
        raise ConfigError(
            f"{argv[0]} did not make out within {_READ_S:g} s what its configuration says of {argv[-1]}",
            hint="Look for a Match exec in it that does not end, or name another with openssh.config_file.",
        ) from None


def _not_started(argv: Sequence[str], error: OSError) -> ConfigError:
    return ConfigError(
        f"{argv[0]} can't be started: {error.strerror}",
        hint="Install OpenSSH's client, set openssh.program, or use --transport ssh, which needs none.",
    )


def _signal(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
