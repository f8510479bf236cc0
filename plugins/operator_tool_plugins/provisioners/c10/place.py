"""Where the cache and the agent lie on the companion, as the session at hand must be told."""

from __future__ import annotations

import posixpath
import sys
from pathlib import Path

import msgspec

from operator_tool.api import CompanionSession, ConfigError

from .bundle import agent_bundle
from .settings import C10Settings


class Place(msgspec.Struct, frozen=True):
    """Paths and program as they are passed on: no shell expands them."""

    root: str
    agent: str
    python: str

    @property
    def argv(self) -> tuple[str, ...]:
        """The agent's command without its verb; isolated, so that nothing beside it is imported."""
        return self.python, "-I", "-S", "-B", self.agent


def place_for(session: CompanionSession, settings: C10Settings) -> Place:
    """Return the place on this session's companion.

    Over a link, a relative path is below the folder that programs and files start in there: the login's home.
    """
    local = session.identity.address.startswith("local")

    def path(text: str) -> str:
        if local:
            return str(Path(text).expanduser().absolute())
        return posixpath.normpath(text.removeprefix("~/"))

    root = path(settings.cache_root)
    folder = path(settings.agent_dir) if settings.agent_dir else posixpath.join(root, "agent")
    python = settings.python or (sys.executable if local else "python3")
    return Place(root, posixpath.join(folder, agent_bundle().name), python)


def check_paths(settings: C10Settings) -> None:
    """Raise ``ConfigError`` for a path that can't mean the same to a program and to a file transfer."""
    for name, text in (
        ("cache_root", settings.cache_root),
        ("agent_dir", settings.agent_dir),
        ("mount_point", settings.mount_point),
    ):
        if not text.isprintable() or (text.startswith("~") and not text.startswith("~/")):
            raise ConfigError(f"c10.{name} = {text!r}: give an absolute path, a relative one, or one with ~/")
