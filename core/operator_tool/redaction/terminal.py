"""Characters that would act on a terminal or a log instead of being shown."""

from __future__ import annotations

import re

_INVISIBLE = (
    "\x00-\x1f\x7f-\x9f"  # C0, DEL and C1: ESC, CR, BEL, CSI
    "\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # zero width, direction overrides
    "\ud800-\udfff"  # lone surrogates: bytes that were not UTF-8
    "\U000e0000-\U000e007f"  # tags
)
_TERMINAL_SEQUENCE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC: title, hyperlink, clipboard
    r"|\x1b[ -/]*[0-~]"  # the short ones
    r"|[^\x08]\x08"  # a character that is typed over
    f"|[{_INVISIBLE}]"
)


def drop_controls(text: str) -> str:
    """Return the text as a terminal would show it: without sequences, controls and what has no width."""
    return _TERMINAL_SEQUENCE.sub("", text)
