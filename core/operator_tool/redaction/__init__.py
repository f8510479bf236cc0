"""The process's one exit for text: what leaves is redacted here, after parsing and before showing.

``REDACTOR.line`` and ``REDACTOR.text`` for text, ``REDACTOR.value`` for reports and events, ``install`` for the ways
out that nobody calls by name: log records, exception hooks, warnings. Redact first and cut to length afterwards: half a
secret is not recognised.
"""

from .redactor import LINE_WITHHELD, REDACTOR, RedactedStream, Redactor
from .sinks import RedactingFilter, RedactingFormatter, install
from .text_stream import RedactingText

__all__ = [
    "LINE_WITHHELD",
    "REDACTOR",
    "RedactedStream",
    "RedactingFilter",
    "RedactingFormatter",
    "RedactingText",
    "Redactor",
    "install",
]
