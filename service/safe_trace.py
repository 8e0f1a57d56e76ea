"""Exceptions as logs may tell them: where and of what type, never their words, which may quote a customer."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any

Caught = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def describe(error: BaseException) -> str:
    """The types of the exception and of its causes, each with the lines of code it came through."""
    parts: list[str] = []
    found: BaseException | None = error
    while found is not None and len(parts) < 10:
        frames = "".join(traceback.format_tb(found.__traceback__))
        parts.append(f"{frames}{type(found).__module__}.{type(found).__qualname__}")
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)
    return "\ncaused by:\n".join(parts)


def tell_exception(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """structlog's event with `exc_info` told by `describe`."""
    given = event.pop("exc_info", None)
    error = given if isinstance(given, BaseException) else sys.exc_info()[1] if given else None
    if error is not None:
        event["exception"] = describe(error)
    return event


class SafeFormatter(logging.Formatter):
    """Formats the standard library's log records, uvicorn's for one, with exceptions told by `describe`."""

    def formatException(self, ei: Caught) -> str:  # noqa: N802 - the standard library's name
        """The exception without its words."""
        return describe(ei[1]) if ei[1] is not None else ""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the standard library's name
        """The line; of asyncio's the first alone, for below it stand tasks and exceptions in their own words."""
        line = super().formatMessage(record)
        return line.partition("\n")[0] if record.name == "asyncio" else line


LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "safe": {"()": "service.safe_trace.SafeFormatter", "fmt": "%(levelname)s %(name)s %(message)s"}
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "safe"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
}
"""The standard library's logging in a process that serves, for `logging.config.dictConfig`."""
