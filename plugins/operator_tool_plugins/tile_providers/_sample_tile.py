"""What a first tile, a format's name or a file's ending says of a collection of tiles; no provider of its own."""

from __future__ import annotations

import io
import re
import warnings
import zlib
from collections.abc import Iterable, Mapping

from operator_tool.api import ConfigError, PictureFormat, sniff_picture_format

_VECTOR = "vector tiles"
_HEIGHTS = "heights of the ground and no pictures of it"
_PICTURES = {
    PictureFormat.JPEG: {"jpg", "jpeg", "jpe", "pjpeg", "jfif", "jpg70", "jpg80", "jpg90"},
    PictureFormat.PNG: {"png", "png8", "png24", "png32", "png64", "png128", "png256", "apng"},
    PictureFormat.WEBP: {"webp"},
}
_OTHER_KINDS = {
    _VECTOR: "pbf mvt mlt vector vectortile vectortiles protobuf vector.pbf pbf.gz mvt.gz google.protobuf "
    "mapbox-vector-tile mapbox.vector-tile maplibre-vector-tile maplibre-tile maplibre-vector-tiles mapnik-vector-tile",
    "AVIF pictures": "avif avis",
    "GIF pictures": "gif",
    "TIFF pictures": "tif tiff geotiff geo+tiff",
    "BMP pictures": "bmp ms-bmp dib",
    "SVG pictures": "svg svg+xml svgz",
    "JPEG 2000 pictures": "jp2 j2k jpx jpeg2000",
    "JPEG XL pictures": "jxl",
    "HEIF pictures": "heic heif",
    "JSON": "json geojson topojson geo+json utfgrid grid.json json.gz",
    "text": "html htm xml kml txt csv",
    _HEIGHTS: "terrain quantized-mesh quantized-mesh-1.0 terrarium terrain-rgb terrainrgb lerc lerc2 dem raster-dem "
    "hgt bil heightmap heightmap-1.0 elevation mapbox-terrain-rgb",
    "3D models": "b3dm i3dm pnts cmpt glb gltf gltf-binary",
}
_KINDS = {word: kind for kind, words in _OTHER_KINDS.items() for word in words.split()}
_ENCODINGS = _KINDS | {"mapbox": _HEIGHTS}
"""``encoding`` in a TileJSON is also how a picture's colours stand for heights."""
_MEMBERS = frozenset(
    {"format", "tileformat", "imageformat", "mimetype", "mime", "contenttype", "mediatype", "tiletype"}
) | {
    "extension",
    "ext",
    "fileextension",
}
_TYPES = frozenset({"vector", "raster-dem", "elevation", "terrain", "quantized-mesh"})
_MAGIC = {
    b"GIF8": "GIF pictures",
    b"II*\0": "TIFF pictures",
    b"MM\0*": "TIFF pictures",
    b"\xff\x0a": "JPEG XL pictures",
    b"\0\0\0\x0cJXL ": "JPEG XL pictures",
    b"\0\0\0\x0cjP  ": "JPEG 2000 pictures",
    b"\xff\x4f\xff\x51": "JPEG 2000 pictures",
    b"glTF": "3D models",
    b"b3dm": "3D models",
    b"Lerc2 ": _HEIGHTS,
    b"CntZImage": _HEIGHTS,
    b"\x1a": _VECTOR,
    b"{": "JSON",
    b"[": "JSON",
    b"grid(": "JSON",
    b"<svg": "SVG pictures",
    b"<": "text",
}
_BRANDS = {b"avif": "AVIF pictures", b"avis": "AVIF pictures", b"heic": "HEIF pictures", b"mif1": "HEIF pictures"}
_LOOKED_AT_BYTES = 64


def kind_of_word(word: str) -> str | None:
    """Return what can't be used, by a format's name, a media type or a file's ending: ``"vector tiles"``.

    None for jpg, png and webp in any spelling, and for a word that says nothing.
    """
    parts = _parts(word)
    if any(_format_of(part) is not None for part in parts):
        return None
    return next((_KINDS[part] for part in parts if part in _KINDS), None)


def picture_format_of_word(word: str) -> PictureFormat | None:
    """Return the format that a name, a media type or an ending says: ``jpg``, ``image/jpg``, ``.JPEG`` are one."""
    return next((found for part in _parts(word) if (found := _format_of(part)) is not None), None)


def kind_of_name(name: str) -> str | None:
    """Return what can't be used, by the ending of a file's name or of an address: ``{z}/{x}/{y}.pbf?key=…``."""
    last = re.split("[?#]", name)[0].rpartition("/")[2]
    return kind_of_word(last.rpartition(".")[2]) if "." in last else None


