"""A bar a view on standard error while an online store is filled."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from features.bulk_redis import Progress


@contextmanager
def filling_bar() -> Iterator[Progress]:
    """What is to be told of each batch; at a terminal it draws, elsewhere it prints how it ended."""
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    tasks: dict[str, TaskID] = {}
    with Bars(console=Console(stderr=True)) as bars:

        def tell(view: str, done: int, wanted: int) -> None:
            if view not in tasks:
                tasks[view] = bars.add_task(view, total=wanted)
            bars.update(tasks[view], completed=done)

        yield tell
