"""What the changelog says to authors of plugins."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class ContractItem:
    """One item under *Plugin contract*; ``release`` is the heading that it stands under, such as ``Unreleased``."""

    release: str
    text: str

    def names(self, name: str) -> bool:
        """Tell whether ``name`` stands in its backticks, whole, in upper or lower case."""
        spans = re.findall(r"`([^`]*)`", self.text)
        return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", span, re.IGNORECASE) for span in spans)


def contract_items(changelog: str) -> list[ContractItem]:
    """Return the items under each *Plugin contract*, newest release first, as the file has them."""
    items: list[ContractItem] = []
    release, inside = "", False
    for line in changelog.splitlines():
        if found := re.match(r"## \[([^\]]+)\]", line):
            release, inside = found[1], False
        elif line.startswith("### "):
            inside = line.strip() == "### Plugin contract"
        elif inside and line.startswith("- "):
            items.append(ContractItem(release, line[2:]))
        elif inside and line.startswith("  ") and items:
            items[-1] = ContractItem(release, f"{items[-1].text} {line.strip()}")
    return items
