"""XML becomes a small tree, or is refused with the line; hostile documents cost little time and memory."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from operator_tool.api import FlightFormatError
from operator_tool_plugins.flight_sources.file.xml_text import MAX_TAG_ATTRIBUTES
from operator_tool_plugins.flight_sources.file.xml_tree import MAX_DEPTH, MAX_ELEMENTS, parse_xml
from tests.plugins.flight_sources.file.xml_documents import LINE, gpx, kml, read


def refusal(data: bytes | str) -> FlightFormatError:
    with pytest.raises(FlightFormatError) as caught:
        parse_xml(data.encode() if isinstance(data, str) else data)
    return caught.value


def test_an_element_has_its_name_without_prefix_its_text_and_its_line() -> None:
    """A prefix needs no declaration: files that lack it are met."""
    root = parse_xml(b"<a>\n<gx:b c='1'>x<!-- no -->y <![CDATA[<z>]]>\n</gx:b></a>")
    child = root.find("b")
    assert child is not None
    assert (child.name, child.text, child.line, dict(child.attributes)) == ("b", "xy <z>", 2, {"c": "1"})
    assert child.place == "line 2, <b>"


def test_text_on_both_sides_of_a_child_or_a_blank_stays_apart() -> None:
    """Coordinates in two lines must not run together, however the parser cuts the text into pieces."""
    pieces = " ".join(f"{number},1" for number in range(20_000))
    assert parse_xml(f"<a>{pieces}</a>".encode()).text == pieces
    assert parse_xml(b"<a>1,2<b/> 3,4\n&#10;5,6</a>").text.split() == ["1,2", "3,4", "5,6"]


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf<a>\xc3\xbc</a>",
        "\ufeff<?xml version='1.0' encoding='UTF-16'?><a>ü</a>".encode("utf-16-le"),
        "\ufeff<a>ü</a>".encode("utf-16-be"),
        "<?xml version='1.0' encoding='UTF-16'?><a>ü</a>".encode("utf-16-le"),
        b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xfc</a>",
        b'<?xml version="1.0" encoding="windows-1252"?><a>\xfc</a>',
        b'<?xml version="1.0" encoding="utf-16"?><a>\xc3\xbc</a>',
        b"\r\n  <?xml version='1.0'?>\n<a>\xc3\xbc</a>",
    ],
)
def test_encodings_that_planners_write_are_read(data: bytes) -> None:
    """UTF-8 with a mark, UTF-16, the old single-byte ones; UTF-16 declared in UTF-8, as .NET does; blanks in front."""
    assert parse_xml(data).text == "ü"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"<?xml version='1.0' encoding='UTF-7'?><a/>", "line 1: encoding 'UTF-7', expected UTF-8"),
        (b"<?xml version='1.0' encoding='us-ascii'?><a>\xfc</a>", "line 1: the text is not in its encoding ascii"),
        (b"\xff\xfe<\x00a\x00>", "line 1: the text is not in its encoding utf-16"),
        (b"<a>\n\xfc</a>", "line 2: not XML: not well-formed (invalid token)"),
        (b"\n\n<a>\n<b></a>", "line 4: not XML: mismatched tag"),
        (b"<a>&b;</a>", "line 1: not XML: undefined entity"),
        (b"<a/>\n\n<b/>", "line 3: not XML: junk after document element"),
        (b"<a>\x00</a>", "line 1: not XML: not well-formed (invalid token)"),
        (b"<a x='1' x='2'/>", "line 1: not XML: duplicate attribute"),
        (b"", "line 1: not XML: no element found"),
    ],
)
def test_what_is_not_xml_is_refused_with_the_line(data: bytes, message: str) -> None:
    """The line is that of the file, blanks in front of the document included."""
    assert refusal(data).message.startswith(message)


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "ha"}">' for n in range(10))


@pytest.mark.parametrize(
    "doctype",
    [
        f"<!DOCTYPE kml [{LAUGHS}]>",
        f'<!DOCTYPE kml [<!ENTITY l9 "{"a" * 200_000}">]>',
        '<!DOCTYPE kml [<!ENTITY l9 SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE kml [<!ENTITY % l9 SYSTEM "http://127.0.0.1:1/x.dtd"> %l9;]>',
        '<!DOCTYPE kml SYSTEM "http://127.0.0.1:1/x.dtd">',
        "<!DOCTYPE kml>",
    ],
)
def test_case_013_any_document_type_declaration_is_refused(doctype: str) -> None:
    """Billion laughs, quadratic blow-up (which expat allows), external entities: all begin with one."""
    error = refusal(f"<?xml version='1.0'?>\n{doctype}<kml><name>{'&l9;' * 39}</name></kml>")
    assert error.message == "line 2: a document type declaration"
    assert "Remove the <!DOCTYPE" in error.hint


def test_case_013_nesting_is_capped() -> None:
    """100,000 nested tags are refused at the 65th; 64 are read."""
    assert refusal(b"<a>" * 100_000).message == f"line 1, <a>: nested deeper than {MAX_DEPTH} elements"
    assert parse_xml(b"<a>" * MAX_DEPTH + b"</a>" * MAX_DEPTH).name == "a"


@pytest.mark.parametrize("quote", ['"', "'"])
def test_case_013_attributes_of_one_tag_are_capped_before_they_are_parsed(quote: str) -> None:
    """The parser hands them over together, when it has taken their memory; a > in a value hides none of them."""
    attributes = "".join(f" a{number} \n=\t{quote}>{quote}" for number in range(MAX_TAG_ATTRIBUTES + 1))
    assert refusal(f"<a>\n<b{attributes}/></a>").message == "line 2: an element with more than 1,000 attributes"


def test_much_markup_that_only_looks_like_attributes_is_read() -> None:
    """A balloon's text may be a web page, escaped or as CDATA."""
    page = 'class="x" ' * 5_000
    assert parse_xml(f"<a><b>{page}</b><c><![CDATA[{page}]]></c></a>".encode()).find_text("b") == page.strip()


