"""A secret from what a command prints: a password store, a vault's client."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from operator_tool.api import ConfigError, Deadline
from operator_tool.api.escaping import escape_controls
from operator_tool.redaction import Redactor

from .checked import MAX_SECRET_BYTES, decoded_secret

if TYPE_CHECKING:
    import subprocess

DEADLINE_S = 30.0
_STDERR_CAP_BYTES = 4096
_POLL_S = 0.05


def run_secret_command(
    command: str | Sequence[str],
    what: str,
    *,
    redactor: Redactor,
    env: Mapping[str, str] | None = None,
    deadline_s: float = DEADLINE_S,
) -> str:
    """Return what the command prints on standard output, without one newline at its end.

    A string is split as a shell would, but no shell runs it. Standard input is empty; the controlling terminal stays,
    so that a password store may ask there. Raises :class:`ConfigError` if it can't be started, fails, takes longer
    than the deadline or prints more than 64 KiB; what it said on standard error is shown, redacted.
    """
    import subprocess  # most runs have no such command

    arguments = _arguments(command, what)
    try:
        process = subprocess.Popen(  # noqa: S603 - the operator's own command, and no shell
            arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "an argument holds a NUL"
        raise ConfigError(f"{what}: the command {arguments[0]!r} can't be started: {reason}") from None
    with process:
        try:
            printed, said, finished = _drain(process, Deadline.after(deadline_s))
        finally:
            if process.poll() is None:
                process.kill()
    name = f"{what}: the command {arguments[0]!r}"
    if len(printed) > MAX_SECRET_BYTES:
        raise ConfigError(f"{name} printed more than {MAX_SECRET_BYTES} bytes, which is no secret")
    if not finished:
        raise ConfigError(f"{name} did not end within {deadline_s:g} s{_said(said, redactor)}")
    if process.returncode:
        raise ConfigError(f"{name} failed with status {process.returncode}{_said(said, redactor)}")
    return decoded_secret(bytes(printed), name)


def _arguments(command: str | Sequence[str], what: str) -> list[str]:
    try:
        arguments = shlex.split(command) if isinstance(command, str) else [*command]
    except ValueError as error:
        raise ConfigError(f"{what}: the command can't be split into words: {error}") from None
    if not arguments or not arguments[0]:
        raise ConfigError(f"{what}: the command is empty")
    return arguments


def _drain(process: subprocess.Popen[bytes], deadline: Deadline) -> tuple[bytearray, bytearray, bool]:
    """Read both outputs until the process ended; a child that it left behind may keep them open for ever."""
    import selectors
    import subprocess

    assert process.stdout is not None
    assert process.stderr is not None
    printed, said = bytearray(), bytearray()
    with selectors.DefaultSelector() as waiting:
        waiting.register(process.stdout, selectors.EVENT_READ, (printed, MAX_SECRET_BYTES + 1))
        waiting.register(process.stderr, selectors.EVENT_READ, (said, _STDERR_CAP_BYTES))
        while not deadline.passed and len(printed) <= MAX_SECRET_BYTES:
            ended = process.poll() is not None
            ready = waiting.select(0 if ended else deadline.remaining_s(_POLL_S)) if waiting.get_map() else []
            for key, _ in ready:
                into, cap = key.data
                chunk = os.read(key.fd, 65536)
                into += chunk[: cap - len(into)]
                if not chunk:
                    waiting.unregister(key.fileobj)
            if ended and not ready:
                return printed, said, True
            if not waiting.get_map() and not ended:
                try:
                    process.wait(deadline.remaining_s())
                except subprocess.TimeoutExpired:
                    break
    return printed, said, False


def _said(said: bytearray, redactor: Redactor) -> str:
    text = redactor.text(said.decode("utf-8", "backslashreplace")).strip()
    return f"; it said: {escape_controls(text)[-400:]}" if text else ""
