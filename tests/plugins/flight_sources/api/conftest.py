"""What holds for every test of the flights service."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def no_task_is_left_behind(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """However a request ended, its loop was closed with nothing pending; asyncio says otherwise only to the log."""
    yield
    gc.collect()
    records = [*caplog.get_records("call"), *caplog.records]
    assert [record.getMessage() for record in records if record.name == "asyncio" and record.levelname == "ERROR"] == []
