"""Columns, members and attributes that change what another one means: hemispheres, units, reference systems.

``N/S``, ``GPSLatitudeRef``, ``lon_dir``, ``crs``, ``angle_unit``, ``lat_min``: what is understood is applied, and what
is not is refused by its place. A position is never taken without them.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

import msgspec

from operator_tool.api import FlightFormatError

from ._escaping import escaped

_LAT, _LON = r"(?:latitude|lat)", r"(?:longitude|long|lon|lng)"
_MARK = (
    r"(?:ref(?:erence)?|dir(?:ection)?|hem(?:i(?:s(?:ph(?:ere)?)?)?)?|sign|letter|suffix|prefix|ind(?:icator)?|"
    r"quad(?:rant)?|card(?:inal)?|pole|side|half|char|ns|sn|ew|we|northsouth|eastwest)"
)
_NS, _EW = r"(?:ns|sn|northsouth|northorsouth)", r"(?:ew|we|eastwest|eastorwest)"
_WHOSE = r"(?P<whose>\w*?)"
_ALT = r"(?:altitude|alt|height|elevation|elev|ele)"


class Qualifier(enum.Enum):
    """What a name says that its value is."""

    LAT_HALF = "N or S"
    LON_HALF = "E or W"
    HALVES = "N or S, E or W, or both"
    SYSTEM = "a reference system"
    ANGLE_UNIT = "a unit of angles"
    PART = "minutes or seconds of a position"
    ZONE = "a zone of UTM"
    ALT_UNIT = "a unit of altitudes"
    ALT_FROM = "what altitudes are measured from"


_NAMES = (
    (Qualifier.LAT_HALF, re.compile(rf"{_WHOSE}(?:{_LAT}{_MARK}|{_MARK}{_LAT})|{_NS}{_MARK}?|{_MARK}{_NS}")),
    (Qualifier.LON_HALF, re.compile(rf"{_WHOSE}(?:{_LON}{_MARK}|{_MARK}{_LON})|{_EW}{_MARK}?|{_MARK}{_EW}")),
    (
        Qualifier.HALVES,
        re.compile(r"(?:gps|geo)?(?:hemispheres?|hemi|hemis|quadrant|cardinals?|nsew|latlon(?:ref|dir))"),
    ),
    (Qualifier.PART, re.compile(rf"{_WHOSE}(?:{_LAT}|{_LON})(?:min(?:ute)?s?|sec(?:ond)?s?|frac(?:tion)?)")),
    (Qualifier.ZONE, re.compile(r"utm(?:grid)?zone(?:no|number)?|zoneutm")),
    (Qualifier.ALT_FROM, re.compile(rf"(?:gps)?(?:{_ALT}(?:ref(?:erence)?|mode|frame|type|datum)|v(?:ertical)?datum)")),
    (Qualifier.ALT_UNIT, re.compile(rf"(?:gps)?(?:{_ALT}units?|units?(?:of)?{_ALT})")),
    (
        Qualifier.ANGLE_UNIT,
        re.compile(
            rf"(?:{_LAT}|{_LON}|latlon(?:g)?|coord(?:inate)?s?|pos(?:ition)?s?|angles?|angular)(?:units?|format)|"
            r"units?(?:of)?(?:angles?|coord(?:inate)?s?)|units?"
        ),
    ),
    (
        Qualifier.SYSTEM,
        re.compile(
            r"(?:gps|geo|geodetic|map|gpsmap|horizontal|source|coord(?:inate)?s?|pos(?:ition)?s?)?"
            r"(?:datum|crs|srs|srid|epsg|wkid|projection|(?:coord(?:inate)?s?)?ref(?:erence)?sys(?:tem)?|"
            r"coord(?:inate)?s?sys(?:tem)?|spatialref(?:erence)?(?:sys(?:tem)?)?)"
            r"(?:code|name|id)?"
        ),
    ),
)

_NORTH_EAST = {"n": "N", "north": "N", "northern": "N", "nord": "N", "e": "E", "east": "E", "eastern": "E"}
_SOUTH_WEST = {"s": "S", "south": "S", "southern": "S", "w": "W", "west": "W", "western": "W"}
_LETTERS = _NORTH_EAST | _SOUTH_WEST
_SIGNS = {"+": 0, "+1": 0, "1": 0, "-": 1, "-1": 1}
_SYSTEMS = re.compile(
    r"(?:urnogcdefcrs|https?wwwopengisnetdefcrs)?(?:worldgeodeticsystem(?:19)?84|(?:gcs)?wgs(?:19)?84(?:g\d+)?|"
    r"(?:epsg)?0?(?:4326|4979)|(?:ogc)?(?:13)?crs84h?|geographic|latlon|latlong|lonlat|longlat|"
    # Within two metres of WGS 84, which is less than a drone's own GPS knows.
    r"(?:epsg)?0?(?:4258|4269|4490|4283|7844|4167|6668|4612)|etrs(?:19)?89|nad83|cgcs2000|gda94|gda2020|jgd2011|"
    r"itrf(?:20)?\d\d)+"
)
_COURSE = re.compile(r"[0-9]{1,3}(?:\.[0-9]*)?")
_DATE = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}|\d{6,}|\d{1,2}:\d\d")
_DEGREES = frozenset({"deg", "degs", "degree", "degrees", "decimaldegrees", "degreesdecimal", "decimaldegree", "dd",
                      "decdeg", "decimal", "°", "d", "ddd", "dddddd", "wgs84"})  # fmt: skip
_OTHER_ANGLES = re.compile(
    "rad|radians?|mrad|e7|1e7|dege7|microdeg(?:rees?)?|dms|ddmmss|dm|ddm|dmm|ddmm|dddmm|ddmmmm|ddmmmmmm|nmea|gons?|grads?|"
    "mils?|arcmin(?:utes?)?|arcsec(?:onds?)?|minutes?|seconds?"
)
_METRES = {"m": 1.0, "metre": 1.0, "metres": 1.0, "meter": 1.0, "meters": 1.0, "metric": 1.0, "ft": 0.3048,
           "foot": 0.3048, "feet": 0.3048, "imperial": 0.3048}  # fmt: skip
_OWN = frozenset({"", "gps", "exif", "exifgps", "geo", "position", "pos", "wp", "waypoint", "point", "location", "raw"})
_LONGEST_NAME = 60
_ELSEWHERE = ("dest", "poi", "home", "target", "base", "station")
_NO_HALVES = re.compile(
    "head|course|wind|bear|facing|aspect|orient|cog|name|label|runway|wall|slope|view|compass|yaw|azi|title|desc|"
    "comment|dest|poi|home|target|base|station"
)
DEGREES_HINT = "Save the positions in decimal degrees, WGS 84, with a minus for south and west."


Half = Literal[Qualifier.LAT_HALF, Qualifier.LON_HALF]


class Degrees(NamedTuple):
    """A latitude or a longitude as it is written."""

    value: float
    is_positive: bool
    """It says so itself, by a plus or by a letter."""


class Said(msgspec.Struct, frozen=True):
    """What one of them says of a position."""

    qualifier: Qualifier
    text: str
    place: str
    """Where it stands, with its name."""
    is_vague: bool = False
    """Its name may mean something else."""


def key_of(name: str) -> str:
    """Return a name's letters and digits, lowered: ``GPS Latitude-Ref`` and ``gps_latituderef`` are one."""
    return re.sub(r"[^0-9a-z°]", "", name.lower())


