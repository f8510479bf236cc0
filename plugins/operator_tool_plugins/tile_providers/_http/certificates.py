"""Which certificate authorities libcurl is to trust."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def certificates(pycurl: Any) -> tuple[tuple[int, str], ...]:
    """Return where the system keeps the authorities it trusts; libcurl's own guess is another system's."""
    import ssl

    paths = ssl.get_default_verify_paths()
    found = []
    if paths.cafile and Path(paths.cafile).is_file():
        found.append((pycurl.CAINFO, paths.cafile))
    if paths.capath and Path(paths.capath).is_dir() and any(Path(paths.capath).iterdir()):
        found.append((pycurl.CAPATH, paths.capath))
    if not found:
        import certifi

        found.append((pycurl.CAINFO, certifi.where()))
    return tuple(found)
