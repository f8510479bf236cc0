"""What one writes with aiohttp: N workers, one session, a file a tile. Usage: LIST N; URL, tab, path a line."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp


async def worker(session: aiohttp.ClientSession, pairs: Iterator[tuple[str, str]]) -> None:
    """Get one tile after the other."""
    for url, path in pairs:
        async with session.get(url) as answer:
            answer.raise_for_status()
            data = await answer.read()
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(data)


async def main(pairs: Iterator[tuple[str, str]], connections: int) -> None:
    """Get all tiles."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=connections)) as session:
        await asyncio.gather(*(worker(session, pairs) for _ in range(connections)))


lines = Path(sys.argv[1]).read_text().splitlines()
asyncio.run(main(((url, path) for url, path in (line.split("\t") for line in lines)), int(sys.argv[2])))
