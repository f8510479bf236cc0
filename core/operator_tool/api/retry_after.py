"""The ``Retry-After`` header (RFC 9110, section 10.2.3)."""

from __future__ import annotations

import re
import time


def retry_after_s(value: str | None) -> float | None:
    """Return the seconds to wait from now, from a number or a date; None when it says nothing that makes sense."""
    if value is None:
        return None
    text = value.strip()
    if re.fullmatch(r"[0-9]{1,12}", text):
        return float(text)
    # Here, since few servers write a date and it takes its time.
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
