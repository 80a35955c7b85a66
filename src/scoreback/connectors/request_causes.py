"""Finds the causes behind an error of `requests`, which keeps them in several places."""

import ssl
from collections.abc import Iterator

import requests
import urllib3

_BROKE_OFF = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionError, TimeoutError)


def untrusted(error: Exception) -> bool:
    """Whether the server's certificate was not trusted; a broken handshake does not count."""
    tls = (ssl.SSLError, requests.exceptions.SSLError, urllib3.exceptions.SSLError)
    return within(error, tls) and not within(error, _BROKE_OFF)


def within(error: BaseException, kinds: tuple[type[BaseException], ...]) -> bool:
    """Whether *error* or one of its causes is one of *kinds*."""
    return any(isinstance(cause, kinds) for cause in causes(error))


def causes(error: BaseException) -> Iterator[BaseException]:
    """*error* and all its causes, wherever a library keeps them."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        cause = waiting.pop()
        if not isinstance(cause, BaseException) or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting += [*cause.args, getattr(cause, "reason", None), cause.__cause__, cause.__context__]
