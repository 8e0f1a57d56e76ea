"""Exceptions in logs: where and what, never the words."""

from __future__ import annotations

import logging
import sys

from service.safe_trace import SafeFormatter, describe

MARK = "customer-0912"


def caught() -> Exception:
    """An exception with a cause and a context, each quoting a customer."""
    try:
        try:
            try:
                {}[MARK]
            except KeyError:
                raise ValueError(f"no score of {MARK}")  # noqa: B904 - the context is what is wanted
        except ValueError as error:
            raise RuntimeError(f"cannot decide for {MARK}") from error
    except RuntimeError as error:
        return error


def test_types_causes_and_lines_are_told_and_words_are_not() -> None:
    told = describe(caught())

    assert MARK not in told
    for part in (
        "builtins.RuntimeError",
        "builtins.ValueError",
        "builtins.KeyError",
        "in caught",
        "test_safe_trace.py",
    ):
        assert part in told
    assert told.index("RuntimeError") < told.index("KeyError")


def test_an_exception_that_is_its_own_cause_ends() -> None:
    error = ValueError(MARK)
    error.__cause__ = error

    assert describe(error).count("ValueError") <= 10


def test_the_standard_librarys_records_lose_words_of_exceptions_and_of_asyncios_tasks() -> None:
    formatter = SafeFormatter("%(levelname)s %(message)s")
    error = caught()
    given = (type(error), error, error.__traceback__)
    failed = logging.LogRecord(
        "uvicorn.error", logging.ERROR, __file__, 1, "Exception in ASGI application", None, given
    )
    task = logging.LogRecord(
        "asyncio",
        logging.ERROR,
        __file__,
        1,
        f"Task exception was never retrieved\nfuture: {MARK}",
        None,
        None,
    )

    lines = [formatter.format(failed), formatter.format(task)]

    assert lines[0].startswith("ERROR Exception in ASGI application\n")
    assert "builtins.RuntimeError" in lines[0]
    assert lines[1] == "ERROR Task exception was never retrieved"
    assert MARK not in "".join(lines)
    assert sys.exc_info() == (None, None, None)
