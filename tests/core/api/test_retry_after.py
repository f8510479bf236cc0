"""``Retry-After``: how long a server asks to be left alone."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest

from operator_tool.api import retry_after_s


@pytest.mark.parametrize(
    ("value", "pause_s"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("-1", None),
        ("soon", None),
        ("9" * 5_000, None),
        ("1e3", None),
        ("", None),
        (None, None),
    ],
)
def test_case_037_retry_after_in_seconds(value: str | None, pause_s: float | None) -> None:
    """What makes no sense is as good as none."""
    assert retry_after_s(value) == pause_s


def test_case_037_retry_after_as_a_date() -> None:
    """A date ahead is the wait until then, one that has passed no wait."""
    assert retry_after_s(formatdate(time.time() + 60, usegmt=True)) == pytest.approx(60, abs=3)
    assert retry_after_s("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
    assert retry_after_s("Wed, 99 Oct 2015 07:28:00 GMT") is None
