"""Whether the companion's host key is the one that the operator has confirmed, and which one it shows."""

from __future__ import annotations

import shlex
import subprocess
import tempfile
from pathlib import Path

import msgspec

from operator_tool.api import CompanionError, ConfigError, Deadline, HostKeyOffer, RunContext

from .._host_keys.known_hosts import HostKey, KnownKeys, host_label, parse_known_keys, read_file
from .command import offer_argv, resolve_argv
from .master import Stderr, end_ssh, start_ssh
from .settings import OpensshSettings

_RESOLVE_S = 10.0
_TICK_S = 0.05


class Resolved(msgspec.Struct, frozen=True):
    """What the operator's configuration makes of the companion's name."""

    host: str
    port: int
    user: str
    alias: str | None

    @property
    def label(self) -> str:
        """How the companion is named among the known host keys."""
        return self.alias.lower() if self.alias else host_label(self.host, self.port)

    @property
    def address(self) -> str:
        """``ssh://user@host:port``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"ssh://{self.user}@{host}:{self.port}"


def resolve(settings: OpensshSettings) -> Resolved:
    """Ask ssh itself. Raises ``ConfigError`` when there is none, or when it can't read its configuration."""
    process = start_ssh_reading(resolve_argv(settings))
    fields = dict(line.partition(" ")[::2] for line in process.stdout.decode("utf-8", "replace").splitlines())
    try:
        return Resolved(fields["hostname"], int(fields["port"]), fields["user"], fields.get("hostkeyalias"))
    except (KeyError, ValueError):
        why = process.stderr.decode("utf-8", "replace").strip() or f"it ended with {process.returncode}"
        raise ConfigError(
            f"ssh does not know what to make of {settings.host}: {why}",
            hint="Mend its configuration file, or name another with -o openssh.config_file=PATH.",
        ) from None


def start_ssh_reading(argv: list[str]) -> subprocess.CompletedProcess[bytes]:
    """Run ssh to its end for what it prints. Raises ``ConfigError``."""
    from .command import environment

    try:
        return subprocess.run(  # noqa: S603 - the operator's own ssh
            argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=_RESOLVE_S, env=environment(), check=False
        )
    except OSError as error:
        raise ConfigError(
            f"{argv[0]} can't be started: {error.strerror}",
            hint="Install OpenSSH's client, set openssh.program, or use --transport ssh, which needs none.",
        ) from error
    except subprocess.TimeoutExpired:
        raise ConfigError(f"{argv[0]} -G did not end within {_RESOLVE_S:g} s") from None


def pin_file(settings: OpensshSettings, context: RunContext) -> Path:
    """Return the file that keys are pinned in. Raises ``ConfigError`` where there is none."""
    if settings.known_hosts is not None:
        return Path(settings.known_hosts).expanduser().absolute()
    if context.trust_dir is None:
        raise ConfigError("there is no folder of pinned host keys", hint="Set openssh.known_hosts to a file.")
    return context.trust_dir / "known_hosts"


def offered_key(settings: OpensshSettings, resolved: Resolved, context: RunContext) -> HostKey:
    """Have ssh connect for the host key alone. Raises ``CompanionError`` when none comes."""
    deadline = Deadline.after(context.deadline.remaining_s(3 * settings.connect_timeout_s))
    with tempfile.TemporaryDirectory(prefix="operator-tool-") as folder:
        shown = Path(folder) / "shown"
        process = start_ssh(offer_argv(settings, shown))
        stderr = Stderr(process, lambda _line: None)
        try:
            while process.poll() is None and not deadline.passed and not context.cancelled.is_set():
                stderr.thread.join(_TICK_S)
            ended = process.poll() is not None
        finally:
            end_ssh(process)
            stderr.thread.join(_TICK_S)
            assert process.stderr is not None
            if not stderr.thread.is_alive():
                process.stderr.close()
        keys = parse_known_keys(read_file(shown), resolved.label, "what ssh was shown").pinned
    if not keys:
        why = stderr.summary or ("it showed none" if ended else "it took too long")
        raise CompanionError(f"the host key of {resolved.label} could not be asked for: {why}", retryable=True)
    return keys[0]


def offer(key: HostKey, resolved: Resolved, path: Path) -> HostKeyOffer:
    """Return the key as the operator is shown it, beside what is pinned."""
    known = parse_known_keys(read_file(path), resolved.label, str(path))
    return HostKeyOffer(
        label=resolved.label,
        type=key.type,
        fingerprint=key.fingerprint,
        blob=key.blob,
        pinned=tuple(pinned.fingerprint for pinned in known.pinned),
        revoked=key in known.revoked,
    )


def refused(key: HostKey, resolved: Resolved, path: Path, settings: OpensshSettings) -> CompanionError:
    """Return the error that says why ssh would not take this key."""
    known = parse_known_keys(read_file(path), resolved.label, str(path))
    shown = f"{key.type} {key.fingerprint}"
    if key in known.revoked:
        return CompanionError(
            f"the host key of {resolved.label} is revoked in {path}: {shown}",
            hint="Don't connect to this companion until it has a new host key.",
        )
    if known.pinned and key not in known.pinned:
        expected = ", ".join(f"{pinned.type} {pinned.fingerprint}" for pinned in known.pinned)
        return CompanionError(
            f"HOST KEY CHANGED: {resolved.label} shows {shown}, but {path} has {expected}",
            hint="This may be another machine, or somebody in between. Only if you know why it changed: "
            f"{enrol_command(settings)} (it shows both keys and asks).",
        )
    if known == KnownKeys():
        return CompanionError(
            f"the host key of {resolved.label} is not known: {shown}",
            hint=f"To compare it with the companion's own and to trust it: {enrol_command(settings)}",
        )
    return CompanionError(
        f"ssh would not take the host key of {resolved.label}, {shown}, although {path} has it",
        hint="Look for other lines of that host in the file, or for a jump host whose key is not known.",
    )


def enrol_command(settings: OpensshSettings) -> str:
    """Return the command that has the operator confirm the companion's key."""
    words = ["operator-tool", "companion", "enrol", "--transport", "openssh", "--companion-host", settings.host]
    words += ["--companion-port", str(settings.port)] if settings.port is not None else []
    for name in ("known_hosts", "config_file"):
        value = getattr(settings, name)
        words += ["-o", f"openssh.{name}={value}"] if value is not None else []
    return shlex.join(words)
