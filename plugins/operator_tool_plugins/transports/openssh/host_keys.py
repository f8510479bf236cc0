"""Whether the companion's host key is the one that the operator has confirmed, and which one it shows."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from operator_tool.api import CompanionError, ConfigError, Deadline, HostKeyOffer, RunContext

from .._host_keys.known_hosts import HostKey, KnownKeys, parse_known_keys, read_file
from .._host_keys.refusal import ShownKey, enrol_command, refusal
from .._secure_shell.waiting import HungUpFirstError, patiently
from .command import offer_argv
from .messages import Messages
from .process import end_ssh, start_ssh
from .resolve import Resolved
from .settings import OpensshSettings

_LOOK_S = 0.01


def pin_file(settings: OpensshSettings, context: RunContext) -> Path:
    """Return the file that keys are pinned in. Raises ``ConfigError`` where there is none."""
    if settings.known_hosts is not None:
        return Path(settings.known_hosts).expanduser().absolute()
    if context.trust_dir is None:
        raise ConfigError("there is no folder of pinned host keys", hint="Set openssh.known_hosts to a file.")
    return context.trust_dir.absolute() / "known_hosts"


def known_keys(resolved: Resolved, path: Path) -> KnownKeys:
    """Return what the file says of the companion. Raises ``ConfigError`` when it can't be read."""
    return parse_known_keys(read_file(path), resolved.label, str(path))


def refused(
    shown: ShownKey, resolved: Resolved, path: Path, settings: OpensshSettings, known: KnownKeys
) -> CompanionError | None:
    """Return why a key that was shown is not taken, None for one that is pinned."""
    options = {"known_hosts": settings.known_hosts, "config_file": settings.config_file}
    enrol = enrol_command("openssh", settings.host, settings.port, options)
    return refusal(resolved.label, shown, known, path, enrol=enrol)


def offered_key(settings: OpensshSettings, resolved: Resolved, known: KnownKeys, context: RunContext) -> HostKeyOffer:
    """Have ssh connect for the host key alone. Raises ``CompanionError`` when none comes."""
    return patiently(lambda: _offered(settings, resolved, known, context), context.deadline, context.cancelled)


def _offered(settings: OpensshSettings, resolved: Resolved, known: KnownKeys, context: RunContext) -> HostKeyOffer:
    deadline = Deadline.after(context.deadline.remaining_s(3 * settings.connect_timeout_s))
    types = {key.type for key in known.pinned}
    with tempfile.TemporaryDirectory(prefix="operator-tool-") as folder:
        file = Path(folder) / "shown"
        process = start_ssh(offer_argv(settings, file, types))
        messages = Messages(process, lambda _text: None)
        try:
            # Written before the login: a server that lets anybody in keeps ssh connected.
            while not (keys := _written(file, resolved)) and process.poll() is None:
                if deadline.passed or context.cancelled.is_set():
                    break
                time.sleep(_LOOK_S)
            ended = process.poll() is not None
            keys = keys or _written(file, resolved)
            if ended and not keys:
                messages.wait()
        finally:
            end_ssh(process)
            messages.leave()
    if not keys and messages.hung_up_first:
        raise HungUpFirstError(f"{resolved.label}{resolved.way}", " | ".join(messages.said_first))
    if not keys:
        why = messages.summary or ("it showed none" if ended else "it took too long")
        raise CompanionError(
            f"the host key of {resolved.label} could not be asked for{resolved.way}: {why}", retryable=True
        )
    (key,) = keys
    return HostKeyOffer(
        label=resolved.label,
        type=key.type,
        fingerprint=key.fingerprint,
        blob=key.blob,
        pinned=tuple(pinned.fingerprint for pinned in known.pinned),
        revoked=key in known.revoked,
    )


def _written(file: Path, resolved: Resolved) -> tuple[HostKey, ...]:
    """Return the key that ssh has written by now, if it has written the whole line."""
    data = read_file(file)
    return parse_known_keys(data, resolved.label, "what ssh was shown").pinned if data.endswith(b"\n") else ()
