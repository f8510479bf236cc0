"""The address of an SSH server as an operator writes it: in brackets or not, link-local with its interface."""

from __future__ import annotations

import ipaddress
import re
import socket
from pathlib import Path

from operator_tool.api import ConfigError

_BRACKETS = re.compile(r"\[(?P<host>[^\[\]]+)\](?::(?P<port>\d{1,5}))?")
_MOST_PORTS = 65_535
_NAMED = 8


def host_and_port(setting: str, text: str, port: int | None) -> tuple[str, int | None]:
    """Return the host without brackets, and the port: the one that is given, or the one behind the brackets.

    Raises ``ConfigError`` for brackets without a host, and for two ports that differ. ``setting`` is the name that the
    host was given by.
    """
    written = None
    if text.startswith("["):
        found = _BRACKETS.fullmatch(text)
        written = int(found["port"]) if found is not None and found["port"] else None
        if found is None or (written is not None and not 1 <= written <= _MOST_PORTS):
            raise ConfigError(f"{setting} = {text!r} is not an address, such as [2001:db8::7] or [2001:db8::7]:22")
        if written is not None and port not in (None, written):
            raise ConfigError(f"{setting} = {text!r} names port {written}, and the port is set to {port}")
        text = found["host"]
    return text, port if port is not None else written


def check_zone(name: str, host: str, *, from_here: bool) -> None:
    """Raise ``ConfigError`` for a link-local address without its interface, or with one that is not there.

    ``name`` is what the operator calls the host. ``from_here`` says that this computer connects to it: behind a jump
    host the interface is that one's.
    """
    address, _, zone = host.partition("%")
    try:
        if not ipaddress.IPv6Address(address).is_link_local:
            return
    except ValueError:
        return
    here = _interfaces() if from_here else []
    listed = f"This computer has {', '.join(here[:_NAMED])}." if here else "The interface is the last jump host's."
    what = host if name in (host, f"[{host}]") else f"{name} ({host})"
    if not zone:
        example = f"{address}%{here[0] if here else 'eth0'}"
        raise ConfigError(
            f"{what}: a link-local address needs its interface: {example}",
            hint=f"{listed} Name the one that the companion is connected to; ip -6 neighbour shows who was seen where.",
        )
    if here and not zone.isdecimal() and zone not in here:
        raise ConfigError(f"{what}: this computer has no interface {zone}", hint=f"{listed} Put one behind the %.")


def _interfaces() -> list[str]:
    """Return this computer's interfaces, those first that have a link-local address of their own."""
    names = [name for _number, name in socket.if_nameindex()]
    try:
        lines = [line.split() for line in Path("/proc/net/if_inet6").read_text("ascii").splitlines()]
    except OSError:
        return names
    linked = {line[-1] for line in lines if line[0].startswith("fe80")}
    return sorted(names, key=lambda name: (name not in linked, name == "lo"))
