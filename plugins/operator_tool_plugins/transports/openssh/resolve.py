"""What the operator's configuration makes of the companion's name, as ssh itself tells."""

from __future__ import annotations

import msgspec

from operator_tool.api import ConfigError, escape_bytes

from .._host_keys.known_hosts import host_label
from .command import resolve_argv
from .process import read_from_ssh
from .settings import OpensshSettings


class Resolved(msgspec.Struct, frozen=True):
    """Where the companion is, and how it is known."""

    host: str
    port: int
    user: str
    alias: str | None = None
    jump: str | None = None
    """The jump hosts, as ``ProxyJump`` has them."""

    @property
    def label(self) -> str:
        """How the companion is named among the known host keys."""
        return self.alias.lower() if self.alias else host_label(self.host, self.port)

    @property
    def address(self) -> str:
        """``ssh://user@host:port``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"ssh://{self.user}@{host}:{self.port}"

    @property
    def way(self) -> str:
        """Words for the way over jump hosts, none where there is none."""
        return f" over {self.jump}" if self.jump else ""


def resolve(settings: OpensshSettings) -> Resolved:
    """Ask ssh itself. Raises ``ConfigError`` when there is none, or when it can't read its configuration."""
    said = read_from_ssh(resolve_argv(settings))
    fields = dict(line.partition(" ")[::2] for line in said.stdout.decode("utf-8", "replace").splitlines())
    try:
        return Resolved(
            fields["hostname"],
            int(fields["port"]),
            fields["user"],
            alias=fields.get("hostkeyalias"),
            jump=fields.get("proxyjump"),
        )
    except (KeyError, ValueError):
        why = escape_bytes(said.stderr.strip(), limit=1000) or f"it ended with {said.returncode}"
        raise ConfigError(
            f"ssh does not know what to make of {settings.host}: {why}",
            hint="Mend its configuration file, or name another with -o openssh.config_file=PATH.",
        ) from None