def test_case_013_elements_and_attributes_are_capped() -> None:
    """Each costs memory."""
    assert refusal(b"<a>" + b"<b/>" * MAX_ELEMENTS + b"</a>").message.endswith("more than 500,000 elements")
    crowd = b"<b" + b"".join(b' a%d=""' % number for number in range(900)) + b"/>"
    assert refusal(b"<a>" + crowd * 400 + b"</a>").message.endswith("more than 300,000 attributes")


def test_case_013_sixteen_megabytes_of_anything_stay_below_300_mb_and_10_s() -> None:
    """Each document is as large as a mission file may be; the process that reads them all says what it took."""
    program = """
        import time
        from pathlib import Path
        from operator_tool.api import FlightFormatError
        from operator_tool_plugins.flight_sources.file.xml_tree import parse_xml

        SIZE = 16 * 1024 * 1024
        documents = {
            "points": lambda: b"<g>" + b'<trkpt lat="48.1234567" lon="11.1234567"/>' * (SIZE // 42) + b"</g>",
            "names": lambda: b"<g>" + b"".join(b"<n%d/>" % number for number in range(600_000)) + b"</g>",
            "comment": lambda: b"<g><!--" + b"x" * SIZE + b"--></g>",
            "attribute": lambda: b'<g a="' + b"x" * SIZE + b'"/>',
            "attributes": lambda: b"<g" + b"".join(b' a%d="b"' % number for number in range(SIZE // 14)) + b"/>",
            "text": lambda: b"<g>" + b"x" * SIZE + b"</g>",
            "lines": lambda: b"<g>" + b"x\\n" * (SIZE // 2) + b"</g>",
        }
        for name, document in documents.items():
            data = document()
            began = time.process_time()
            try:
                parse_xml(data)
            except FlightFormatError:
                pass
            # A child's getrusage begins with its parent's peak.
            peak_kib = int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
            print(name, time.process_time() - began, peak_kib / 1024)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True, timeout=110
    )
    rows = [row.split() for row in done.stdout.splitlines()]
    assert len(rows) == 7
    assert {name: seconds for name, seconds, _ in rows if float(seconds) > 10} == {}
    assert {name: megabytes for name, _, megabytes in rows if float(megabytes) > 300} == {}


def test_control_characters_of_a_file_do_not_reach_the_terminal() -> None:
    """Names and texts are shown escaped."""
    flight = read(gpx("<trk><name>a&#x202e;b\x7f</name><trkseg><trkpt lat='48' lon='11'/></trkseg></trk>"))
    assert "\u202e" not in flight.name
    assert "\x7f" not in flight.name
    with pytest.raises(FlightFormatError) as caught:
        read(gpx("<trk><trkseg><trkpt lat='4\u202e8' lon='11'/></trkseg></trk>"))
    assert "\u202e" not in caught.value.message


def test_any_place_of_a_kml_may_be_cut_off() -> None:
    """A download that broke off is refused, never read as a shorter route."""
    whole = kml(LINE).encode()
    for end in range(len(whole.rstrip(b">"))):
        with pytest.raises(FlightFormatError):
            read(whole[:end])
