"""One GET under a deadline for the whole of it and a cap on the decoded body."""

from __future__ import annotations

import asyncio
import os
import re
import ssl
import threading
import zlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

from operator_tool.api import ConfigError, Deadline, FlightError, FlightFormatError

from .._escaping import escaped
from .apart import run_apart

if TYPE_CHECKING:
    import httpx

_TICK_S = 0.1
"""How often a running request looks whether the run is being given up."""

_ERRNO = re.compile(r"^\[Errno -?\d+\] ")


class HttpLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The bounds of one request."""

    connect_s: float
    silence_s: float
    request_s: float
    body_bytes: int


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the service answered; the body is there where the status is 2xx."""

    status: int
    headers: Mapping[str, str]
    """The names are in lower case."""
    body: bytes


class BrokenConnectionError(Exception):
    """No whole answer came: unreachable, reset, cut short, silent. Another try may help."""


def http_get(
    url: str,
    *,
    headers: Mapping[str, str],
    ca_file: str | None,
    limits: HttpLimits,
    deadline: Deadline,
    cancelled: threading.Event,
) -> Answer:
    """Return the service's answer; redirects are not followed, and proxies and .netrc of the environment not used.

    Raises ``BrokenConnectionError`` where another try may help; ``FlightError`` where it won't: the certificate, the
    request's deadline, the run given up; ``FlightFormatError`` for a body beyond its cap.
    """
    return run_apart(
        lambda interrupted: _under_deadline(
            url, headers, ca_file, limits, deadline, lambda: cancelled.is_set() or interrupted.is_set()
        )
    )


async def _under_deadline(
    url: str,
    headers: Mapping[str, str],
    ca_file: str | None,
    limits: HttpLimits,
    deadline: Deadline,
    is_given_up: Callable[[], bool],
) -> Answer:
    whole_s = deadline.remaining_s(limits.request_s)
    whole = Deadline.after(whole_s)
    too_late = f"within {whole_s:.3g} s" if whole_s == limits.request_s else "before the run's deadline"
    request = asyncio.ensure_future(_request(url, headers, ca_file, limits))
    try:
        while not request.done():
            if is_given_up():
                raise FlightError("the run was given up while the flight was being asked for")
            if whole.passed:
                raise FlightError(f"no whole answer {too_late}")
            await asyncio.wait({request}, timeout=whole.remaining_s(_TICK_S))
        return await request
    finally:
        request.cancel()
        await asyncio.wait({request})


async def _request(url: str, headers: Mapping[str, str], ca_file: str | None, limits: HttpLimits) -> Answer:
    import httpx

    verify = True if ca_file is None else _trust(ca_file)
    timeout = httpx.Timeout(limits.silence_s, connect=limits.connect_s)
    try:
        async with (
            httpx.AsyncClient(verify=verify, timeout=timeout, trust_env=False, follow_redirects=False) as client,
            client.stream("GET", url, headers=dict(headers)) as response,
        ):
            body = await _read_body(response, limits.body_bytes) if response.is_success else b""
            return Answer(status=response.status_code, headers=dict(response.headers), body=body)
    except httpx.InvalidURL as error:
        raise ConfigError(f"api.base_url and api.path give no address: {error}") from None
    except httpx.TransportError as error:
        tls = _tls_failure(error)
        if tls is None:
            raise BrokenConnectionError(_describe(error)) from None
        raise _untrusted(tls) from None


async def _read_body(response: httpx.Response, limit_bytes: int) -> bytes:
    encoding = response.headers.get("content-encoding", "identity").lower()
    if encoding not in ("identity", "gzip", "deflate"):
        raise FlightFormatError(f"the answer: Content-Encoding {escaped(encoding, 40)} was not asked for")
    # Decoded here and not by httpx, which would inflate a whole chunk of a bomb before its size can be seen.
    inflate = None if encoding == "identity" else zlib.decompressobj(wbits=47)
    body = bytearray()
    async for chunk in response.aiter_raw():
        room_bytes = limit_bytes + 1 - len(body)
        try:
            body += chunk[:room_bytes] if inflate is None else inflate.decompress(chunk, room_bytes)
        except zlib.error as error:
            raise FlightFormatError(f"the answer: can't be decompressed ({error})") from None
        if len(body) > limit_bytes:
            raise FlightFormatError(
                f"the answer: more than {limit_bytes:,} bytes",
                hint="Check api.base_url and api.path; where flights are really as long as that, raise api.max_bytes.",
            )
    if inflate is not None and not inflate.eof:
        raise BrokenConnectionError("the compressed answer was cut short")
    return bytes(body)


def _trust(ca_file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError) as error:
        raise ConfigError(f"api.ca_file {escaped(ca_file)} can't be used: {error}") from None


def _tls_failure(error: BaseException) -> ssl.SSLError | None:
    """Return the TLS failure behind a transport's error; a connection that ended in the handshake is none."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return None if isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError) else cause
        cause = cause.__cause__ or cause.__context__
    return None


def _untrusted(error: ssl.SSLError) -> FlightError:
    if not isinstance(error, ssl.SSLCertVerificationError):
        reason = (error.reason or str(error)).lower().replace("_", " ")
        return FlightError(
            f"TLS failed: {reason}",
            hint="Check that api.base_url names an https service and its right port.",
            retryable=False,
        )
    hint = "Have the service's certificate put right; for an authority of your own, name its PEM file as api.ca_file."
    if "expired" in error.verify_message or "not yet valid" in error.verify_message:
        hint = "Check this workstation's clock; when it is right, have the service's certificate renewed."
    return FlightError(f"the certificate is not trusted: {error.verify_message}", hint=hint, retryable=False)


def _describe(error: httpx.TransportError) -> str:
    import httpx

    if isinstance(error, httpx.ConnectTimeout):
        return "no connection in time"
    if isinstance(error, httpx.TimeoutException):
        return "silent for too long"
    number = _system_error(error)
    words = os.strerror(number) if number is not None else _ERRNO.sub("", str(error))
    return escaped(words.lower() or type(error).__name__, 200)


def _system_error(error: BaseException) -> int | None:
    """Return the system's error number behind a transport's; where several addresses were tried, that of the first."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno is not None:
            return cause.errno if cause.errno > 0 else None  # a name look-up has numbers of its own, and good words
        if isinstance(cause, BaseExceptionGroup):
            return _system_error(cause.exceptions[0])
        cause = cause.__cause__ or cause.__context__
    return None
