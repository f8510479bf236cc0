"""A KMZ's first KML is read out of the archive; nothing is unpacked, and hostile archives are refused or harmless."""

from __future__ import annotations

import io
import os
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from operator_tool.api import FlightFormatError, NoRouteError
from operator_tool_plugins.flight_sources.file import FileFlightSource, FileSettings
from operator_tool_plugins.flight_sources.file.kmz import what_is_in
from operator_tool_plugins.flight_sources.file.zip_member import MAX_ENTRIES, MAX_MEMBER_BYTES
from tests.plugins.flight_sources.file.xml_documents import LINE, archive, kml, line, read
from tests.plugins.flight_sources.samples import positions

DOCUMENT = kml(LINE)
OTHER = kml(line("20,10 21,11"))


def refusal(data: bytes) -> FlightFormatError:
    with pytest.raises(FlightFormatError) as caught:
        read(data)
    return caught.value


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_the_kml_of_an_archive_is_read(compression: int) -> None:
    """Pictures beside it don't matter."""
    flight = read(archive({"files/icon.png": b"\x89PNG", "doc.kml": DOCUMENT}, compression=compression))
    assert (flight.format, positions(flight.waypoints)) == ("KMZ", [(48, 11), (48.1, 11.1)])
    assert flight.notes == ()


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a.kml", "b.kml"], "a.kml"),
        (["a.kml", "doc.kml"], "doc.kml"),
        (["sub/doc.kml", "Z.KML"], "Z.KML"),
        (["__MACOSX/._doc.kml", "a/__x.kml"], "a/__x.kml"),
        (["._a.kml", "b.kml"], "b.kml"),
        (["sub\\doc.kml", "z.kml"], "z.kml"),
        (["../../x.kml", "/etc/doc.kml", "b.kml"], "b.kml"),
    ],
)
def test_the_first_at_the_top_is_read_and_doc_kml_before_any(names: list[str], expected: str) -> None:
    """An archive of a folder has it one deeper; the others are counted."""
    flight = read(archive({name: DOCUMENT if name == expected else OTHER for name in names}))
    assert positions(flight.waypoints)[0] == (48, 11)
    others = sum(name.lower().endswith(".kml") and "._" not in name for name in names) - 1
    if others:
        assert flight.notes[-1].startswith(f"Read from {expected} in the archive; {others} other .kml file")


def test_errors_name_the_file_in_the_archive() -> None:
    """And its line."""
    assert refusal(archive({"doc.kml": "<kml>\n<a>"})).message.startswith("doc.kml: line 2: not XML")
    assert refusal(archive({"doc.kml": "<html/>"})).message == "doc.kml: line 1: <html>, expected <kml>"
    with pytest.raises(NoRouteError, match=r"^doc\.kml: neither a line nor a polygon"):
        read(archive({"doc.kml": kml()}))


def test_an_archive_without_a_kml_says_what_it_holds() -> None:
    """A document of an office program is a ZIP archive too."""
    message = refusal(archive({f"word/{number}.xml": b"" for number in range(7)})).message
    assert message.startswith("a ZIP archive without a .kml; it holds 'word/0.xml', 'word/1.xml'")
    assert message.endswith("and 2 more")
    assert refusal(archive({})).message == "a ZIP archive without a .kml; it holds no file"


def test_case_014_a_bomb_is_stopped_at_the_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    """50 MB out of 49 kB: no more is unpacked than the cap and one byte."""
    sizes: list[int] = []
    real = zipfile.ZipExtFile.read

    def counted(self: zipfile.ZipExtFile, n: int | None = -1) -> bytes:
        content = real(self, n)
        sizes.append(len(content))
        return content

    monkeypatch.setattr(zipfile.ZipExtFile, "read", counted)
    bomb = archive({"doc.kml": b"<kml>" + b" " * 50_000_000})
    assert len(bomb) < 60_000
    assert refusal(bomb).message == "doc.kml: unpacks to more than 16,777,216 bytes"
    assert sizes == [MAX_MEMBER_BYTES + 1]


def test_case_014_an_archive_in_an_archive_is_not_opened() -> None:
    """Its name is shown."""
    assert "it holds 'inner.kmz'" in refusal(archive({"inner.kmz": archive({"doc.kml": DOCUMENT})})).message
    assert "doc.kml: line 1: not XML" in refusal(archive({"doc.kml": archive({"doc.kml": DOCUMENT})})).message


