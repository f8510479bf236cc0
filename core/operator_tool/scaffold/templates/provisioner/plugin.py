"""Provisioner {{name}}: pictures as files in a folder of the companion, with nothing there but POSIX tools.

``ROOT/current`` is a symbolic link to a folder ``ROOT/caches/...`` with one file a tile, ``Z/X/Y.jpg``, and a file
``cache`` that says what it holds. A cache is filled beside it, in ``ROOT/filling/...``; every file is hashed on the
companion; then the link is replaced by one rename. So there is always a whole cache, the old one or the new, and the
one before is kept. A link that breaks loses nothing: what has arrived is hashed, and not sent again.
"""

import hashlib
import re
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

from operator_tool import api

requires_contract = ">={{contract}},<2"

_CHUNK_BYTES = 4 * 1024 * 1024
"""One tar takes so much: more costs less time between them, and is more to send again after a link that broke."""

_LISTED = re.compile(rb"([0-9a-f]{64})  \./([0-9]{1,2}/[0-9]{1,8}/[0-9]{1,8}\.(?:jpg|png|webp))")

# What is there: the current folder, what it holds, free kilobytes, and the tools that are missing.
_LOOK = """
top=$1
while [ ! -d "$top" ]; do top=$(dirname -- "$top"); done
echo "current $(readlink -- "$1/current" 2>/dev/null)"
echo "cache $(cat -- "$1/current/cache" 2>/dev/null)"
echo "free $(df -Pk -- "$top" | tail -n 1 | tr -s ' ' | cut -d ' ' -f 4)"
echo "host $(uname -n)"
[ -w "$top" ] || echo "problem $top can't be written to"
for tool in tar sha256sum find xargs mv ln; do
    command -v "$tool" >/dev/null || echo "problem there is no $tool"
done
"""
_HASH = 'cd -- "$1" 2>/dev/null || exit 0; find . -type f -name "[0-9]*.*" -exec sha256sum {} + 2>/dev/null || true'
_TAKE = 'mkdir -p -- "$1" && cd -- "$1" && tar -xmof -'
_DROP = 'cd -- "$1" && xargs rm -f --'
# The folder that was filled, the new cache's folder, what it holds. All is on the disk before the link is replaced.
# What goes is the cache before the one before: another workstation's, which may be about to become current, stays.
_SWITCH = """
set -eu
cd -- "$1"
mkdir -p caches
before=$(readlink current || true)
if [ ! -d "$3" ]; then
    echo "$4" >"$2/cache"
    echo "$before" >"$2/before"
    mv -- "$2" "$3"
fi
sync
ln -sfn -- "$3" ".current.$$"
mv -fT -- ".current.$$" current
sync
oldest=$(cat -- "$before/before" 2>/dev/null || true)
case $oldest in
caches/*) [ "$oldest" = "$3" ] || rm -rf -- "$oldest" ;;
esac
rm -rf -- "${2%/*}"
"""


class Settings(api.PluginSettings, frozen=True, kw_only=True):
    """Where the caches lie."""

    root: Annotated[str, api.Meta(description="The folder of the caches on the companion.", min_length=1)]


