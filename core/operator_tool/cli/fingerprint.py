"""A key's fingerprint as an option."""

from __future__ import annotations

import re
from typing import Any

import click


class Fingerprint(click.ParamType[str]):
    """``SHA256:`` and 43 characters, as ssh-keygen prints it."""

    name = "fingerprint"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return it as OpenSSH writes it. Fails as a usage error."""
        text = str(value).strip().rstrip("=")
        if not re.fullmatch(r"SHA256:[A-Za-z0-9+/]{43}", text):
            self.fail(
                f"{value!r}: expected SHA256: and 43 characters, as ssh-keygen -lf prints a key's fingerprint",
                param,
                ctx,
            )
        return text
