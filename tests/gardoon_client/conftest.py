"""The worker of the service's tests."""

from __future__ import annotations

from tests.contract.conftest import log_url
from tests.service.conftest import make_worker, points, worker

__all__ = ["log_url", "make_worker", "points", "worker"]
