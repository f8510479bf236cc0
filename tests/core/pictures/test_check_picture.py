"""The check that every picture goes through: whole, of the declared size, and nothing decoded to know it."""

import io
import struct
import subprocess
import sys
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from operator_tool.api import PictureFormat
from operator_tool.pictures import BadPictureError, check_picture
from tests.core.pictures.variants import (
    SIZE_PX,
    VARIANTS,
    animation,
    encoded,
    ground,
    png_chunk,
    png_header,
    png_of,
    variant,
)
from tests.support.pictures import real_jpeg, real_png, real_webp

MAGICS = (
    b"",
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"RIFF\x20\0\0\0WEBP",
    b"\x89PNG\r\n\x1a\n" + png_header(256, 256),
)
JPEG_FRAME = b"\xff\xc0\x00\x11\x08"
"""A baseline frame as far as its height and width."""


def reason(data: bytes, size_px: int = SIZE_PX) -> str:
    """Return why these bytes are refused."""
    with pytest.raises(BadPictureError) as refused:
        check_picture(data, size_px=size_px)
    assert str(refused.value) == refused.value.reason
    return refused.value.reason


def refuses(data: bytes) -> bool:
    """Say whether these bytes are refused; anything else than a verdict fails the test."""
    try:
        check_picture(data, size_px=SIZE_PX)
    except BadPictureError:
        return True
    return False


@pytest.mark.parametrize("name", VARIANTS)
def test_every_kind_of_real_picture_passes(name: str) -> None:
    """What Pillow decodes in full at 256 pixels is a picture, and its format is what its name here says."""
    data = variant(name)
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        assert picture.size == (SIZE_PX, SIZE_PX)
    assert check_picture(data, size_px=SIZE_PX) == name.split()[0]


@pytest.mark.parametrize("name", VARIANTS)
def test_case_031_and_032_a_picture_cut_short_anywhere_is_refused(name: str) -> None:
    """At every byte of its ends, and at a thousand places between them."""
    data = variant(name)
    cuts = {*range(600), *range(0, len(data), len(data) // 1000 + 1), *range(len(data) - 600, len(data))}
    assert [cut for cut in sorted(cuts) if not refuses(data[:cut])] == []


def test_case_032_says_what_is_missing() -> None:
    """The reason names what a whole picture would have had."""
    assert reason(real_jpeg(1)[:-1]) == "cut short: no end-of-image marker"
    assert reason(real_jpeg(1)[:100]) == "cut short: no end-of-image marker"
    assert reason(real_png(1)[:-1]) == "cut short: no PNG chunk IEND"
    webp = real_webp(1)
    assert reason(webp[:-1]) == f"cut short: {len(webp) - 1} of {len(webp)} bytes"


def test_case_032_the_end_of_a_thumbnail_is_not_the_pictures() -> None:
    """A JPEG cut right after the whole JPEG within its EXIF data ends as one should."""
    data = variant("jpg exif")
    cut = data[: data.index(b"\xff\xd9") + 2]
    assert len(cut) < len(data)
    assert refuses(cut)


@pytest.mark.parametrize("name", ["png palette", "png interlaced"])
def test_case_032_any_byte_changed_in_a_png_is_found(name: str) -> None:
    """Signature, lengths, types, data and checksums alike, at each byte of it."""
    data = bytearray(variant(name))
    missed = []
    for at, byte in enumerate(data):
        data[at] = byte ^ 1 << at % 8
        if not refuses(bytes(data)):
            missed.append(at)
        data[at] = byte
    assert missed == []


@given(st.data())
def test_case_032_any_byte_changed_in_any_way_in_a_png_is_found(draw: st.DataObject) -> None:
    """Not only one bit of it."""
    data = bytearray(variant("png palette"))
    data[draw.draw(st.integers(0, len(data) - 1))] ^= draw.draw(st.integers(1, 255))
    assert refuses(bytes(data))


def test_case_032_a_wrong_checksum_names_its_chunk() -> None:
    """Control characters in the chunk's name are escaped."""
    data = real_png(1)
    at = data.index(b"IDAT") + 20
    assert reason(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]) == "PNG chunk IDAT has a wrong CRC"
    chunk = png_chunk(b"\x1b\xff\0z", b"")
    data = png_of(png_header(256, 256), chunk[:-1] + bytes([chunk[-1] ^ 1]))
    assert reason(data) == "PNG chunk \\x1b\\xff\\x00z has a wrong CRC"


@pytest.mark.parametrize(
    "data",
    [
        b"<!DOCTYPE html><html>quota</html>",
        b'{"error": "no key"}',
        b"GIF89a" + bytes(99),
        b"\0\0\0\x20ftypavif",
        b"\xff",
    ],
    ids=["html", "json", "gif", "avif", "one byte"],
)
def test_case_033_what_is_not_a_picture_of_ours_is_refused(data: bytes) -> None:
    """An error page that came with a 200 never gets into the store."""
    assert reason(data) == "not a jpg, png or webp picture"


def test_case_033_nothing_at_all_is_refused() -> None:
    """An empty body is called so."""
    assert reason(b"") == "empty"


def test_case_034_the_bytes_decide_the_format() -> None:
    """Nothing but the bytes is asked, so that a wrong content type or file name misleads nobody."""
    assert check_picture(real_jpeg(1), size_px=256) is PictureFormat.JPEG
    assert check_picture(real_png(1), size_px=256) is PictureFormat.PNG
    assert check_picture(real_webp(1), size_px=256) is PictureFormat.WEBP


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "WEBP lossless"])
@pytest.mark.parametrize("size", [(1, 1), (512, 512), (256, 255), (255, 256), (256, 512)])
def test_case_035_a_valid_picture_of_another_size_is_refused(name: str, size: tuple[int, int]) -> None:
    """A 1 x 1 placeholder, a 512 pixel tile where 256 were declared, and anything that is not square."""
    data = encoded(ground().resize(size), name.split()[0], lossless="lossless" in name)
    assert reason(data) == f"{size[0]} x {size[1]} pixels instead of 256 x 256"


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
def test_case_035_512_pixels_pass_where_they_were_declared(name: str) -> None:
    """The size is the provider's to declare."""
    assert check_picture(encoded(ground(512), name), size_px=512)
    assert reason(encoded(ground(), name), 512) == "256 x 256 pixels instead of 512 x 512"


