"""Retries: a generator without I/O that both clients drive."""

from __future__ import annotations

import datetime
import email.utils
import itertools
import math
import random
import time
from collections.abc import Callable, Generator
from http import HTTPStatus
from typing import Final

import httpx
import msgspec

from eventkeep.client.errors import ConnectionFailedError
from eventkeep.limits import CLIENT_BACKOFF_SECONDS_MAX, CLIENT_BACKOFF_SECONDS_MIN

TRIED_AGAIN: Final = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
NOT_DONE: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
"""The statuses that mean that the server did nothing with the request."""
NEVER_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
"""The errors after which no byte of the request can have reached the server."""
TRY_SECONDS_MIN: Final = 1.0
"""The least time that a try is given, in seconds, however little of the budget is left."""


class Try(msgspec.Struct, frozen=True):
    """Send the request, for at most ``seconds_max``, and pass the response or the error to the generator."""

    seconds_max: float


class Wait(msgspec.Struct, frozen=True):
    """Wait so many seconds, and pass None to the generator. ``status`` is the response's, None if there was none."""

    seconds: float
    status: int | None


class Finished(msgspec.Struct, frozen=True):
    """The last response, whatever its status, and the number of tries."""

    response: httpx.Response
    tries: int


Outcome = httpx.Response | httpx.RequestError
Attempts = Generator[Try | Wait, Outcome | None, Finished]


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """``retries_max`` counts the tries after the first, None is no limit; ``seconds_max`` bounds all of them.

    ``deadline`` is a time on the monotonic clock that may come nearer during the tries.
    """

    retries_max: int | None
    seconds_max: float
    deadline: Callable[[], float] = lambda: math.inf


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """Time and chance: ``monotonic`` and ``now`` (Unix) in seconds, ``chance`` from 0 to 1."""

    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    chance: Callable[[], float] = random.random


REAL: Final = Surroundings()


def attempts(policy: RetryPolicy, *, is_repeatable: bool, surroundings: Surroundings = REAL) -> Attempts:
    """Yield the tries of one request and the waits between them.

    The caller passes a response or an error for each Try, and None for each Wait; the
    generator returns the last response. 429, 502, 503, 504 and broken connections are
    tried again: after the time that ``Retry-After`` names (and a little more, so that
    clients that were refused together do not return together), else after a wait that
    doubles. A wait that would pass the end of the budget is not begun. A request that is
    not ``is_repeatable`` is tried again only if the server certainly did nothing.

    Raises ConnectionFailedError if the last try had no response.
    """
    monotonic = surroundings.monotonic
    started = monotonic()
    for tries in itertools.count(1):
        left = _end(policy, started) - monotonic()
        outcome = _required((yield Try(max(left, TRY_SECONDS_MIN))))
        if isinstance(outcome, httpx.Response) and outcome.status_code not in TRIED_AGAIN:
            return Finished(outcome, tries)
        wait_seconds = _wait_seconds(outcome, tries, surroundings)
        is_last = policy.retries_max is not None and tries > policy.retries_max
        if is_last or not _may_repeat(outcome, is_repeatable) or monotonic() + wait_seconds > _end(policy, started):
            break
        yield Wait(wait_seconds, outcome.status_code if isinstance(outcome, httpx.Response) else None)
    if isinstance(outcome, httpx.Response):
        return Finished(outcome, tries)
    raise _connection_failed(outcome, tries, monotonic() - started) from outcome


def retry_after_seconds(response: httpx.Response, now: float) -> float | None:
    """Return the time of ``Retry-After``: seconds, or a date minus the server's own ``Date`` if it sends one."""
    asked = response.headers.get("Retry-After", "").strip()
    if asked.isascii() and asked.isdecimal():
        return float(asked[:9])
    moment = _http_date(asked)
    if moment is None:
        return None
    told = _http_date(response.headers.get("Date", ""))
    return max(0.0, moment - (now if told is None else told))


def _wait_seconds(outcome: Outcome, tries: int, surroundings: Surroundings) -> float:
    backoff = min(CLIENT_BACKOFF_SECONDS_MAX, CLIENT_BACKOFF_SECONDS_MIN * 2.0 ** min(tries - 1, 30))
    asked = retry_after_seconds(outcome, surroundings.now()) if isinstance(outcome, httpx.Response) else None
    if asked is None:
        return backoff * (0.5 + surroundings.chance() / 2)
    return asked + backoff * surroundings.chance()


def _may_repeat(outcome: Outcome, is_repeatable: bool) -> bool:
    if is_repeatable:
        return True
    if isinstance(outcome, httpx.Response):
        return outcome.status_code in NOT_DONE
    return isinstance(outcome, NEVER_SENT)


def _required(outcome: Outcome | None) -> Outcome:
    if outcome is None:
        raise TypeError("expected a response or an error for a Try, got None")
    return outcome


def _end(policy: RetryPolicy, started: float) -> float:
    return min(started + policy.seconds_max, policy.deadline())


def _http_date(text: str) -> float | None:
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).timestamp()


def _connection_failed(error: httpx.RequestError, tries: int, seconds: float) -> ConnectionFailedError:
    url = error.request.url
    times = "1 try" if tries == 1 else f"{tries} tries"
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    is_slow = isinstance(error, httpx.ReadTimeout | httpx.WriteTimeout | httpx.PoolTimeout)
    advice = (
        "The server is running but slow: raise timeout, or ask for less at once."
        if is_slow
        else "Is the server running, and is base_url (--url, EVENTKEEP_URL) its address?"
    )
    return ConnectionFailedError(
        f"no response from {url.scheme}://{url.netloc.decode()} in {times} and {seconds:.1f} s; the last one: {said}. "
        f"{advice}",
        tries,
    )
