"""The service's worker, for tests of what other packages read of it."""

from __future__ import annotations

from tests.service.conftest import engine, make_worker, points

__all__ = ["engine", "make_worker", "points"]