def test_case_035_a_bomb_is_refused_by_its_header() -> None:
    """A picture that says 50,000 x 50,000 pixels, 7.5 GB of them, costs no memory."""
    jpeg = real_jpeg(1).replace(
        JPEG_FRAME + struct.pack(">HH", 256, 256), JPEG_FRAME + struct.pack(">HH", 50_000, 50_000)
    )
    png = png_of(png_header(50_000, 50_000), png_chunk(b"IDAT", bytes(100)))
    side = (50_000 - 1).to_bytes(3, "little")
    webp = b"VP8X" + struct.pack("<I", 10) + bytes(4) + side + side
    bombs = [jpeg, png, b"RIFF" + struct.pack("<I", 4 + len(webp)) + b"WEBP" + webp]
    tracemalloc.start()
    try:
        for bomb in bombs:
            assert reason(bomb) == "50000 x 50000 pixels instead of 256 x 256"
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_case_035_a_frame_that_differs_from_its_canvas_is_refused() -> None:
    """The canvas of an extended WebP may say 256 while the picture in it is another size."""
    small = encoded(ground().resize((16, 16)), "WEBP")[12:]
    canvas = b"VP8X" + struct.pack("<I", 10) + bytes(4) + b"\xff\0\0\xff\0\0"
    data = b"RIFF" + struct.pack("<I", 4 + len(canvas + small)) + b"WEBP" + canvas + small
    assert reason(data) == "16 x 16 pixels instead of 256 x 256"


