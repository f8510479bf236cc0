"""Files that are meant to exhaust whoever reads them, and a process that measures what reading them takes."""

from __future__ import annotations

import io
import json
import os
import resource
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

from operator_tool.api import FlightError
from operator_tool_plugins.flight_sources.file import FileFlightSource, FileSettings

MIB = 1024 * 1024
LIMIT_BYTES = 16 * MIB
"""The largest file that is read."""
MORE_MEMORY_BYTES = 300 * MIB


def _laughs() -> bytes:
    entities = ['<!ENTITY l0 "lol">', *(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))]
    return f"<?xml version='1.0'?><!DOCTYPE kml [{''.join(entities)}]><kml>&l9;</kml>".encode()


def _bomb() -> bytes:
    """320 MiB of blanks in 320 kB, as the document of a KMZ."""
    archive = io.BytesIO()
    with (
        zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file,
        file.open("doc.kml", "w", force_zip64=True) as member,
    ):
        member.write(b"<kml>")
        for _ in range(20):
            member.write(b" " * (16 * MIB))
    return archive.getvalue()


def _filled(start: bytes, piece: bytes, end: bytes = b"") -> bytes:
    return start + piece * ((LIMIT_BYTES - len(start) - len(end)) // len(piece)) + end


HOSTILE: dict[str, Callable[[], bytes]] = {
    "brackets": lambda: b"[" * LIMIT_BYTES,
    "nested 200,000 deep": lambda: b'{"type":' * 200_000 + b"1" + b"}" * 200_000,
    "elements nested 200,000 deep": lambda: b"<kml>" * 200_000,
    "a million numbers": lambda: b'{"type":"LineString","coordinates":[' + b"[1,2]," * 300_000 + b"[1,2]]}",
    "numbers without end": lambda: _filled(b'{"waypoints":[', b"1,", b"1]}"),
    "a number of 16 MiB": lambda: _filled(b'{"waypoints":[', b"9", b"]}"),
    "a string of 16 MiB": lambda: _filled(b'{"type":"', b"\\u0041", b'"}'),
    "NaN": lambda: _filled(b'{"type":"LineString","coordinates":[[NaN,', b" ", b"1]]}"),
    "a polygon of 65,000 corners": lambda: json.dumps(
        {"type": "Polygon", "coordinates": [[[n / 65_000, (n % 7) / 100] for n in range(65_000)]]}
    ).encode(),
    "a line of 65,535 points": lambda: json.dumps(
        {"type": "LineString", "coordinates": [[n / 65_535, 48, 100.5] for n in range(65_535)]}
    ).encode(),
    "billion laughs": _laughs,
    "empty elements": lambda: _filled(b"<kml>", b"<a/>", b"</kml>"),
    "a comment": lambda: _filled(b"<gpx><!--", b"x", b"--></gpx>"),
    "an attribute": lambda: _filled(b'<gpx a="', b"x", b'"/>'),
    "attributes": lambda: b"<gpx " + b" ".join(b"a%d=''" % n for n in range(1_000_000)) + b"/>",
    "a text": lambda: _filled(
        b"<kml><Placemark><LineString><coordinates>", b"1,2 ", b"</coordinates></LineString></Placemark></kml>"
    ),
    "a zip bomb": _bomb,
    "a table without end": lambda: _filled(b"latitude,longitude\n", b"1,2\n"),
    "a cell of 16 MiB": lambda: _filled(b'latitude,longitude\n"', b"1"),
    "a header of 16 MiB": lambda: _filled(b"latitude,longitude", b",a"),
    "rows without end": lambda: _filled(b"QGC WPL 110\n", b"1\t0\t3\t16\t0\t0\t0\t0\t1\t2\t3\t1\n"),
    "a row of 16 MiB": lambda: _filled(b"QGC WPL 110\n", b"1\t"),
    "comments without end": lambda: _filled(b"#\n", b"#\n"),
}  # fmt: skip


def main(folder: Path) -> None:
    """Read each of them in a process that is limited, and print what came of it as JSON, one line each."""
    for name, make in HOSTILE.items():
        path = folder / "hostile"
        path.write_bytes(make())
        begun_s = time.monotonic()
        child = os.fork()
        if child == 0:
            os._exit(_read(path))
        _, status, used = os.wait4(child, 0)
        took_s = time.monotonic() - begun_s
        outcome = {0: "a flight", 3: "refused"}.get(os.waitstatus_to_exitcode(status), "a fault")
        print(json.dumps({"name": name, "outcome": outcome, "seconds": took_s, "peak_mib": used.ru_maxrss / 1024}))


def _read(path: Path) -> int:
    held_bytes = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held_bytes + MORE_MEMORY_BYTES,) * 2)
    try:
        FileFlightSource(FileSettings()).resolve(str(path))
    except FlightError as error:
        print(f"{error.message[:200]}", file=sys.stderr, flush=True)
        return 3
    except BaseException as error:  # noqa: BLE001 - the one that is looked for; MemoryError among them
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        return 4
    return 0


if __name__ == "__main__":
    main(Path(sys.argv[1]))
