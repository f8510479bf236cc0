"""The settings of ``[c10]``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from operator_tool.api import Meta, PluginSettings


class C10Settings(PluginSettings, frozen=True, kw_only=True):
    """Where the cache lies on the companion, and how long to wait for what."""

    cache_root: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=1024,
            description="The cache root on the companion; with --transport local a folder of this machine. A relative"
            " path, or one with ~/, is below the login's home folder (local: below the working folder).",
        ),
    ]
    python: Annotated[
        str,
        Meta(
            description="The companion's Python, 3.8 or newer; by default python3, and with --transport local the"
            " Python that runs this program."
        ),
    ] = ""
    agent_dir: Annotated[
        str, Meta(description="The folder that the agent is put into; by default the folder agent of the cache root.")
    ] = ""
    mount_point: Annotated[
        str,
        Meta(
            description="Where the companion's cache volume is mounted; while nothing is mounted there, or the cache"
            " root does not lie below it, nothing is built. By default any volume will do."
        ),
    ] = ""
    allow_volatile_root: Annotated[
        bool,
        Meta(
            description="Build also where the cache root lies in memory (tmpfs, a ramdisk, an overlay over one): what"
            " is built there is lost when the companion is switched off."
        ),
    ] = False
    machine: Annotated[
        str,
        Meta(description="What the companion's uname -m must say, such as aarch64; by default any machine will do."),
    ] = ""
    companion_id: Annotated[
        str,
        Meta(
            pattern=r"^([0-9a-f]{32})?$",
            description="The id that companion status shows; another companion at the same address is refused.",
        ),
    ] = ""
    artefacts: Annotated[
        dict[Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")], Path],
        Meta(
            max_length=64,
            description="Files that go with each cache, such as a camera's calibration: a table from the name below"
            ' artefacts/ to this machine\'s file, as in {"cam.yaml": "/home/ada/cam.yaml"}. At most 64, of 4 GiB each.',
        ),
    ] = msgspec.field(default_factory=dict)
    required_files: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=1024)], ...],
        Meta(
            max_length=64,
            description="Files without which the companion is not ready to fly: absolute paths there, or below"
            " artefacts/ or stages/ of its cache. Its own companion.json can name more.",
        ),
    ] = ()
    signing_key: Annotated[
        str,
        Meta(
            max_length=1024,
            description="The Ed25519 key that signs caches: a private key's file of mode 0600, or one that an ssh-agent"
            " holds: its .pub file, or agent: and its comment or SHA256 fingerprint. By default nothing is signed.",
        ),
    ] = ""
    keep_free_bytes: Annotated[int, Meta(ge=0, description="Bytes that must stay free on the companion's volume.")] = (
        64 * 1024 * 1024
    )
    lock_wait_s: Annotated[
        float, Meta(ge=0, le=600, description="How long to wait for another operator's build on the companion to end.")
    ] = 5.0
    silence_s: Annotated[
        float, Meta(ge=10, le=3600, description="How long the agent, which says something every 5 s, may be silent.")
    ] = 120.0
    no_progress_s: Annotated[
        float,
        Meta(ge=10, le=3600, description="How long the agent may be silent while tiles are sent."),
    ] = 30.0
    stuck_s: Annotated[
        float,
        Meta(ge=10, description="How long the agent may say that its work goes on, and not get any further with it."),
    ] = 900.0
    run_s: Annotated[
        float, Meta(ge=10, description="How long one step on the companion (asking, sending, building) may take.")
    ] = 4 * 3600.0