def test_case_014_entries_are_counted_before_they_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """100,000 entries are refused without a list of them in memory, whatever number the archive gives itself."""
    few = archive({f"{number}.txt": b"" for number in range(200)} | {"doc.kml": DOCUMENT})
    assert len(read(few).waypoints) == 2
    entry = b"PK\x01\x02" + b"\x14\x00" * 2 + b"\x00" * 20 + struct.pack("<H", 1) + b"\x00" * 16 + b"x"
    assert len(entry) == 47
    listed = entry * 100_000
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(listed), 0, 0)
    assert len(zipfile.ZipFile(io.BytesIO(listed + end)).infolist()) == 100_000
    monkeypatch.setattr(zipfile, "ZipInfo", None)
    assert refusal(b"PK\x03\x04" + listed + end).message == f"a ZIP archive of more than {MAX_ENTRIES:,} entries"


def lying(offsets: dict[bytes, int], claimed: int) -> bytes:
    data = bytearray(archive({"doc.kml": DOCUMENT}))
    for mark, offset in offsets.items():
        struct.pack_into("<L", data, data.index(mark) + offset, claimed)
    return bytes(data)


def test_case_014_sizes_that_lie_are_found_out_or_harmless() -> None:
    """Each stands in two places. Too small a one fails the checksum; one of 4 GB neither takes memory nor harms."""
    unpacked = {b"PK\x03\x04": 22, b"PK\x01\x02": 24}
    packed = {b"PK\x03\x04": 18, b"PK\x01\x02": 20}
    assert "doc.kml: can't be unpacked: Bad CRC-32" in refusal(lying(unpacked, 10)).message
    assert "doc.kml: can't be unpacked" in refusal(lying(packed, 10)).message
    assert len(read(lying(unpacked, 0xFFFFFFF0)).waypoints) == 2
    assert len(read(lying(packed, 0xFFFFFFF0)).waypoints) == 2


def test_case_014_what_is_encrypted_is_said_so() -> None:
    """Nobody is asked for a password."""
    data = bytearray(archive({"doc.kml": DOCUMENT}))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    error = refusal(bytes(data))
    assert (error.message, error.hint) == ("doc.kml: encrypted", "Save the archive again without a password.")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_case_014_other_methods_than_deflate_are_refused(method: int) -> None:
    """LZMA takes as much memory as the file asks for."""
    message = refusal(archive({"doc.kml": DOCUMENT}, compression=method)).message
    assert message == f"doc.kml: compression method {method}, expected 0 (stored) or 8 (deflated)"


def test_case_014_a_link_in_the_archive_is_no_file() -> None:
    """It is neither followed nor read."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as packed:
        link = zipfile.ZipInfo("doc.kml")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        packed.writestr(link, "/etc/passwd")
    assert refusal(data.getvalue()).message == "a ZIP archive without a .kml; it holds no file"


def test_case_014_names_lead_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A member ../../x.kml is read like any other, and nothing is written beside the archive."""
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    path = folder / "m.kmz"
    path.write_bytes(archive({"../../x.kml": DOCUMENT, "../../y": b"y", "/tmp/../z": b"z"}))
    before = sorted(os.walk(tmp_path))
    flight = FileFlightSource(FileSettings()).resolve(str(path))
    assert positions(flight.waypoints) == [(48, 11), (48.1, 11.1)]
    assert sorted(os.walk(tmp_path)) == before


def test_case_014_names_that_would_steer_a_terminal_are_shown_escaped() -> None:
    """A file name in an archive is anybody's text."""
    message = refusal(archive({"\x1b[2J\u202e.exe": b""})).message
    assert "\x1b" not in message
    assert "\u202e" not in message


def test_an_archive_that_was_cut_off_or_changed_is_refused() -> None:
    """At any place; a byte that changed is caught by the checksum or by the parser."""
    whole = archive({"doc.kml": DOCUMENT})
    for end in range(4, len(whole), 7):
        assert refusal(whole[:end]).exit_code == 93
    changed = bytearray(whole)
    changed[60] ^= 0xFF
    assert "doc.kml: can't be unpacked" in refusal(bytes(changed)).message


def test_what_an_archive_is_follows_from_its_names() -> None:
    """Not from the ending of its own."""
    assert what_is_in(archive({"wpmz/waylines.wpml": b""})) == "dji-wpml"
    assert what_is_in(archive({"x/wpmz/template.kml": b""})) == "dji-wpml"
    assert what_is_in(archive({"doc.kml": b""})) == "kmz"


def test_what_other_documents_of_the_archive_draw_is_kept_as_left_out() -> None:
    """One that can't be read is passed over."""
    other = kml(line("7,50 8,51"), "<Point><coordinates>1,2</coordinates></Point>")
    flight = read(archive({"doc.kml": kml(LINE), "more/a.kml": other, "more/b.kml": "<kml>"}))
    assert len(flight.waypoints) == 2
    assert [(one.is_line, one.places) for one in flight.left_out] == [
        (True, ((50, 7), (51, 8))),
        (False, ((2, 1),)),
    ]
