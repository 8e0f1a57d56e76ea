"""One decision of a worker at a time for each customer: those that arrive together would only claim past each other."""

from __future__ import annotations

import asyncio
from weakref import WeakValueDictionary


class CustomerTurns:
    """A lock for each customer who is being decided for; other workers are held off by the log's versions alone."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def of(self, customer_id: str) -> asyncio.Lock:
        """The customer's lock, gone when nobody holds or awaits it.

        >>> turns = CustomerTurns()
        >>> first = turns.of("c1")
        >>> turns.of("c1") is first, turns.of("c2") is first
        (True, False)
        """
        lock = self._locks.get(customer_id)
        if lock is None:
            lock = self._locks[customer_id] = asyncio.Lock()
        return lock
