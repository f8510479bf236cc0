"""Blank tiles are told from imagery, and only what is short enough to be blank is decoded."""

import io
import itertools
import struct
import threading
import time
import warnings
from array import array
from collections.abc import Callable

import pytest
from PIL import Image

from operator_tool.pictures import BadPictureError, is_one_colour
from operator_tool.pictures.one_colour import most_bytes_of_one_colour
from tests.core.pictures.variants import VARIANTS, encoded, png_chunk, png_header, png_of, variant
from tests.support.pictures import real_jpeg, real_png, real_webp

COLOURS = [(0, 0, 0), (255, 255, 255), (12, 90, 200), (170, 211, 223), (1, 254, 3)]
CODINGS = [
    *(
        ("JPEG", {"quality": quality, "subsampling": subsampling, "progressive": progressive})
        for quality, subsampling, progressive in itertools.product((60, 75, 95), (0, 2), (False, True))
    ),
    *(("PNG", {"compress_level": level}) for level in (1, 6, 9)),
    *(("WEBP", {"quality": quality}) for quality in (60, 75, 90, 100)),
    ("WEBP", {"lossless": True}),
]


def one_colour(picture: Image.Image, name: str, **settings: object) -> bool:
    """Encode a picture and say whether it counts as one colour."""
    data = encoded(picture, name, **settings)
    assert len(data) <= most_bytes_of_one_colour(picture.width), "too long to be looked at"
    return is_one_colour(data, size_px=picture.width)


def blank_but_for(*, level: int = 0, side_px: int = 4, name: str = "PNG") -> bool:
    """Say whether a picture that is grey but for a small square counts as one colour."""
    picture = Image.new("RGB", (256, 256), (100, 100, 100))
    picture.paste((100, 100 + level, 100), (120, 120, 120 + side_px, 120 + side_px))
    return one_colour(picture, name)


@pytest.mark.parametrize("size_px", [256, 512])
@pytest.mark.parametrize(("name", "settings"), CODINGS, ids=lambda value: str(value))
def test_case_036_a_picture_of_one_colour_is_found(name: str, settings: dict[str, object], size_px: int) -> None:
    """However it was coded, it is short enough to be looked at, and what coding did to it does not hide it."""
    for colour in COLOURS:
        assert one_colour(Image.new("RGB", (size_px, size_px), colour), name, **settings)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16", "CMYK"])
def test_case_036_one_colour_is_found_in_every_mode(mode: str) -> None:
    """Palettes, grey, 16 bits, with and without alpha, as ink."""
    picture = Image.new(mode, (256, 256), 1)
    assert one_colour(picture, "JPEG" if mode == "CMYK" else "PNG")


def test_case_036_a_transparent_picture_is_blank_whatever_lies_beneath() -> None:
    """Colours that nobody sees are none."""
    picture = Image.new("RGBA", (256, 256), (200, 0, 0, 0))
    picture.paste((0, 200, 0, 0), (0, 0, 100, 100))
    assert one_colour(picture, "PNG")
    picture.putpixel((9, 9), (0, 200, 0, 255))
    assert not one_colour(picture, "PNG")


def test_case_036_a_picture_transparent_by_its_palette_is_blank() -> None:
    """The transparent entry's colour is not seen."""
    picture = Image.new("P", (256, 256), 3)
    picture.putpalette(bytes(range(30)))
    assert one_colour(picture, "PNG", transparency=3)


def test_a_palette_with_the_same_colour_twice_is_one_colour() -> None:
    """What counts is the colours, not their numbers."""
    picture = Image.new("P", (256, 256), 0)
    picture.putpalette([5, 6, 7] * 2)
    picture.paste(1, (0, 0, 128, 128))
    assert one_colour(picture, "PNG")
    picture.putpalette([5, 6, 7, 200, 6, 7])
    assert not one_colour(picture, "PNG")


def test_a_little_thing_to_see_is_enough() -> None:
    """Four pixels of something are no blank tile; two grey levels are not something."""
    for name in ("JPEG", "PNG", "WEBP"):
        assert blank_but_for(level=0, name=name)
        assert not blank_but_for(level=90, name=name)
    assert blank_but_for(level=2)
    assert not blank_but_for(level=3)
    assert not blank_but_for(level=3, side_px=1)


def test_a_fine_pattern_whose_means_are_all_alike_is_not_one_colour() -> None:
    """Stripes a pixel wide: every block of 8 x 8 pixels of the JPEG has the same mean."""
    picture = Image.new("L", (256, 256), 90)
    for x in range(0, 256, 2):
        picture.paste(170, (x, 0, x + 1, 256))
    assert not one_colour(picture, "JPEG", quality=30, optimize=True)


