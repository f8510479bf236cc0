"""What the workstation sends: bounded ahead of the answers, in their order, and a table that is digested rightly."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from operator_tool.api import PictureFormat, TileId, TileRecord, TileTable, TransferError, tiles_digest
from operator_tool_plugins.provisioners.c10 import transfer
from operator_tool_plugins.provisioners.c10.transfer import WINDOW_TILES, Sender
from operator_tool_plugins.provisioners.c10.wire import cancel_frame, lacking
from tests.support.c10_rig import Supply, context_of, picture, record_of, supply_of


def bits(mask: list[int]) -> str:
    """Return the base64 of these bytes."""
    return base64.b64encode(bytes(mask)).decode()


class Endless(Supply):
    """A supply that counts how far it was pulled."""

    pulled = 0

    def batches(self) -> Iterator[Sequence[TileRecord]]:
        """Yield batches for ever."""
        while True:
            self.pulled += 100
            yield [record_of(self.pulled + place, b"x" * 10) for place in range(100)]


def test_no_more_is_offered_than_the_window_holds(tmp_path: Path) -> None:
    """Without answers the offering stops, however much the supply has; it ends when told so."""
    supply = Endless([picture(1)])
    sender = Sender(supply, context_of(tmp_path))
    frames = sender.chunks()
    for frame in frames:
        assert frame[0] == 1
        if supply.pulled >= WINDOW_TILES or supply.pulled >= 100 * transfer.WINDOW_BATCHES:
            break
    sender.end()
    assert list(frames) == [cancel_frame()]
    assert supply.pulled <= WINDOW_TILES + 100


def test_a_cancelled_run_stops_the_sender(tmp_path: Path) -> None:
    """Who waits for answers looks whether the run was given up."""
    context = context_of(tmp_path)
    sender = Sender(supply_of(10), context)
    frames = sender.chunks()
    next(frames)
    context.cancelled.set()
    with pytest.raises(TransferError, match="given up"):
        next(frames)


@pytest.mark.parametrize(
    ("batch", "mask"), [(1, "AA=="), (-1, "AA=="), ("0", "AA=="), (None, "AA=="), (0, None), (0, 5), (True, "AA==")]
)
def test_an_answer_out_of_turn_is_refused(tmp_path: Path, batch: object, mask: object) -> None:
    """Only the next offer's answer counts, once."""
    sender = Sender(supply_of(8), context_of(tmp_path))
    next(sender.chunks())
    with pytest.raises(TransferError, match="out of turn"):
        sender.answered(batch, mask)


def test_an_answer_to_no_offer_is_refused(tmp_path: Path) -> None:
    """Nothing was offered yet."""
    with pytest.raises(TransferError, match="not made"):
        Sender(supply_of(8), context_of(tmp_path)).answered(0, "AA==")


def test_the_bits_name_tiles_from_the_first_on() -> None:
    """The highest bit of the first byte is the first tile."""
    records = supply_of(10).records
    assert lacking(records, bits([0b10000001, 0b01000000])) == [records[0], records[7], records[9]]
    assert lacking(records[:8], bits([0])) == []


@pytest.mark.parametrize("text", [bits([0]), bits([0, 0, 0]), bits([0, 1]), "!", "AAA", "ÄÄ=="])
def test_bits_that_do_not_fit_the_offer_are_refused(text: str) -> None:
    """Too few, too many, some beyond the last tile, or no base64."""
    with pytest.raises(ValueError, match="bits"):
        lacking(supply_of(10).records, text)


def test_an_answer_that_cannot_be_read_ends_the_sending(tmp_path: Path) -> None:
    """The sender raises in the transport's thread, which passes it on."""
    sender = Sender(supply_of(8), context_of(tmp_path))
    frames = sender.chunks()
    next(frames)
    sender.answered(0, "!")
    with pytest.raises(TransferError, match="can't be read"):
        next(frames)


def test_the_table_digests_as_the_contract_says() -> None:
    """In whatever order tiles come, over rows and zooms, the digest is that of the sorted rows."""
    rows = [
        (z, x, y, bytes([z, x % 256, y % 256] * 8) + b"12345678") for z in (3, 16) for x in range(8) for y in range(8)
    ]
    shuffled = list(rows)
    random.Random(1).shuffle(shuffled)
    table = TileTable()
    for z, x, y, sha256 in shuffled:
        table.add([TileRecord(TileId(z, x, y), sha256, 100, PictureFormat.PNG if z == 3 or x else PictureFormat.JPEG)])
    assert table.digest() == tiles_digest(iter(rows))
    assert (table.tiles, table.bytes, table.zooms, table.format) == (128, 12_800, [3, 16], "png")


def test_a_sender_that_has_nothing_to_send_says_that_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the download has nothing ready, and while answers are awaited, a frame of nothing goes out now and then."""

    class Slow(Supply):
        def batches(self) -> Iterator[Sequence[TileRecord]]:
            yield []
            yield []
            yield self.records

    monkeypatch.setattr(transfer, "PING_S", 0.0)
    sender = Sender(Slow(list(supply_of(8).pictures.values())), context_of(tmp_path))
    frames = sender.chunks()
    assert [next(frames)[0] for _ in range(5)] == [0, 0, 1, 0, 0]
    sender.answered(0, bits([0]))
    assert next(frame[0] for frame in frames if frame[0] != 0) == 3


def test_what_was_answered_is_sent_while_the_download_has_nothing_ready(tmp_path: Path) -> None:
    """An answer does not wait for the next batch of the download."""

    class Slow(Supply):
        def batches(self) -> Iterator[Sequence[TileRecord]]:
            yield self.records
            yield []
            raise AssertionError("what is lacking goes first")

    sender = Sender(Slow(list(supply_of(8).pictures.values())), context_of(tmp_path))
    frames = sender.chunks()
    assert next(frames)[0] == 1
    sender.answered(0, bits([0xFF]))
    assert next(frames)[0] == 2
