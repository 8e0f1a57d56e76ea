"""Workers on one address, a socket each."""

from __future__ import annotations

import pickle
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from service.worker_socket import WorkerSocket

CONNECTIONS = 64
FEWEST = 8
"""That one of two sockets gets fewer of them by chance happens once in 10^10 times."""


@pytest.fixture
def held() -> Iterator[WorkerSocket]:
    """An address that the parent of workers holds."""
    with WorkerSocket.on_free_address("127.0.0.1", 0) as found:
        yield found


def listening(held: WorkerSocket) -> socket.socket:
    """The socket of a worker: what it gets of the one that its parent holds."""
    worker: socket.socket = pickle.loads(pickle.dumps(held))
    worker.listen(CONNECTIONS)
    worker.settimeout(0.2)
    return worker


def accepted(worker: socket.socket) -> int:
    """How many connections wait for a worker."""
    number = 0
    try:
        while True:
            worker.accept()[0].close()
            number += 1
    except TimeoutError:
        return number


def test_connections_made_at_once_are_dealt_out_among_workers(held: WorkerSocket) -> None:
    with ExitStack() as stack:
        workers = [stack.enter_context(listening(held)) for _ in range(2)]
        for _ in range(CONNECTIONS):
            stack.enter_context(socket.create_connection(held.getsockname()))

        taken = [accepted(worker) for worker in workers]

    assert sum(taken) == CONNECTIONS
    assert min(taken) >= FEWEST


def test_an_address_on_which_workers_of_another_service_listen_is_not_free(held: WorkerSocket) -> None:
    with listening(held), pytest.raises(OSError, match="in use"):
        WorkerSocket.on_free_address(*held.getsockname())


def test_an_address_of_ipv6_is_one_too() -> None:
    with WorkerSocket.on_free_address("::1", 0) as found, listening(found) as worker:
        assert worker.getsockname()[1] == found.getsockname()[1]
