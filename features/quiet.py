"""Ibis without what it says of DuckDB."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_ibis() -> Iterator[None]:
    """No warnings that Ibis 12 calls a function which DuckDB 2 renamed: nothing that we can act on."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="fetch_arrow_table", category=DeprecationWarning)
        yield
