"""Structured logs on standard error, for people (console) or for machines (json)."""

from __future__ import annotations

import logging
import re
import sys
from contextlib import suppress
from typing import Final

import structlog

_KEY: Final = re.compile(r"(pk_[0-9A-Za-z]{8})[0-9A-Za-z]{8,}")
"""An API key, wherever a client put it. Its first characters name it and are no secret."""


class StderrLogger:
    """Writes lines to standard error; if that fails (a full disk, a closed pipe), the line is lost.

    A server that can't log must still respond.
    """

    def msg(self, line: str) -> None:
        with suppress(OSError, ValueError):
            sys.stderr.write(line + "\n")
            sys.stderr.flush()

    debug = info = warning = error = critical = exception = msg


def configure_logs(level: str, form: str) -> None:
    """Send every log line of this process to standard error, from ``level`` on.

    ``form`` is ``console`` or ``json``.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if form == "json"
        # Plain: a traceback with local variables would put customers' data and keys into the log.
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            without_keys if form == "json" else printable_without_keys,
            structlog.processors.format_exc_info if form == "json" else structlog.processors.StackInfoRenderer(),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_: StderrLogger(),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=max(number, logging.WARNING), stream=sys.stderr, force=True)


def without_keys(_logger: object, _method: str, entry: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """The entry with the secrets of API keys left out."""
    return {name: _KEY.sub(r"\1…", value) if isinstance(value, str) else value for name, value in entry.items()}


def printable_without_keys(
    logger: object, method: str, entry: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """The same, with characters that a terminal would act on written as escapes."""
    return {
        name: printable(value) if isinstance(value, str) else value
        for name, value in without_keys(logger, method, entry).items()
    }


def printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join([each if each.isprintable() else each.encode("unicode_escape").decode() for each in text])