@pytest.mark.parametrize("name", VARIANTS)
def test_no_real_picture_is_one_colour(name: str) -> None:
    """Short or long, of every kind."""
    assert not is_one_colour(variant(name), size_px=256)


def test_16_bits_are_told_apart_as_8_are() -> None:
    """The tolerance is of 255 grey levels, so that 65,535 have 257 times it."""

    def half_and_half(levels: int) -> Image.Image:
        rows = array("H", [30_000, 30_000 + 257 * levels]) * (128 * 256)
        return Image.frombytes("I;16", (256, 256), rows.tobytes())

    assert one_colour(half_and_half(2), "PNG")
    assert not one_colour(half_and_half(3), "PNG")


def test_a_long_picture_is_not_decoded() -> None:
    """Its length says that it isn't of one colour: not even its damage is noticed."""
    bad = png_chunk(b"IDAT", b"no zlib stream" * 1000)
    assert not is_one_colour(png_of(png_header(256, 256), bad), size_px=256)


def test_case_036_what_cannot_be_decoded_is_said_so() -> None:
    """A PNG with right checksums and nonsense under them; a WebP with nonsense after its header."""
    png = png_of(png_header(256, 256), png_chunk(b"IDAT", b"no zlib stream"))
    with pytest.raises(BadPictureError, match="can't be decoded: "):
        is_one_colour(png, size_px=256)
    webp = b"VP8L" + struct.pack("<IBI", 64, 0x2F, 255 | 255 << 14) + b"\xff" * 59
    with pytest.raises(BadPictureError, match="can't be decoded: "):
        is_one_colour(b"RIFF" + struct.pack("<I", 4 + len(webp)) + b"WEBP" + webp, size_px=256)


def test_a_damaged_header_is_said_without_an_address_in_memory() -> None:
    """Pillow's own words would name a Python object."""
    png = png_of(png_header(256, 256, bits=7), png_chunk(b"IDAT", b""))
    with pytest.raises(BadPictureError) as refused:
        is_one_colour(png, size_px=256)
    assert refused.value.reason == "can't be decoded: its headers are damaged"


def test_case_035_a_picture_of_another_size_never_reaches_the_decoder() -> None:
    """Pillow would warn of a bomb only at 89 million pixels."""
    with pytest.raises(BadPictureError, match="50000 x 50000 pixels instead of 256 x 256"):
        is_one_colour(png_of(png_header(50_000, 50_000), png_chunk(b"IDAT", b"")), size_px=256)


def odd_jpegs() -> list[bytes]:
    """Return short JPEGs whose metadata Pillow warns of: EXIF that is cut short, a torn list of several pictures."""
    data = encoded(Image.new("RGB", (256, 256), (9, 9, 9)), "JPEG")
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x1a\x01\x05\0\x01\0\0\0\xff\xff\0\0"
    several = b"MPF\0II*\0\x08\0\0\0\x01\0\0"
    # Density 0 makes Pillow look into EXIF.
    head = data[:13] + b"\0\0\0\0\0" + data[18:20]
    return [
        head + b"\xff" + marker + struct.pack(">H", 2 + len(own)) + own + data[20:]
        for marker, own in ((b"\xe1", exif), (b"\xe2", several))
    ]


def test_warnings_of_odd_metadata_do_not_escape() -> None:
    """Pillow alone warns of each of these; the tool says nothing, and leaves the filters of warnings as they were."""
    filters = list(warnings.filters)
    for data in odd_jpegs():
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            Image.open(io.BytesIO(data)).load()
        assert heard
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            assert is_one_colour(data, size_px=256)
        assert heard == []
    assert list(warnings.filters) == filters


def test_several_threads_leave_the_filters_of_warnings_as_they_were() -> None:
    """What one thread puts aside, another does not put back too late."""
    filters = list(warnings.filters)
    data = odd_jpegs()[0]
    until_s = time.monotonic() + 0.3

    def look() -> None:
        while time.monotonic() < until_s:
            assert is_one_colour(data, size_px=256)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert list(warnings.filters) == filters


@pytest.mark.parametrize("real", [real_jpeg, real_png, real_webp])
def test_the_pictures_of_our_tests_are_real_and_each_its_own(real: Callable[..., bytes]) -> None:
    """They decode, they are not of one colour, and a thousand seeds give a thousand pictures."""
    for size_px in (256, 512):
        with Image.open(io.BytesIO(real(1, size_px))) as picture:
            picture.load()
            assert picture.size == (size_px, size_px)
            assert picture.convert("RGB").resize((16, 16)).getcolors(20) is None
        assert not is_one_colour(real(1, size_px), size_px=size_px)
    assert len({real(seed) for seed in range(1000)}) == 1000
    assert real("18/1/2") == real("18/1/2")
    assert 500 < len(real(1)) < 4000
