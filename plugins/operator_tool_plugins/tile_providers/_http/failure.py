"""What libcurl's code for a failed transfer means: whether it may pass, and whose fault it is."""

from __future__ import annotations

import errno
import re
import socket
from typing import Any

from operator_tool.api import DownloadError, OperatorToolError

_BROKE_OFF = re.compile(r"reset|eof|syscall|broken pipe|zero.return|timed? ?out|closed|aborted|refused", re.IGNORECASE)
"""How TLS libraries say that a connection ended during the handshake; else they name what they don't agree on."""
_STARVED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL})
_PROXY_REFUSES = frozenset({401, 403, 407})


class TransferError(OperatorToolError):
    """One transfer failed in a way that may pass; ``overloaded`` where the server had too much to do."""

    def __init__(self, message: str, *, overloaded: bool = False) -> None:
        super().__init__(message)
        self.overloaded = overloaded


class StarvedError(TransferError):
    """This machine could not open one more connection: no descriptor, no memory, no port."""

    def __init__(self, message: str) -> None:
        super().__init__(message, overloaded=True)


def failure_of(pycurl: Any, curl: Any, code: int, text: str, *, host: str, name: str) -> TransferError | DownloadError:
    """Return our error for libcurl's; its texts name hosts, ports and certificates, never a path or a query.

    libcurl's errno may be that of an address that was tried before: it proves nothing about this failure.
    """
    if _is_untrusted(pycurl, code, text):
        return DownloadError(
            f"{host} can't be trusted: {text}",
            hint="Check the address, this machine's clock, and that the server's certificate is valid. Where an"
            " authority of your own vouches for it, or for a proxy on the way, name its certificate's PEM file:"
            f" {name}.ca_file.",
            retryable=False,
        )
    if code == pycurl.E_OPERATION_TIMEDOUT:
        return TransferError(f"{host} is too slow: {text}", overloaded=True)
    answered = curl.getinfo(pycurl.HTTP_CONNECTCODE)
    if answered in _PROXY_REFUSES:
        return DownloadError(
            f"the proxy of {name} refuses to connect to {host} (HTTP {answered})",
            hint=f"Check {name}.proxy, and what that proxy allows.",
            retryable=False,
        )
    if code in (pycurl.E_OUT_OF_MEMORY, pycurl.E_FAILED_INIT) or (
        code == pycurl.E_COULDNT_CONNECT and not answered and _is_starved(curl.getinfo(pycurl.OS_ERRNO))
    ):
        return StarvedError(f"this machine can open no more connections to {host}: {text}")
    return TransferError(f"{host} was not reached, or broke off: {text}")


def _is_untrusted(pycurl: Any, code: int, text: str) -> bool:
    """Say whether the TLS of a server is what failed, which never passes by itself."""
    if code == pycurl.E_SSL_CONNECT_ERROR:
        return _BROKE_OFF.search(text) is None
    return code in (
        pycurl.E_PEER_FAILED_VERIFICATION,
        pycurl.E_SSL_CACERT_BADFILE,
        pycurl.E_SSL_CERTPROBLEM,
        pycurl.E_SSL_CIPHER,
        pycurl.E_SSL_CRL_BADFILE,
        pycurl.E_SSL_INVALIDCERTSTATUS,
        pycurl.E_SSL_ISSUER_ERROR,
        pycurl.E_SSL_PINNEDPUBKEYNOTMATCH,
    )


def _is_starved(number: int) -> bool:
    """Say whether a connection that was not made was never tried: it left no errno, or this machine has none to give.

    A server that refused by one address may have left its errno behind for another that was never tried.
    """
    if not number or number in _STARVED:
        return True
    try:
        socket.socket().close()
    except OSError as error:
        return error.errno in _STARVED
    return False
