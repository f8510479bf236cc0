"""The download and the link equally slow: how much of one is hidden behind the other."""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from tests.support.link_proxy import LinkProxy
from tests.support.real_parts import real_nginx

from .far_side import ROUND_TRIP_S, Reach
from .imagery import Imagery
from .ours import Workstation, right_in_cache, settings, transports
from .race import Track, empty
from .scale import Scale

_MBIT_PER_S = 50.0
_CONNECTIONS = 16
"""So many that the download is held up by the link and not by its round trips."""


class _Runs(msgspec.Struct, frozen=True):
    """What one round took over one transport."""

    download_s: float
    send_s: float
    whole_s: float


def overlap_part(track: Track, workstation: Workstation, imagery: Imagery, asked: Scale) -> list[str]:
    """Return the part's lines."""
    lines = [
        f"\n### Download and link both of {_MBIT_PER_S:.0f} Mbit/s\n",
        f"{imagery.tiles:,} tiles from an nginx behind such a link, provider `xyz`; medians of {asked.overlap_runs}.\n",
        "| | download alone, s | send alone, s | both in one run, s | to the slower one |",
        "|---|---|---|---|---|",
    ]
    with _slow_nginx(track, imagery) as url, track.far.narrow(_MBIT_PER_S) as reach:
        for transport in transports():
            runs = [_round(track, workstation, imagery, url, transport, reach) for _ in range(asked.overlap_runs)]
            seconds = [
                statistics.median(column)
                for column in zip(*((one.download_s, one.send_s, one.whole_s) for one in runs), strict=True)
            ]
            ratio = statistics.median(one.whole_s / max(one.download_s, one.send_s) for one in runs)
            cells = " | ".join(f"{second:.2f}" for second in seconds)
            lines.append(f"| **`build-cache`** over `{transport}` | {cells} | {ratio:.2f} |")
    return lines


@contextlib.contextmanager
def _slow_nginx(track: Track, imagery: Imagery) -> Iterator[str]:
    """Serve the tiles over a link; gives the URL's pattern."""
    with real_nginx(track.folder / "nginx", imagery.folder) as nginx:
        place = urlsplit(nginx.url)
        assert place.hostname is not None
        assert place.port is not None
        server = (place.hostname, place.port)
        with LinkProxy(server, round_trip_s=ROUND_TRIP_S, down_mbit_per_s=_MBIT_PER_S) as link:
            yield f"http://{link.host}:{link.port}/{{z}}/{{x}}/{{y}}.jpg"


def _round(track: Track, workstation: Workstation, imagery: Imagery, url: str, transport: str, reach: Reach) -> _Runs:
    provider = ["--provider", "xyz", "-o", f"xyz.url={url}", "-o", f"xyz.max_connections={_CONNECTIONS}"]
    over = ["--transport", transport, *settings(transport, reach)]
    alone, both = (_with_empty_store(track, workstation) for _ in range(2))
    download = track.command(alone.tool("download", *imagery.asked_for, *provider))
    root = track.fresh("out")
    send = track.command(alone.tool("build-cache", *imagery.asked_for, *provider, *over, *alone.cache(root)))
    _check(imagery, root)
    root = track.fresh("out")
    whole = track.command(both.tool("build-cache", *imagery.asked_for, *provider, *over, *both.cache(root)))
    _check(imagery, root)
    for used in (alone, both):
        empty(used.data_dir)
    return _Runs(download.seconds, send.seconds, whole.seconds)


def _with_empty_store(track: Track, workstation: Workstation) -> Workstation:
    return msgspec.structs.replace(workstation, data_dir=track.fresh("data"))


def _check(imagery: Imagery, root: Path) -> None:
    right = right_in_cache(imagery, root)
    if right != imagery.tiles:
        raise SystemExit(f"{right:,} of {imagery.tiles:,} tiles are right")
    empty(root)