class FolderProvisioner:
    """Keeps the caches in a folder of the companion; one object serves one run."""

    def __init__(self, settings: Settings, context: api.RunContext) -> None:
        self._root, self._context = settings.root, context
        self._sent_tiles = self._sent_bytes = 0
        self._bytes = 0
        self._before: str | None = None

    @property
    def site(self) -> str:
        """Names the lock together with the companion's address."""
        return self._root

    def prepare(self, session: api.CompanionSession, order: api.CacheOrder) -> api.CompanionState:
        """Look what is there; where it is this very cache by its key, hash every file of it."""
        lines = _output(session, api.CompanionError, ["sh", "-c", _LOOK, "sh", self._root])
        said = [line.decode(errors="replace").partition(" ")[::2] for line in lines]
        facts = dict(said)
        problems = tuple(text for name, text in said if name == "problem")
        free_bytes = int(facts["free"]) * 1024 if facts.get("free", "").isdecimal() else None
        if free_bytes is not None and (order.expected_bytes or 0) > free_bytes:
            problems += (f"{free_bytes:,} bytes are free, and {order.expected_bytes:,} are needed",)
        if problems:
            raise api.NotReadyError(problems)
        self._before = facts.get("current") or None
        key, _, digest = facts.get("cache", "").partition(" ")
        held = self._held(session, "current") if key == order.content_key else {}
        is_sound = bool(held) and _digest(held) == digest
        return api.CompanionState(
            companion_id=facts.get("host", ""),
            agent_version="",
            generation=self._before,
            up_to_date=is_sound,
            verified_tiles=len(held) if is_sound else 0,
            tiles_digest=digest if is_sound else None,
            damage="its files are not what was built" if key == order.content_key and not is_sound else "",
            free_bytes=free_bytes,
        )

    def transfer(
        self, session: api.CompanionSession, order: api.CacheOrder, tiles: api.TileSupply
    ) -> api.TransferSummary:
        """Send by tar, a few megabytes at a time, what has not arrived yet."""
        filling = _filling(order)
        held = self._held(session, filling)
        table = api.TileTable()
        for chunk in self._lacking(tiles, held, table):
            self._sent_tiles += len(chunk)
            self._sent_bytes += sum(map(len, chunk.values()))
            _output(session, api.TransferError, ["sh", "-c", _TAKE, "sh", f"{self._root}/{filling}"], _tar(chunk))
            self._context.emit(
                api.PhaseProgress(phase="transfer", done=table.tiles, total=order.wanted_tiles, bytes=self._sent_bytes)
            )
        if held:  # of an earlier order with this key, and not of this one
            names = "\n".join(held).encode()
            _output(session, api.TransferError, ["sh", "-c", _DROP, "sh", f"{self._root}/{filling}"], (names,))
        self._bytes = table.bytes
        return api.TransferSummary(
            offered_tiles=table.tiles,
            sent_tiles=self._sent_tiles,
            sent_bytes=self._sent_bytes,
            saved_bytes=max(0, table.bytes - self._sent_bytes),
            tiles_digest=table.digest(),
        )

    def build(
        self, session: api.CompanionSession, order: api.CacheOrder, transferred: api.TransferSummary
    ) -> api.RemoteBuildReport:
        """Hash what has arrived, and switch to it; after a link that broke, ask first whether that was done."""
        filling, cache = _filling(order), f"caches/{order.content_key[:16]}-{order.run_id}"
        look = ["sh", "-c", 'readlink -- "$1/current" || true', "sh", self._root]
        recovered = _output(session, api.BuildError, look) == [cache.encode()]
        held = self._held(session, cache) or self._held(session, filling)
        if len(held) != transferred.offered_tiles or _digest(held) != transferred.tiles_digest:
            raise api.VerifyError(f"the companion holds {len(held):,} tiles, and they are not what was sent")
        if not recovered:
            holds = f"{order.content_key} {transferred.tiles_digest}"
            _output(session, api.BuildError, ["sh", "-c", _SWITCH, "sh", self._root, filling, cache, holds])
        return api.RemoteBuildReport(
            generation=cache,
            previous_generation=self._before,
            tiles=len(held),
            bytes=self._bytes,
            tiles_digest=transferred.tiles_digest,
            recovered=recovered,
        )

    def _held(self, session: api.CompanionSession, folder: str) -> dict[str, bytes]:
        """Return the SHA-256 of each picture in a folder there, by its path; none where there is no folder."""
        lines = _output(session, api.VerifyError, ["sh", "-c", _HASH, "sh", f"{self._root}/{folder}/."])
        found = filter(None, map(_LISTED.fullmatch, lines))
        return {match[2].decode(): bytes.fromhex(match[1].decode()) for match in found}

    def _lacking(
        self, tiles: api.TileSupply, held: dict[str, bytes], table: api.TileTable
    ) -> Iterator[dict[str, bytes]]:
        """Yield the pictures that are not held, some at a time, by their paths; what is wanted leaves ``held``."""
        chunk: dict[str, bytes] = {}
        size = 0
        for batch in tiles.batches():
            if self._context.cancelled.is_set() or self._context.deadline.passed:
                raise api.TransferError("sending was given up: the run was cancelled or its deadline passed")
            table.add(batch)
            for record in batch:
                path = f"{record.id}.{record.format}"
                if held.pop(path, None) != record.sha256:
                    chunk[path] = tiles.read(record)
                    size += record.length_bytes
            if chunk and (size >= _CHUNK_BYTES or not batch):  # an empty batch: a second passed without a tile
                yield chunk
                chunk, size = {}, 0
        if chunk:
            yield chunk


def _output(
    session: api.CompanionSession,
    failure: type[api.OperatorToolError],
    argv: Sequence[str],
    stdin: Sequence[bytes] | Iterator[bytes] = (),
) -> list[bytes]:
    """Return the lines of a program that ends well. Raises ``failure`` for another end; lets ``LinkError`` pass."""
    with session.run(argv, stdin=stdin) as run:
        lines = list(run)
        if run.exit_status is None:
            raise api.LinkError("a program on the companion was broken off")
        if run.exit_status != 0:
            raise failure(f"the companion answered {run.exit_status}: {run.stderr_tail.strip() or 'no reason given'}")
    return lines


def _tar(chunk: Mapping[str, bytes]) -> Iterator[bytes]:
    for path, picture in chunk.items():
        header = tarfile.TarInfo(path)
        header.size = len(picture)
        yield header.tobuf(tarfile.USTAR_FORMAT)
        yield picture + b"\0" * (-len(picture) % 512)
    yield b"\0" * 1024


def _filling(order: api.CacheOrder) -> str:
    """Return the folder that a cache is filled in: of this workstation and this order."""
    return f"filling/{hashlib.sha256(order.operator.encode()).hexdigest()[:8]}/{order.content_key[:16]}"


def _digest(held: dict[str, bytes]) -> str:
    """Return the digest over these tiles, as operator-tool counts it."""
    rows = []
    for path, sha256 in held.items():
        z, x, y = map(int, path.partition(".")[0].split("/"))
        rows.append((z, x, y, sha256))
    return api.tiles_digest(iter(sorted(rows)))


@api.hookimpl.plugin_settings
def plugin_settings() -> type[api.PluginSettings]:
    """Return the class of the settings."""
    return Settings


@api.hookimpl.make_provisioner
def make_provisioner(settings: Settings, context: api.RunContext) -> FolderProvisioner:
    """Return the provisioner; nothing is asked of the companion yet."""
    return FolderProvisioner(settings, context)
