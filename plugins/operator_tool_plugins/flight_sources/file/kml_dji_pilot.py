"""What DJI Pilot's missions of before WPML say beyond KML, in the ``<ExtendedData>`` of the placemark with the line."""

from __future__ import annotations

from .xml_tree import Element


def is_above_takeoff(placemark: Element) -> bool:
    """True when the line's heights are above the takeoff point, though its altitude mode is relativeToGround."""
    height = placemark.find("ExtendedData", "droneInfo", "droneHeight")
    return height is not None and height.find_text("useAbsolute").lower() == "false"


def goes_home(placemark: Element) -> bool:
    """True when the mission ends with the way home."""
    return placemark.find_text("ExtendedData", "actionOnFinish").lower() == "gohome"
