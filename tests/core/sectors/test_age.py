"""How old imagery may be: calendar months, and the oldest reading of a date that leaves some open."""

from __future__ import annotations

from datetime import date

import pytest

from operator_tool.sectors import Freshness, SectorKind, judge_date

CONFLICT, REAR = SectorKind.ACTIVE_CONFLICT, SectorKind.STABLE_REAR
FRESH, OLD, DOWNGRADED, UNKNOWN = Freshness.FRESH, Freshness.TOO_OLD, Freshness.DOWNGRADED, Freshness.UNKNOWN


@pytest.mark.parametrize(
    ("kind", "imagery_date", "today", "expected"),
    [
        (CONFLICT, "2026-05-23", date(2026, 11, 23), FRESH),
        (CONFLICT, "2026-05-22", date(2026, 11, 23), OLD),
        (CONFLICT, "2026-02-28", date(2026, 8, 31), FRESH),
        (CONFLICT, "2026-02-27", date(2026, 8, 31), OLD),
        (CONFLICT, "2025-12-31", date(2026, 6, 30), FRESH),
        (CONFLICT, "2025-12-29", date(2026, 6, 30), OLD),
        (CONFLICT, "2025-07-15", date(2026, 1, 15), FRESH),
        (CONFLICT, "2024-02-29", date(2024, 8, 31), FRESH),
        (REAR, "2025-11-23", date(2026, 11, 23), FRESH),
        (REAR, "2025-11-22", date(2026, 11, 23), DOWNGRADED),
        (REAR, "2023-02-28", date(2024, 2, 29), FRESH),
        (REAR, "2023-02-27", date(2024, 2, 29), DOWNGRADED),
        (REAR, "2023-02-28", date(2024, 2, 28), FRESH),
        (REAR, "1999-01-01", date(2026, 11, 23), DOWNGRADED),
    ],
)
def test_imagery_of_just_so_many_months_is_fresh_and_one_day_more_is_not(
    kind: SectorKind, imagery_date: str, today: date, expected: Freshness
) -> None:
    """Six months for a conflict, twelve for the rear; where the month has no such day its last counts."""
    assert judge_date(kind, imagery_date, today) is expected


@pytest.mark.parametrize(
    ("text", "first_day"),
    [
        ("2026-06", "2026-06-01"),
        ("2026", "2026-01-01"),
        ("2026-06-10T23:59:59", "2026-06-10"),
        ("2026-06-10 12:00", "2026-06-10"),
        ("2026-06-10T12:00:00.123Z", "2026-06-10"),
        ("2026-06-10T01:00:00+02:00", "2026-06-09"),
        ("2026-06-10T23:00:00-02:00", "2026-06-11"),
        ("2026-06-10/2026-11-20", "2026-06-10"),
        ("2026-06/2026-11", "2026-06-01"),
        ("20260610", "2026-06-10"),
        (" 2026-06-10 ", "2026-06-10"),
    ],
)
def test_a_date_that_leaves_days_open_is_read_as_the_oldest(text: str, first_day: str) -> None:
    """It is fresh until just six months after its first day, and not a day longer."""
    year, month, day = map(int, first_day.split("-"))
    last_fresh = date(year, month + 6, day) if month <= 6 else date(year + 1, month - 6, day)
    assert judge_date(CONFLICT, text, last_fresh) is FRESH
    assert judge_date(CONFLICT, text, date.fromordinal(last_fresh.toordinal() + 1)) is OLD


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "yesterday",
        "2026-13",
        "2026-02-30",
        "2026-00-01",
        "0000",
        "26-06-10",
        "10/06/2026",
        "2026-06-10Tnoon",
        "../2026-06-10",
        "٢٠٢٦-٠٦-١٠",
        "2026-06-10" + " " * 100,
        "9999-12-31T23:59:59-14:00",
    ],
)
def test_what_can_not_be_read_is_unknown(text: str | None) -> None:
    """And neither fresh nor old."""
    assert judge_date(CONFLICT, text, date(2026, 11, 23)) is UNKNOWN
    assert judge_date(REAR, text, date(2026, 11, 23)) is UNKNOWN


def test_a_date_to_come_is_unknown_but_for_the_difference_of_clocks() -> None:
    """Tomorrow is today elsewhere on the earth; next year is a mistake that must not keep a tile fresh for ever."""
    today = date(2026, 11, 23)
    assert judge_date(CONFLICT, "2026-11-24", today) is FRESH
    assert judge_date(CONFLICT, "2026-11-25", today) is UNKNOWN
    assert judge_date(CONFLICT, "2062-06-10", today) is UNKNOWN
