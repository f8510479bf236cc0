"""What one provider gave, in numbers."""

from __future__ import annotations

import threading
from collections import Counter
from typing import NamedTuple

from operator_tool.api.tiles import PictureFormat


class Looks(NamedTuple):
    """What is counted of one tile that is used."""

    format: PictureFormat
    imagery_date: str | None
    """None where it has none that can be believed."""
    downgraded: bool
    unjudged: str | None
    """The kind of the sector whose rule can't be applied to it."""


class Tally:
    """The counts of one provider's pass: of what is durable, but for the bytes and the corrupt answers."""

    def __init__(self) -> None:
        self.reused = 0
        self.unchanged = 0
        """Of the reused ones: those that the provider confirmed without sending them."""
        self.downloaded = 0
        self.downloaded_bytes = 0
        self.corrupt = 0
        self.taken_back = 0
        """Placeholders that were found to be some after they had been handed on."""
        self.undated = 0
        self.downgraded = 0
        self.unjudged: Counter[str] = Counter()
        """Tiles without a date in a sector, by the kind of the sector: its rule can't be applied to them."""
        self.formats: Counter[PictureFormat] = Counter()
        """The pictures' formats."""
        self.imagery_dates: tuple[str, str] | None = None
        self._lock = threading.Lock()
        """What is held is noted by whoever pulls the wanted tiles, what arrives by whoever commits it."""

    def note_arrival(self, looks: Looks, *, unchanged: bool) -> None:
        """Note a tile that the provider gave, or confirmed."""
        with self._lock:
            if unchanged:
                self.reused += 1
                self.unchanged += 1
            else:
                self.downloaded += 1
            self._note_looks(looks)

    def note_held(self, looks: Looks) -> None:
        """Note a tile that is used as it was held."""
        with self._lock:
            self.reused += 1
            self._note_looks(looks)

    def take_back(self, *, downloaded: int, reused: int) -> None:
        """Note that tiles which were handed on turned out to be placeholders."""
        with self._lock:
            self.downloaded -= downloaded
            self.reused -= reused
            self.taken_back += downloaded + reused

    def _note_looks(self, looks: Looks) -> None:
        self.formats[looks.format] += 1
        if looks.downgraded:
            self.downgraded += 1
        if looks.unjudged is not None:
            self.unjudged[looks.unjudged] += 1
        date = looks.imagery_date
        if date is None:
            self.undated += 1
        else:
            oldest, newest = self.imagery_dates or (date, date)
            self.imagery_dates = (min(oldest, date), max(newest, date))
