"""The floor: libcurl by pycurl in one thread, every body thrown away. Usage: LIST N; URL, tab, path a line."""

from __future__ import annotations

import sys
from pathlib import Path

import pycurl

connections = int(sys.argv[2])
urls = (line.split("\t")[0] for line in Path(sys.argv[1]).read_text().splitlines())
multi = pycurl.CurlMulti()
multi.setopt(pycurl.M_MAXCONNECTS, connections)
idle = [pycurl.Curl() for _ in range(connections)]
handles = list(idle)
for handle in handles:
    handle.setopt(pycurl.NOSIGNAL, 1)
    handle.setopt(pycurl.BUFFERSIZE, 128 * 1024)
    handle.setopt(pycurl.WRITEFUNCTION, len)
running = 0
while True:
    while idle and (url := next(urls, None)) is not None:
        handle = idle.pop()
        handle.setopt(pycurl.URL, url)
        multi.add_handle(handle)
        running += 1
    if not running:
        break
    multi.perform()
    ended = 0
    more = True
    while more:
        more, well, failed = multi.info_read()
        if failed:
            raise SystemExit(failed[0][2])
        for handle in well:
            if handle.getinfo(pycurl.RESPONSE_CODE) != 200:
                raise SystemExit(f"HTTP {handle.getinfo(pycurl.RESPONSE_CODE)}")
            multi.remove_handle(handle)
            idle.append(handle)
        ended += len(well)
    running -= ended
    if not ended:
        multi.select(0.2)
