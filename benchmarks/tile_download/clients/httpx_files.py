"""What one writes with httpx: one client, N threads, a file a tile. Usage: LIST N; URL, tab, path a line."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

connections = int(sys.argv[2])
# AsyncClient takes minutes for this: its pool looks at all waiting requests whenever one of them ends.
client = httpx.Client(limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections))


def get(line: str) -> None:
    """Get one tile."""
    url, path = line.split("\t")
    data = client.get(url).raise_for_status().content
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(data)


with ThreadPoolExecutor(connections) as pool:
    for _ in pool.map(get, Path(sys.argv[1]).read_text().splitlines()):
        pass
