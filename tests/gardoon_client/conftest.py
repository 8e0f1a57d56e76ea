"""The worker of the service's tests."""

from __future__ import annotations

from tests.contract.conftest import log_url
from tests.service.conftest import engine, make_worker, points, worker

__all__ = ["engine", "log_url", "make_worker", "points", "worker"]
