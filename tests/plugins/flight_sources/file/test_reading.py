"""A flight's file is opened once, judged by what was opened, and read up to a cap."""

from __future__ import annotations

import hashlib
import os
import socket
from pathlib import Path

import pytest

from operator_tool.api import Flight, FlightFileError, FlightFormatError
from operator_tool_plugins.flight_sources.file import FileFlightSource, FileSettings
from operator_tool_plugins.flight_sources.file.reading import read_flight_file
from tests.plugins.flight_sources.samples import HOME, encoded, payload, plan, simple_item, waypoint, wpl, wpl_row


def resolve(path: Path | str) -> Flight:
    return FileFlightSource(FileSettings()).resolve(str(path))


def refusal(path: Path | str) -> str:
    with pytest.raises(FlightFileError) as caught:
        resolve(path)
    assert caught.value.exit_code == 94
    return caught.value.message


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    """With the path as it was given."""
    assert refusal(tmp_path / "none.plan").endswith("none.plan can't be opened: No such file or directory")
    assert "can't be opened" in refusal("")
    assert "null " in refusal("a\0b")


def test_a_file_without_permission_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's own words; root may read anything, so the refusal is made."""

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    assert refusal("secret.plan").endswith("secret.plan can't be opened: Permission denied")


def test_case_15_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    """A pipe without a writer must not block, and an endless device must not be read."""
    pipe, loop, box = tmp_path / "pipe", tmp_path / "loop", tmp_path / "box"
    os.mkfifo(pipe)
    loop.symlink_to(loop)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(box))
        assert "can't be opened" in refusal(box)
    assert refusal(pipe).endswith("is a named pipe")
    assert refusal("/dev/zero").endswith("is a device")
    assert refusal(tmp_path).endswith("is a directory")
    assert "Too many levels of symbolic links" in refusal(loop)


def test_case_15_a_file_of_5_gb_is_refused_unread(tmp_path: Path) -> None:
    """By its size, before a byte of it is read."""
    huge = tmp_path / "huge.plan"
    with huge.open("wb") as file:
        file.truncate(5 * 1024**3)
    assert "5,368,709,120 bytes, at most 16,777,216 are read" in refusal(huge)


def test_case_15_a_file_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the old mission and half of the new would be neither."""
    path = tmp_path / "busy.plan"
    path.write_bytes(b"old")
    read = os.read

    def read_while_saved(handle: int, size: int) -> bytes:
        data = read(handle, size)
        if path.stat().st_size == 3:
            path.write_bytes(b"old and new")
        return data

    monkeypatch.setattr(os, "read", read_while_saved)
    with pytest.raises(FlightFileError, match="changed while it was read") as caught:
        read_flight_file(str(path), max_bytes=1000)
    assert caught.value.retryable


def test_case_15_a_file_that_grows_is_read_up_to_the_cap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that is written faster than it is read would never end."""
    path = tmp_path / "growing.plan"
    path.write_bytes(b"start")
    read = os.read

    def read_while_growing(handle: int, size: int) -> bytes:
        with path.open("ab") as file:
            file.write(b"more")
        return read(handle, min(size, 4))

    monkeypatch.setattr(os, "read", read_while_growing)
    with pytest.raises(FlightFileError, match="has 101 bytes, at most 100 are read"):
        read_flight_file(str(path), max_bytes=100)


def test_a_files_flight_is_named_by_its_hash_and_its_stem(tmp_path: Path) -> None:
    """Identity is a hash; the name is for people."""
    data = wpl(HOME, wpl_row(1, 48, 11))
    path = tmp_path / "ridge line.txt"
    path.write_bytes(data)
    flight = resolve(path)
    assert flight.id == hashlib.sha256(data).hexdigest()[:12]
    assert (flight.name, flight.source) == ("ridge line", "file:ridge line.txt")


def test_case_16_a_hostile_file_name_is_shown_escaped(tmp_path: Path) -> None:
    """In the flight and in the error alike."""
    path = tmp_path / "\x1b[31m\n\u202e-rf.plan"
    path.write_bytes(encoded(plan(simple_item(48, 11))))
    assert (resolve(path).name, resolve(path).source) == ("\\x1b[31m\\n\\u202e-rf", "file:\\x1b[31m\\n\\u202e-rf.plan")
    path.write_bytes(b"")
    with pytest.raises(FlightFormatError, match=r"^\\x1b\[31m\\n\\u202e-rf\.plan: an empty file"):
        resolve(path)


def test_a_flight_json_keeps_its_own_id_and_name(tmp_path: Path) -> None:
    """Saved from the service, it is the same flight."""
    path = tmp_path / "saved.json"
    path.write_bytes(encoded(payload(waypoint(0))))
    flight = resolve(path)
    assert (flight.id, flight.name, flight.source) == ("F-12", "Ridge", "file:saved.json")


def test_content_decides_and_not_the_names_ending(tmp_path: Path) -> None:
    """A plan named .txt and a WPL named .plan are read as what they are."""
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbf \n" + encoded(plan(simple_item(48, 11))))
    (tmp_path / "b.plan").write_bytes(wpl(HOME, wpl_row(1, 49, 12)))
    assert resolve(tmp_path / "a.txt").takeoff_origin.lat_deg == 48
    assert resolve(tmp_path / "b.plan").takeoff_origin.lat_deg == 49


@pytest.mark.parametrize(
    ("data", "seen"),
    [
        (b"", "an empty file"),
        (b" \n\t", "a file of blanks"),
        (b"\0" * 100, "a file of blanks"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a PNG picture"),
        (b"\xff\xd8\xff\xe0", "a JPEG picture"),
        (b"SQLite format 3\0", "an SQLite database, as MBTiles is"),
        (b"\xff\xfe{", "byte 0: not UTF-16-LE"),
        (b"<!-- a <kml> --><!DOCTYPE html><html>", "XML (HTML), not a mission"),
        (b"<mission/>", "an XML mission, as INAV and MultiWii write it"),
        (b"<x:svg/>", "XML (<svg>)"),
        (b'<?xml version="1.0"?>\n<kml xmlns="x"', "line 2"),
        (b"<gpx><rte>", "line 1"),
        (b"<", "line 1"),
        (b"#saved by ...\n-27.302433\t151.332031\n-27.31 151.33\n", "pairs of numbers, as the files of a fence"),
        (b"lat;lon\n1;2", "text that begins with 'lat;lon'"),
        (b"\x1b[31mred\n", "text that begins with '\\x1b[31mred'"),
        (b"a\x00b", "binary data"),
        (b"\xfe\x01\x02", "binary data"),
        (b'{"a": 1, "b\\u0007": 2}', "the document: JSON with 'a', 'b\\x07', neither a plan"),
        (b"{}", "the document: JSON with no key"),
        (b"[]", "the document: a JSON list"),
        (b'{"waypoints": [', "waypoints[0]: expecting value at line 1"),
    ],
)
def test_a_file_that_is_no_mission_is_said_what_it_is(tmp_path: Path, data: bytes, seen: str) -> None:
    """An operator who took the wrong file sees which one it was, and which formats are read."""
    path = tmp_path / "wrong.plan"
    path.write_bytes(data)
    with pytest.raises(FlightFormatError) as caught:
        resolve(path)
    assert caught.value.message.startswith(f"wrong.plan: {seen}")
    assert caught.value.hint