def qualifier_of(name: str, others: Iterable[str] = ()) -> Qualifier | None:
    """Return what a name says that its value is, None for a name that says nothing of positions and altitudes.

    ``others`` are the names beside it: what belongs to another position than the one that is read, as
    ``GPSDestLatitudeRef`` does to ``GPSDestLatitude``, says nothing of this one.
    """
    key = key_of(name)
    for qualifier, pattern in _NAMES:
        match = pattern.fullmatch(key)
        if match is None:
            continue
        whose = match.groupdict().get("whose") or ""
        if whose in _OWN:
            return None if qualifier is Qualifier.PART and _is_least(key, others) else qualifier
        axis = r"(?:latitude|lat)|(?:longitude|long|lon|lng)"
        is_anothers = whose.endswith(_ELSEWHERE) or any(
            re.fullmatch(rf"{re.escape(whose)}(?:{axis})", key_of(other)) for other in others
        )
        return None if is_anothers else qualifier
    return None


@lru_cache(maxsize=256)
def qualifiers_among(names: tuple[str, ...]) -> tuple[tuple[str, Qualifier], ...]:
    """Return those of the names that say something of a position or an altitude beside them, and what."""
    found = ((name, qualifier_of(name, names)) for name in names if len(name) <= _LONGEST_NAME)
    return tuple((name, qualifier) for name, qualifier in found if qualifier is not None)


