"""True lengths and places on WGS 84, written for the tests from the formulas' own sources, apart from the code.

Vincenty, T. (1975): Direct and inverse solutions of geodesics on the ellipsoid. Survey Review 23 (176).
"""

from __future__ import annotations

import math

_A = 6_378_137.0
_F = 1.0 / 298.257_223_563
_B = _A * (1.0 - _F)


def destination(lat_deg: float, lon_deg: float, azimuth_deg: float, distance_m: float) -> tuple[float, float]:
    """Return latitude and longitude of the place that far away (Vincenty's direct solution)."""
    azimuth = math.radians(azimuth_deg)
    tan_u1 = (1.0 - _F) * math.tan(math.radians(lat_deg))
    cos_u1 = 1.0 / math.sqrt(1.0 + tan_u1 * tan_u1)
    sin_u1 = tan_u1 * cos_u1
    sigma1 = math.atan2(tan_u1, math.cos(azimuth))
    sin_alpha = cos_u1 * math.sin(azimuth)
    cos2_alpha = 1.0 - sin_alpha**2
    u2 = cos2_alpha * (_A**2 - _B**2) / _B**2
    big_a = 1.0 + u2 / 16384.0 * (4096.0 + u2 * (-768.0 + u2 * (320.0 - 175.0 * u2)))
    big_b = u2 / 1024.0 * (256.0 + u2 * (-128.0 + u2 * (74.0 - 47.0 * u2)))
    sigma = distance_m / (_B * big_a)
    for _ in range(20):
        mid = math.cos(2.0 * sigma1 + sigma)
        delta = (
            big_b
            * math.sin(sigma)
            * (
                mid
                + big_b
                / 4.0
                * (
                    math.cos(sigma) * (2.0 * mid**2 - 1.0)
                    - big_b / 6.0 * mid * (4.0 * math.sin(sigma) ** 2 - 3.0) * (4.0 * mid**2 - 3.0)
                )
            )
        )
        sigma = distance_m / (_B * big_a) + delta
    mid = math.cos(2.0 * sigma1 + sigma)
    sin_s, cos_s = math.sin(sigma), math.cos(sigma)
    lat = math.atan2(
        sin_u1 * cos_s + cos_u1 * sin_s * math.cos(azimuth),
        (1.0 - _F) * math.hypot(sin_alpha, sin_u1 * sin_s - cos_u1 * cos_s * math.cos(azimuth)),
    )
    lam = math.atan2(sin_s * math.sin(azimuth), cos_u1 * cos_s - sin_u1 * sin_s * math.cos(azimuth))
    c = _F / 16.0 * cos2_alpha * (4.0 + _F * (4.0 - 3.0 * cos2_alpha))
    lon = lam - (1.0 - c) * _F * sin_alpha * (sigma + c * sin_s * (mid + c * cos_s * (2.0 * mid**2 - 1.0)))
    return math.degrees(lat), lon_deg + math.degrees(lon)


def degree_lengths_m(lat_deg: float) -> tuple[float, float]:
    """Return the metres of one degree of latitude and of one of longitude (the usual series of three terms)."""
    lat = math.radians(lat_deg)
    return (
        111_132.954 - 559.822 * math.cos(2 * lat) + 1.175 * math.cos(4 * lat) - 0.0023 * math.cos(6 * lat),
        111_412.877 * math.cos(lat) - 93.504 * math.cos(3 * lat) + 0.117 * math.cos(5 * lat),
    )


def great_circle(a: tuple[float, float], b: tuple[float, float], pieces: int) -> list[tuple[float, float]]:
    """Return places along the great circle by turning about its axis; longitudes run on beyond 180."""
    start, end = _vector(*a), _vector(*b)
    axis = _cross(start, end)
    length = math.sqrt(_dot(axis, axis))
    if length == 0.0:
        return [a] * (pieces + 1)
    angle = math.atan2(length, _dot(start, end))
    side = tuple(value / length for value in _cross(axis, start))
    places: list[tuple[float, float]] = []
    for step in range(pieces + 1):
        turn = angle * step / pieces
        x, y, z = (math.cos(turn) * p + math.sin(turn) * q for p, q in zip(start, side, strict=True))
        lon_deg = math.degrees(math.atan2(y, x))
        if places:
            lon_deg += 360.0 * round((places[-1][1] - lon_deg) / 360.0)
        places.append((math.degrees(math.asin(max(-1.0, min(1.0, z)))), lon_deg))
    return places


_Vector = tuple[float, float, float]


def _vector(lat_deg: float, lon_deg: float) -> _Vector:
    lat, lon = math.radians(lat_deg), math.radians(lon_deg)
    return math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)


def _cross(p: _Vector, q: _Vector) -> _Vector:
    return p[1] * q[2] - p[2] * q[1], p[2] * q[0] - p[0] * q[2], p[0] * q[1] - p[1] * q[0]


def _dot(p: _Vector, q: _Vector) -> float:
    return sum(one * other for one, other in zip(p, q, strict=True))
