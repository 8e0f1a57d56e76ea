"""Fixtures that several packages' tests share."""

from __future__ import annotations

from tests.features.conftest import backend, busy_shop

__all__ = ["backend", "busy_shop"]
