"""Several companions at once over one link that all share."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping

from .far_side import Reach, python
from .imagery import Imagery
from .ours import Workstation, right_in_cache, transports
from .race import Track, empty
from .scale import Scale

_DRONES = ("alpha", "bravo", "charlie", "delta")
_MBIT_PER_S = 40.0


def fleet_part(track: Track, workstation: Workstation, imagery: Imagery, asked: Scale) -> list[str]:
    """Return the part's lines."""
    bound_s = len(_DRONES) * imagery.size_bytes * 8 / (_MBIT_PER_S * 1e6)
    lines = [
        f"\n### {len(_DRONES)} companions at once over one link of {_MBIT_PER_S:.0f} Mbit/s\n",
        f"{imagery.tiles:,} tiles each, the same for all; their bytes, sent {len(_DRONES)} times, alone take",
        f"{bound_s:.2f} s. Runs: {asked.fleet_runs}.\n",
        "| | s | to the bytes' own time |",
        "|---|---|---|",
    ]
    for transport in transports():
        with track.far.narrow(_MBIT_PER_S) as reach:
            seconds = [_once(track, workstation, imagery, transport, reach) for _ in range(asked.fleet_runs)]
        middle_s = statistics.median(seconds)
        lines.append(f"| **`build-cache`** over `{transport}` | {middle_s:.2f} | {middle_s / bound_s:.3f} |")
    return lines


def _once(track: Track, workstation: Workstation, imagery: Imagery, transport: str, reach: Reach) -> float:
    roots = {name: track.fresh(name) for name in _DRONES}
    agent = {"agent_dir": str(workstation.agent_dir), "python": python()}
    tables = []
    for name, root in roots.items():
        tables += [f"[companions.{name}]", f"transport = {json.dumps(transport)}"]
        tables += _table(f"companions.{name}.{transport}", reach.settings() | {"port": reach.port})
        tables += _table(f"companions.{name}.c10", agent | {"cache_root": str(root)})
    config = track.fresh("work") / "fleet.toml"
    config.write_text("\n".join(tables) + "\n")
    named = [part for name in _DRONES for part in ("--companion", name)]
    there = Workstation(workstation.data_dir, config, workstation.agent_dir)
    took = track.command(there.build(imagery, *named))
    for name, root in roots.items():
        right = right_in_cache(imagery, root)
        if right != imagery.tiles:
            raise SystemExit(f"{name} has {right:,} of {imagery.tiles:,} tiles right")
        empty(root)
    return took.seconds


def _table(name: str, values: Mapping[str, object]) -> list[str]:
    return [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
