"""Which certificate authorities libcurl is to trust."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from operator_tool.api import ConfigError, escape_controls


def check_ca_file(path: Path, *, setting: str) -> None:
    """Raise ``ConfigError`` for a file that holds no certificate that can be read."""
    import ssl

    shown = f"{setting} {escape_controls(str(path), limit=200)}"
    hint = "Name a PEM file: it holds 'BEGIN CERTIFICATE' for each authority that is to be trusted."
    if not path.is_file():
        raise ConfigError(f"{shown} is not a file", hint=hint)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cafile=path)
    except ssl.SSLError:
        raise ConfigError(f"{shown} holds no certificate that can be read", hint=hint) from None
    except OSError as error:
        raise ConfigError(f"{shown} can't be read: {error.strerror}", hint="Check the file's mode and owner.") from None
    if not context.cert_store_stats()["x509"]:
        raise ConfigError(f"{shown} holds no certificate", hint=hint)


def trust(curl: Any, pycurl: Any, ca_file: Path | None) -> None:
    """Have a handle trust the authorities of a file, or those that the system keeps, and no others.

    libcurl's own guess of where they are is another system's.
    """
    curl.setopt(pycurl.SSL_VERIFYPEER, 1)
    curl.setopt(pycurl.SSL_VERIFYHOST, 2)
    file, folder = (str(ca_file), None) if ca_file is not None else _of_the_system()
    for option, value in (
        (pycurl.CAINFO, file),
        (pycurl.CAPATH, folder),
        (pycurl.PROXY_CAINFO, file),
        (pycurl.PROXY_CAPATH, folder),
    ):
        if value is None:
            curl.unsetopt(option)
        else:
            curl.setopt(option, value)


def _of_the_system() -> tuple[str | None, str | None]:
    """Return a file and a folder: those that ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` name, or OpenSSL's own."""
    import ssl

    paths = ssl.get_default_verify_paths()
    file = paths.cafile if paths.cafile and Path(paths.cafile).is_file() else None
    has_folder = paths.capath and Path(paths.capath).is_dir() and any(Path(paths.capath).iterdir())
    folder = paths.capath if has_folder else None
    if file is None and folder is None:
        import certifi

        return certifi.where(), None
    return file, folder
