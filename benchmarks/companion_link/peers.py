"""The peers: a function each, which returns the command that is timed. They leave bare files, checked by nobody."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import msgspec

from .far_side import GCM, Reach
from .imagery import Imagery

Command = list[str]


class Sending(msgspec.Struct, frozen=True):
    """One edition of imagery on its way to a folder of the companion."""

    imagery: Imagery
    reach: Reach
    out: Path
    """The folder on the companion."""
    work: Path
    """A folder for what the program is told."""

    def of(self, imagery: Imagery) -> Sending:
        """Return the same with another edition."""
        return msgspec.structs.replace(self, imagery=imagery)


Sender = Callable[[Sending], Command]


def rsync(sending: Sending) -> Command:
    """``rsync -a``, the reference."""
    return _rsync(sending)


def rsync_gcm(sending: Sending) -> Command:
    """``rsync -a`` with the cipher that ours take, which is faster here than OpenSSH's own choice."""
    return _rsync(sending, *GCM)


def scp(sending: Sending) -> Command:
    """``scp -r``."""
    zooms = [str(sending.imagery.folder / str(z)) for z in sending.imagery.ground.zooms]
    return ["scp", "-q", "-r", *sending.reach.options, *zooms, f"{sending.reach.login}:{sending.out}/"]


def sftp(sending: Sending) -> Command:
    """``sftp`` with ``put -r``."""
    batch = sending.work / "batch"
    folder, out = sending.imagery.folder, sending.out
    batch.write_text("".join(f"put -r {folder / str(z)} {out}/\n" for z in sending.imagery.ground.zooms))
    return ["sftp", "-q", "-b", str(batch), *sending.reach.options, sending.reach.login]


def tar(sending: Sending) -> Command:
    """``tar`` through ssh into ``tar``."""
    near = shlex.join(["tar", "-C", str(sending.imagery.folder), "-cf", "-", "."])
    far = shlex.join(["tar", "-C", str(sending.out), "-xf", "-"])
    return ["sh", "-c", f"{near} | {sending.reach.ssh()} {sending.reach.login} {shlex.quote(far)}"]


def _rsync(sending: Sending, *options: str) -> Command:
    to = f"{sending.reach.login}:{sending.out}/"
    return ["rsync", "-a", "-e", sending.reach.ssh(*options), f"{sending.imagery.folder}/", to]


def right_files(sending: Sending) -> int:
    """Return how many tiles lie on the companion with the very bytes of the workstation's."""
    right = 0
    for tile in sending.imagery.ground.tiles():
        path = sending.out / f"{tile}.jpg"
        right += path.exists() and path.read_bytes() == sending.imagery.picture(tile.z, tile.x, tile.y)
    return right
