"""The last step of every way that a secret may come."""

from __future__ import annotations

from operator_tool.api import ConfigError, Secret
from operator_tool.redaction import Redactor
from operator_tool.redaction.forms import MIN_SECRET_LENGTH

MAX_SECRET_BYTES = 64 * 1024


def checked_secret(text: str, what: str, redactor: Redactor) -> Secret:
    """Return the secret, known to the redactor from now on; ``what`` names it and where it came from in an error.

    Raises :class:`ConfigError` for one that is empty, or too short to be told from ordinary text.
    """
    if not text:
        raise ConfigError(f"{what} is empty")
    if len(text) < MIN_SECRET_LENGTH:
        raise ConfigError(
            f"{what} is shorter than {MIN_SECRET_LENGTH} characters, too short to be told from ordinary text in a log",
            hint="Use a longer secret, and check that it was not cut.",
        )
    secret = Secret(text)
    redactor.add(secret)
    return secret


def decoded_secret(raw: bytes, what: str) -> str:
    """Return the text without the one newline that an editor or a command puts at its end."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        # "from None": the exception carries the bytes.
        raise ConfigError(f"{what} is not UTF-8 text") from None
    return text.removesuffix("\n").removesuffix("\r")