def kind_of_members(members: Mapping[str, object]) -> str | None:
    """Return what can't be used, by the members of a foreign document: ``format``, ``encoding``, ``vector_layers``."""
    for name, value in members.items():
        letters = "".join(c for c in name.casefold() if c.isalnum())
        if letters == "vectorlayers" and value:
            return _VECTOR
        if not isinstance(value, str):
            continue
        word = value.strip().casefold()
        if letters in _MEMBERS and (kind := kind_of_word(word)) is not None:
            return kind
        if letters == "encoding" and word in _ENCODINGS:
            return _ENCODINGS[word]
        if letters == "type" and word in _TYPES:
            return _KINDS[word]
    return None


def kind_of_samples(samples: Iterable[bytes]) -> str | None:
    """Return what tiles are by their first bytes, where none of them is a picture that can be used; None else.

    One that is broken among others decides nothing, and neither does an error page that was saved as a tile.
    """
    found = None
    for sample in samples:
        if sniff_picture_format(sample) is not None:
            return None
        kind = kind_of_bytes(sample)
        found = found or (None if kind in ("text", "JSON") else kind)
    return found


def kind_of_bytes(data: bytes) -> str | None:
    """Return what a tile's first bytes are that are no picture: ``"GIF pictures"``; None where they don't say."""
    if sniff_picture_format(data) is not None:
        return None
    if data[4:8] == b"ftyp" and data[8:12] in _BRANDS:
        return _BRANDS[data[8:12]]
    if data.startswith((b"\x1f\x8b", b"\x78\x01", b"\x78\x9c", b"\x78\xda")):
        return _kind_of_packed(data)
    start = data[:_LOOKED_AT_BYTES].removeprefix(b"\xef\xbb\xbf").lstrip()
    return next((kind for magic, kind in _MAGIC.items() if start.startswith(magic)), None)


def no_picture(data: bytes) -> str:
    """Return why a tile's bytes are no picture, for a gap's reason."""
    kind = kind_of_bytes(data)
    return "not a jpg, png or webp picture" + (f": it looks like one of {kind}" if kind else "")


def not_pictures(of: str, kind: str, *, choose: str) -> ConfigError:
    """Return the error for a collection of what can't be used; ``choose`` names what to choose: "an archive"."""
    why = "a drone's camera is matched with pictures of the ground in jpg, png or webp"
    return ConfigError(f"{of} holds {kind}, and {why}", hint=f"Choose {choose} with jpg, png or webp tiles.")


def tile_size_px(sample: bytes) -> int:
    """Return the width of a square picture as its header says, 256 where there is none that makes sense."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            # Only the header is read: a picture that claims to be enormous costs nothing here.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(sample), formats=("JPEG", "PNG", "WEBP")) as picture:
                return picture.width if 64 <= picture.width == picture.height <= 4096 else 256
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return 256


def one_size_px(samples: Iterable[bytes], *, of: str, setting: str) -> int:
    """Return the size that tiles have. Raises ``ConfigError`` where those of two samples differ."""
    sizes = sorted({tile_size_px(sample) for sample in samples if sniff_picture_format(sample) is not None})
    if len(sizes) > 1:
        shown = " and of ".join(map(str, sizes))
        raise ConfigError(
            f"{of} has tiles of {shown} pixels, and those of one cache have one size",
            hint=f"Set {setting}={sizes[-1]} to use those alone: tiles of another size are gaps then.",
        )
    return sizes[0] if sizes else 256


def _kind_of_packed(data: bytes) -> str:
    """Return what is packed, by gzip or zlib: that alone makes it no vector tile."""
    try:
        inside = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32).decompress(data, _LOOKED_AT_BYTES)
    except zlib.error:
        inside = b""
    picture_format = sniff_picture_format(inside)
    if picture_format is not None:
        return f"{picture_format} pictures that are packed with gzip or zlib once more"
    kind = None if inside.startswith((b"\x1f\x8b", b"\x78\x9c")) else kind_of_bytes(inside)
    return kind or f"what is packed with gzip or zlib, as {_VECTOR} are"


def _parts(word: str) -> list[str]:
    """Return what a word is made of: a media type's subtype, and each of several that are listed."""
    found = []
    for part in re.split(r"[;,|\s]+", word.strip().casefold()):
        name = part.rpartition("/")[2].lstrip(".")
        found.append(name.removeprefix("x-").removeprefix("vnd."))
    return found


def _format_of(part: str) -> PictureFormat | None:
    return next((picture_format for picture_format, words in _PICTURES.items() if part in words), None)