def _is_least(key: str, others: Iterable[str]) -> bool:
    """True for ``lat_min`` beside ``lat_max``: the least of latitudes, no minutes."""
    return key.endswith("min") and f"{key[:-3]}max" in map(key_of, others)


def may_say_halves(name: str) -> bool:
    """False for names of columns whose N, S, E and W are directions or words, whatever they stand for."""
    return not _NO_HALVES.search(key_of(name))


def letters_of(said: Said) -> str:
    """Return the hemispheres that it says, such as ``S`` or ``NE``. Raises ``FlightFormatError`` naming its place."""
    text = said.text.strip().lower().strip(".")
    if said.qualifier in (Qualifier.LAT_HALF, Qualifier.LON_HALF) and text in _SIGNS:
        return ("NS" if said.qualifier is Qualifier.LAT_HALF else "EW")[_SIGNS[text]]
    words = [text] if text in _LETTERS else re.findall(r"[a-z]+", text)
    if len(words) == 1 and len(words[0]) == 2 and words[0] not in _LETTERS:
        words = list(words[0])
    letters = "".join(_LETTERS.get(word, "?") for word in words)
    allowed = {Qualifier.LAT_HALF: ("N", "S"), Qualifier.LON_HALF: ("E", "W")}.get(
        said.qualifier, ("N", "S", "E", "W", "NE", "NW", "SE", "SW", "EN", "ES", "WN", "WS")
    )
    if letters not in allowed:
        seen = f"'{escaped(said.text, 40)}'" if said.text.strip() else "missing"
        raise FlightFormatError(f"{said.place}: {seen}, expected {said.qualifier.value}", hint=DEGREES_HINT)
    return letters


def turned(value_deg: float, said: Iterable[Said], *, is_positive: bool = False) -> float:
    """Return a latitude or a longitude with the sign that its letters give it; ``is_positive``: it has said so itself.

    Raises ``FlightFormatError``, naming the place, for what is no letter, and for two words that disagree.
    """
    positive: Said | None = None
    negative: Said | None = None
    for one in said:
        for letter in letters_of(one):
            if letter in "NE":
                positive = one
            else:
                negative = one
    last = negative or positive
    if last is None or value_deg == 0.0:
        return value_deg
    if positive is not None and negative is not None:
        raise FlightFormatError(
            f"{positive.place}: {letters_of(positive)}, and {negative.place}: {letters_of(negative)}", hint=DEGREES_HINT
        )
    if value_deg < 0.0 if negative is None else value_deg > 0.0 and is_positive:
        seen = f"{letters_of(last)}, where the number is {value_deg:+.10g}"
        raise FlightFormatError(
            f"{last.place}: {seen}: the sign and the letter disagree",
            hint="Mend the one that is wrong, and save the file again.",
        )
    return value_deg if negative is None else -abs(value_deg)


