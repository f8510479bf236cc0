"""The ledger of a download: what is durable, for any number of readers, from the first tile on."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from operator_tool.api import PictureFormat, TileId, TileRecord
from operator_tool.build_cache import ledger
from operator_tool.build_cache.ledger import Ledger


def record(number: int) -> TileRecord:
    """Return the record of one tile; no two are alike."""
    picture_format = (PictureFormat.JPEG, PictureFormat.PNG, PictureFormat.WEBP)[number % 3]
    return TileRecord(TileId(18, 140_000 + number, 90_000), number.to_bytes(32, "big"), 7 * number + 1, picture_format)


def nothing() -> None:
    """Let a reader wait."""


def test_every_reader_gets_every_tile_from_the_first() -> None:
    """One that comes late, or again, reads what the first one read."""
    written = Ledger()
    batches = [[record(0), record(1)], [record(2)], [record(n) for n in range(3, 2000)]]
    for batch in batches:
        written.add(batch)
    written.end()
    assert list(written.batches(nothing)) == batches
    assert list(written.batches(nothing)) == batches


def test_a_reader_waits_for_what_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches that come while it reads are read; an empty one says that nothing came for a while."""
    monkeypatch.setattr(ledger, "NOTHING_YET_S", 0.05)
    written = Ledger()
    seen: list[Sequence[TileRecord]] = []
    asked = threading.Event()

    def read() -> None:
        for batch in written.batches(nothing):
            seen.append(batch)
            if not batch:
                asked.set()

    reader = threading.Thread(target=read)
    reader.start()
    assert asked.wait(10), "no empty batch came"
    written.add([record(1)])
    asked.clear()
    assert asked.wait(10), "no second empty batch came"
    written.end()
    reader.join(10)
    assert [batch for batch in seen if batch] == [[record(1)]]
    assert seen[0] == ()


def test_a_reader_that_waits_is_ended_by_what_its_check_raises() -> None:
    """A run that is given up does not wait for a download that never ends."""

    class GivenUpError(Exception):
        """The check's own."""

    def check() -> None:
        raise GivenUpError

    with pytest.raises(GivenUpError):
        next(Ledger().batches(check))
