"""What one provider gave, in numbers."""

from __future__ import annotations


class Tally:
    """The counts of one provider's pass."""

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
        self.imagery_dates: tuple[str, str] | None = None

    def note_imagery(self, date: str | None, *, downgraded: bool) -> None:
        """Note when the imagery of a tile that is used was taken."""
        if downgraded:
            self.downgraded += 1
        if date is None:
            self.undated += 1
        else:
            oldest, newest = self.imagery_dates or (date, date)
            self.imagery_dates = (min(oldest, date), max(newest, date))