def placed(lat: Degrees, lon: Degrees, said: Sequence[Said]) -> tuple[float, float]:
    """Return latitude and longitude as all that is said of them makes them.

    Raises ``FlightFormatError``, naming the place, for what is not understood, and for two words that disagree.
    """
    halves: dict[Half, list[Said]] = {Qualifier.LAT_HALF: [], Qualifier.LON_HALF: []}
    for one in said:
        if one.qualifier is Qualifier.LAT_HALF or one.qualifier is Qualifier.LON_HALF:
            halves[one.qualifier].append(one)
        elif one.qualifier is Qualifier.HALVES:
            for letter in letters_of(one):
                half: Half = Qualifier.LAT_HALF if letter in "NS" else Qualifier.LON_HALF
                halves[half].append(Said(half, letter, one.place))
    lat_deg = turned(lat.value, halves[Qualifier.LAT_HALF], is_positive=lat.is_positive)
    lon_deg = turned(lon.value, halves[Qualifier.LON_HALF], is_positive=lon.is_positive)
    for one in said:
        _check(one, lat_deg, lon_deg)
    return lat_deg, lon_deg


def is_wgs84(name: str) -> bool:
    """True for a name of WGS 84, or of a reference system that lies within two metres of it."""
    return bool(_SYSTEMS.fullmatch(key_of(name)))


def metres_per_unit(said: Said) -> float:
    """Return what a unit of altitudes is in metres. Raises ``FlightFormatError`` naming its place."""
    metres = _METRES.get(key_of(said.text))
    if metres is None:
        raise FlightFormatError(f"{said.place}: '{escaped(said.text, 40)}', expected m or ft")
    return metres


def _check(said: Said, lat_deg: float, lon_deg: float) -> None:
    """Raise ``FlightFormatError`` for what makes degrees of WGS 84 of none; return for the rest."""
    key = key_of(said.text)
    if not said.text.strip():
        return
    refused = ""
    match said.qualifier:
        case Qualifier.SYSTEM:
            # "Datum" is the date in half of Europe, and "crs" the course of a ship.
            if not is_wgs84(said.text) and not _DATE.search(said.text) and not _COURSE.fullmatch(said.text.strip()):
                refused = "another reference system than WGS 84"
        case Qualifier.ANGLE_UNIT:
            # A column that is called "unit" and nothing more may count squadrons.
            if _OTHER_ANGLES.fullmatch(key) if said.is_vague else key not in _DEGREES:
                refused = "positions in another unit than decimal degrees"
        case Qualifier.PART:
            if said.text.strip(" 0.,+-"):
                refused = f"{said.qualifier.value} apart from its degrees"
        case Qualifier.ZONE:
            refused = _zone_denies(said.text, lat_deg, lon_deg)
        case _:
            pass  # altitudes are not of the position
    if refused:
        raise FlightFormatError(f"{said.place}: '{escaped(said.text, 40)}': {refused}", hint=DEGREES_HINT)


def _zone_denies(text: str, lat_deg: float, lon_deg: float) -> str:
    """Return what is wrong where a position lies far from its zone of UTM; empty where it doesn't."""
    match = re.fullmatch(r"\s*(?:utm)?\s*(?:zone)?\s*(\d{1,2})\s*([a-z])?\s*", text, re.IGNORECASE)
    if match is None:
        return ""
    zone, band = int(match[1]), (match[2] or "").upper()
    apart = abs((lon_deg + 180.0) / 6.0 + 0.5 - zone) % 60.0
    # N and S may stand for bands of both halves, or for the halves.
    wrong_half = bool(band) and band not in "NS" and (band > "M") != (lat_deg >= 0.0)
    if min(apart, 60.0 - apart) > 1.5 or wrong_half:
        return f"a zone of UTM in which {lat_deg:.6g}, {lon_deg:.6g} does not lie"
    return ""
