"""A route that grows item by item, as a mission's file is read, with what was left out or assumed on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec.structs import replace

from operator_tool.api import (
    AltitudeFrame,
    Camera,
    Fence,
    FlightFormatError,
    GroundPolygon,
    HomePosition,
    LeftOut,
    NoRouteError,
    RallyPoint,
    Waypoint,
)

from .._payload import MAX_WAYPOINTS
from .._position import check_position
from .found import Found
from .mavlink import (
    CURVED,
    FRAMES,
    GOES_TO,
    LOITERS,
    MISSION_FRAME,
    NO_PLACE,
    RETURN_TO_LAUNCH,
    SMALLEST_RADIUS_M,
    MissionItem,
)

_MAX_NOTES = 20
_MAX_LEFT_OUT = 1_000
_MAX_RADIUS_M = 1_000_000.0


class Route:
    """Collects the places among a mission's items, and notes what was left out."""

    def __init__(self) -> None:
        self._waypoints: list[Waypoint] = []
        self._areas: list[GroundPolygon] = []
        self._camera: Camera | None = None
        self._returns_at: str | None = None
        self._left_out: list[LeftOut] = []
        self._notes: list[str] = []
        self._more_notes = 0
        self._unknown: Counter[int] = Counter()
        self._curved: Counter[str] = Counter()
        self._circles_unknown: list[str] = []

    def __len__(self) -> int:
        return len(self._waypoints)

    def add(self, item: MissionItem) -> None:
        """Take the item when it is a place. Raises ``FlightFormatError`` when it is one that can't be on a map."""
        if item.command not in GOES_TO:
            # The places that a jump leads to are items of their own, so a jump adds nothing.
            if item.command == RETURN_TO_LAUNCH:
                self._returns_at = item.place
            elif item.command not in NO_PLACE and item.has_position:
                self._unknown[item.command] += 1
                self.leave_out(f"command {item.command} ({item.place})", [(item.lat_deg, item.lon_deg)])
            return
        if not item.has_position:
            self._stay(item)
            return
        if item.lat_deg is None or item.lon_deg is None:
            place, name = (item.lat_place, "latitude") if item.lat_deg is None else (item.lon_place, "longitude")
            raise FlightFormatError(f"{place}: {name} missing where the other of the two is given")
        if item.frame not in FRAMES and item.frame != MISSION_FRAME:
            expected = ", ".join(map(str, sorted(FRAMES)))
            raise FlightFormatError(f"{item.frame_place}: frame {item.frame}, expected a global one ({expected})")
        check_position(item.lat_deg, item.lon_deg, lat_place=item.lat_place, lon_place=item.lon_place)
        alt_frame = item.alt_frame or FRAMES.get(item.frame, AltitudeFrame.UNKNOWN)
        radius_m = _radius_m(item)
        self.add_place(item.place, item.lat_deg, item.lon_deg, item.alt_m, alt_frame, loiter_radius_m=radius_m)
        if item.frame == MISSION_FRAME and item.alt_frame is None:
            self.note(f"{item.frame_place}: frame 2 doesn't say what the altitude is measured from.")
        if item.command in CURVED:
            self._curved[CURVED[item.command]] += 1
        if item.command in LOITERS and not radius_m:
            self._circles_unknown.append(item.place)

    def _stay(self, item: MissionItem) -> None:
        """Note an item at the current position, which is that of the last place; a circle there belongs to it."""
        radius_m = _radius_m(item)
        if radius_m and self._waypoints:
            last = self._waypoints[-1]
            self._waypoints[-1] = replace(last, loiter_radius_m=max(radius_m, last.loiter_radius_m))
            return
        if item.command in LOITERS and self._waypoints:
            self._circles_unknown.append(item.place)
        where = "without a position" if item.lat_deg is None or item.lon_deg is None else "at 0, 0"
        self.note(f"{item.place}: command {item.command} {where} means the current position; left out.")

    def add_place(
        self,
        place: str,
        lat_deg: float,
        lon_deg: float,
        alt_m: float | None,
        alt_frame: AltitudeFrame,
        *,
        loiter_radius_m: float = 0.0,
    ) -> None:
        """Take a position that was checked."""
        if len(self._waypoints) == MAX_WAYPOINTS:
            raise FlightFormatError(f"{place}: more than {MAX_WAYPOINTS:,} waypoints")
        if self._returns_at is not None:
            self.note(f"{self._returns_at}: returns home, though places follow; that way home is left out.")
            self._returns_at = None
        self._waypoints.append(
            Waypoint(
                ordinal=len(self._waypoints),
                lat_deg=lat_deg,
                lon_deg=lon_deg,
                alt_m=alt_m,
                alt_frame=AltitudeFrame.UNKNOWN if alt_m is None else alt_frame,
                loiter_radius_m=loiter_radius_m,
                source=place,
            )
        )

    def circles_with_its_own_radius(self, place: str) -> None:
        """Note a circle whose radius the file doesn't give."""
        self._circles_unknown.append(place)

    def add_area(self, area: GroundPolygon) -> None:
        """Take ground that the drone flies over, anywhere in it."""
        self._areas.append(area)

    def leave_out(
        self, name: str, places: Sequence[tuple[float | None, float | None]], *, is_line: bool = False
    ) -> None:
        """Remember positions that are not flown to, as far as they are on the earth."""
        on_earth = tuple(
            (lat_deg, lon_deg)
            for lat_deg, lon_deg in places
            if lat_deg is not None and lon_deg is not None and abs(lat_deg) <= 90.0 and abs(lon_deg) <= 180.0
        )
        if on_earth and len(self._left_out) < _MAX_LEFT_OUT:
            self._left_out.append(LeftOut(name=name, places=on_earth, is_line=is_line))

    def plan_for(self, camera: Camera | None, *, place: str) -> None:
        """Take the camera that a part of the mission is planned for: a flight has one, so the first counts."""
        if camera is None or camera == self._camera:
            return
        if self._camera is None:
            self._camera = camera
        else:
            self.note(f"{place}: planned for another camera, {camera.name}; {self._camera.name} counts.")

    def note(self, sentence: str) -> None:
        """Remember what was left out or assumed."""
        if len(self._notes) < _MAX_NOTES:
            self._notes.append(sentence)
        else:
            self._more_notes += 1

    def found(
        self,
        format_name: str,
        *,
        listed: str,
        home: HomePosition | None = None,
        fences: Sequence[Fence] = (),
        rally_points: Sequence[RallyPoint] = (),
    ) -> Found:
        """Return what was collected. Raises ``NoRouteError`` with ``listed``, which names the list and its length."""
        if not self._waypoints:
            raise NoRouteError(f"{listed}, none of them a place")
        return Found(
            format=format_name,
            waypoints=tuple(self._waypoints),
            areas=tuple(self._areas),
            home=home,
            returns_home=self._returns_at is not None,
            fences=tuple(fences),
            rally_points=tuple(rally_points),
            camera=self._camera,
            left_out=tuple(self._left_out),
            notes=self._all_notes(),
        )

    def _all_notes(self) -> tuple[str, ...]:
        """Return the notes, the first twenty and how many more, and what was counted."""
        notes = list(self._notes)
        if self._more_notes:
            notes.append(f"{self._more_notes} more notes of this kind.")
        if self._circles_unknown:
            first, *others = self._circles_unknown
            more = f" and {len(others)} more" if others else ""
            notes.append(f"{first}{more}: loiters with the vehicle's own radius, which is unknown; no circle is added.")
        if self._curved:
            kinds = " and ".join(f"{count} {kind}{'s' * (count != 1)}" for kind, count in sorted(self._curved.items()))
            notes.append(f"{kinds} among the places; the route goes straight from each place to the next.")
        if self._unknown:
            commands = ", ".join(f"{command} ({count}×)" for command, count in sorted(self._unknown.items())[:10])
            notes.append(f"Commands that are not known as places, left out: {commands}.")
        return tuple(notes)


def radius_of(radius_m: float) -> float:
    """Return the radius of a circle without its sign, which is the direction; 0 where it says nothing but that."""
    return abs(radius_m) if abs(radius_m) > SMALLEST_RADIUS_M else 0.0


def _radius_m(item: MissionItem) -> float:
    radius_m = radius_of(item.loiter_radius_m or 0.0)
    if radius_m > _MAX_RADIUS_M:
        raise FlightFormatError(
            f"{item.place}: a loiter of {radius_m:g} m radius, expected at most {_MAX_RADIUS_M:,.0f}"
        )
    return radius_m