def test_case_035_no_decoder_is_loaded_to_check_a_header() -> None:
    """Pillow is not even imported."""
    code = (
        "import sys; from operator_tool.pictures import check_picture, Repeats\n"
        "check_picture(sys.stdin.buffer.read(), size_px=256); sys.exit('PIL' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], input=real_webp(1), check=False, timeout=60)
    assert done.returncode == 0


@pytest.mark.parametrize("data", [real_jpeg(1), real_png(1), real_webp(1)], ids=["jpg", "png", "webp"])
def test_padding_after_the_end_is_let_pass_and_nothing_else(data: bytes) -> None:
    """Some encoders fill up with zeros, some servers add a line's end; more than that is not of the picture."""
    for padding in (b"\0", b"\r\n", b" " * 16):
        assert check_picture(data + padding, size_px=256)
    for junk in (b"\0" * 17, b"x", b"\0<!-- 0.3 s -->"):
        assert refuses(data + junk)
    assert reason(data + bytes(17)).startswith("17 bytes after its ")


@pytest.mark.parametrize("name", ["PNG", "WEBP"])
def test_an_animation_is_refused(name: str) -> None:
    """A spinner is no imagery."""
    assert reason(animation(name)) == "an animation instead of a picture"


def test_an_animation_that_does_not_say_so_in_its_flags_is_refused() -> None:
    """Its chunks tell; and so do the flags of one without such chunks."""
    data = bytearray(animation("WEBP"))
    data[20] &= ~0x02
    assert reason(bytes(data)) == "an animation instead of a picture"
    still = bytearray(real_webp(1))
    still[20] |= 0x02
    assert reason(bytes(still)) == "an animation instead of a picture"


@pytest.mark.parametrize("marker", [0xC3, 0xC5, 0xC9, 0xCA, 0xCF])
def test_a_jpeg_that_map_software_cannot_read_is_refused(marker: int) -> None:
    """Lossless, hierarchical and arithmetic coded ones are in the standard, and in no browser."""
    data = real_jpeg(1).replace(JPEG_FRAME, bytes([0xFF, marker]) + JPEG_FRAME[2:])
    assert reason(data) == "a JPEG that map software can't read: lossless, hierarchical or arithmetic"


def test_a_jpeg_of_impossible_segments_is_refused() -> None:
    """Each for its own reason."""
    data = real_jpeg(1)
    head, scan = data[:2], data[data.index(b"\xff\xda") :]
    frame_at = data.index(JPEG_FRAME)
    frame = data[frame_at : frame_at + 2 + 17]
    scan_header = scan[: 2 + int.from_bytes(scan[2:4], "big")]
    assert check_picture(head + frame + scan, size_px=256)
    assert reason(head + scan) == "no JPEG frame before the first scan"
    assert reason(head + frame + scan_header + b"\xff\xd9") == "a JPEG without compressed data"
    assert reason(head + frame + frame + scan) == "a JPEG frame that map software can't read"
    assert reason(head + frame.replace(b"\x11\x08", b"\x11\x0c") + scan) == "a JPEG frame that map software can't read"
    assert reason(head + frame[:9] + b"\2" + frame[10:] + scan) == "a JPEG frame that map software can't read"
    assert reason(head + frame + b"\xff\xd8\0\2" + scan) == "a JPEG segment at byte 21 that can't be"
    assert reason(head + frame + b"\xff\xfe\0\1" + scan) == "a JPEG segment at byte 21 that can't be"
    assert reason(head + b"\xff\xfe\0\2JUNK" + scan) == "no marker at byte 6, where a JPEG segment begins"


def test_a_png_of_impossible_chunks_is_refused() -> None:
    """Each for its own reason."""
    header, pixels = png_header(256, 256), png_chunk(b"IDAT", b"x")
    assert check_picture(png_of(header, pixels), size_px=256)
    assert reason(png_of(pixels, header)) == "a PNG whose first chunk is not a header"
    as_header = png_chunk(b"IHDR", header[8:21] + b"\0"), png_chunk(b"IHDr", header[8:21])
    assert [reason(png_of(first, pixels)) for first in as_header] == ["a PNG whose first chunk is not a header"] * 2
    assert reason(png_of(header)) == "a PNG without pixels"
    assert reason(png_of(header, png_chunk(b"IEND", b""), pixels)) == "a PNG without pixels"


def test_a_webp_of_impossible_chunks_is_refused() -> None:
    """Each for its own reason."""
    data = real_webp(1)
    picture = data[12:]
    unknown = b"none\4\0\0\0none"

    def riff(chunks: bytes) -> bytes:
        return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks

    assert check_picture(riff(unknown + picture), size_px=256)
    assert reason(riff(unknown)) == "0 pictures in a WebP file"
    assert reason(riff(picture + picture)) == "2 pictures in a WebP file"
    assert reason(riff(picture + unknown[:-1])) == "a WebP chunk that is longer than its container"
    assert reason(data.replace(b"\x9d\x01\x2a", b"\x9d\x01\x2b")) == "a WebP picture that is not a key frame"
    frame_at = data.index(b"\x9d\x01\x2a") - 3
    between = data[:frame_at] + bytes([data[frame_at] | 1]) + data[frame_at + 1 :]
    assert reason(between) == "a WebP picture that is not a key frame"
    lossless = variant("webp lossless")
    assert reason(lossless[:20] + b"\x2e" + lossless[21:]) == "a lossless WebP picture without its signature"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\xff\xd8" + b"\xff" * (4 << 20), "more than 4096 JPEG segments before the first scan"),
        (b"\xff\xd8" + b"\xff\xfe\0\2" * (1 << 20), "more than 4096 JPEG segments before the first scan"),
        (png_of(png_header(256, 256), png_chunk(b"tEXt", b"") * 5000), "more than 4096 PNG chunks"),
        (b"RIFF" + struct.pack("<I", 4 + 65 * 8) + b"WEBP" + b"none\0\0\0\0" * 65, "more than 64 WebP chunks"),
    ],
    ids=["fill bytes", "jpg segments", "png chunks", "webp chunks"],
)
def test_a_picture_of_endless_pieces_is_given_up(data: bytes, expected: str) -> None:
    """Megabytes of the smallest pieces that a format has hold nobody up."""
    assert reason(data) == expected


@given(st.sampled_from(MAGICS), st.binary(max_size=400))
def test_any_bytes_get_a_verdict(magic: bytes, rest: bytes) -> None:
    """A format or a reason, and never another error."""
    refuses(magic + rest)


@given(st.sampled_from(list(VARIANTS)), st.data())
def test_any_damage_gets_a_verdict(name: str, draw: st.DataObject) -> None:
    """Bytes of real pictures, changed, left out and put in where the headers are."""
    data = variant(name)
    start = draw.draw(st.integers(0, min(len(data), 1000)))
    end = draw.draw(st.integers(start, start + 40))
    refuses(data[:start] + draw.draw(st.binary(max_size=40)) + data[end:])


def test_every_format_of_the_api_has_its_check() -> None:
    """A format that is added to the api without a check here fails this test, not a download."""
    assert {name.split()[0] for name in VARIANTS} == set(PictureFormat)
