"""The settings of the transport ``openssh``."""

from __future__ import annotations

from typing import Annotated

from operator_tool.api import Meta, PluginSettings


class OpensshSettings(PluginSettings, frozen=True, kw_only=True):
    """How the system's ssh reaches the companion; what isn't given here is as ~/.ssh/config has it."""

    host: Annotated[
        str,
        Meta(
            pattern=r"^[^\s@/-][^\s@/]*$",
            description="Name or address of the companion, or its alias in ~/.ssh/config.",
        ),
    ]
    port: Annotated[
        Annotated[int, Meta(ge=1, le=65535)] | None,
        Meta(description="Port of its SSH server; 22 if nothing says else."),
    ] = None
    user: Annotated[
        Annotated[str, Meta(pattern=r"^[^\s@-][^\s@]*$")] | None,
        Meta(description="Account on the companion; the operator's own name if nothing says else."),
    ] = None
    key_file: Annotated[
        str | None,
        Meta(
            description="Private key to log in with; beside it only those are offered that ~/.ssh/config names for the "
            "host."
        ),
    ] = None
    use_agent: Annotated[bool, Meta(description="Whether keys of the SSH agent may be used.")] = True
    known_hosts: Annotated[
        str | None,
        Meta(
            description="File of known host keys, as OpenSSH writes it; the keys that were enrolled with this tool if "
            "not given."
        ),
    ] = None
    config_file: Annotated[
        str | None, Meta(description="OpenSSH configuration; ~/.ssh/config and the system's if not given.")
    ] = None
    program: Annotated[str, Meta(min_length=1, description="The ssh to run, of OpenSSH 8.7 or newer.")] = "ssh"
    connect_timeout_s: Annotated[
        float, Meta(gt=0, le=45, description="Longest wait for each step of connecting, in seconds.")
    ] = 15.0
    keepalive_s: Annotated[
        int, Meta(ge=0, le=3600, description="Send something when the link was idle for so many seconds; 0: never.")
    ] = 15
