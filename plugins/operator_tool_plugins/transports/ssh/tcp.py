"""A TCP connection to the companion, or the reason why there is none."""

from __future__ import annotations

import socket

from operator_tool.api import CompanionError, Deadline

from .bounded import within


def open_socket(host: str, port: int, *, step_s: float, deadline: Deadline) -> socket.socket:
    """Return a connected socket without Nagle's delay. Raises ``CompanionError``, retryable."""
    reasons: list[str] = []
    for family, address in _addresses(host, port, deadline.remaining_s(step_s)):
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.settimeout(max(deadline.remaining_s(step_s), 0.001))
            connection.connect(address)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            connection.close()
            reasons.append(_reason(error, step_s))
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise CompanionError(
        f"the companion at {host}:{port} can't be reached: {'; '.join(dict.fromkeys(reasons))}", retryable=True
    )


def _addresses(
    host: str, port: int, seconds: float
) -> list[tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]]:
    try:
        found = within(seconds, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except TimeoutError:
        reason = f"its name was not resolved within {seconds:g} s"
    except (OSError, UnicodeError) as error:
        reason = f"its name is not known ({getattr(error, 'strerror', None) or error})"
    else:
        return [(family, address) for family, _, _, _, address in found]
    raise CompanionError(f"the companion at {host}:{port} can't be reached: {reason}", retryable=True)


def _reason(error: OSError, step_s: float) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused; no SSH server listens there"
    if isinstance(error, TimeoutError):
        return f"no answer within {step_s:g} s"
    return (error.strerror or str(error)).lower()
