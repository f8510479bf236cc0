"""What a store says when a picture that it holds can't be read back as it was written."""

from __future__ import annotations

from operator_tool.api import DownloadError


class DamagedTileError(DownloadError):
    """A stored picture has rotted. It and its like are forgotten by now, so that whoever asks again gets it anew."""
