"""A socket of its own for each worker on one address: the kernel deals connections out among them.

Of workers that listen on one socket, whoever wakes first takes all connections that wait: of 32 made at once two workers
were seen to have 30 and 2, and a journey engine keeps its connections for hours.
"""

from __future__ import annotations

import socket
from typing import Any, TypeVar

Socket = TypeVar("Socket", bound=socket.socket)


class WorkerSocket(socket.socket):
    """Holds an address without listening; sent to another process it is a new socket on the same address."""

    @classmethod
    def on_free_address(cls, host: str, port: int) -> WorkerSocket:
        """The first one. Raises `OSError` where anything has the address already, be it workers of another service."""
        with _new(socket.socket, host) as alone:
            alone.bind((host, port))
            address = alone.getsockname()
        return cls.beside_others(*address[:2])

    @classmethod
    def beside_others(cls, host: str, port: int) -> WorkerSocket:
        """One more on an address. Raises `OSError` where the address is not shared."""
        made = _new(cls, host)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind((host, port))
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return WorkerSocket.beside_others, self.getsockname()[:2]


def _new(kind: type[Socket], host: str) -> Socket:
    made = kind(socket.AF_INET6 if ":" in host else socket.AF_INET)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return made
