"""What processes do that run for long."""

from __future__ import annotations

import gc
from pathlib import Path


def keep_what_is_there(look_after: int) -> None:
    """Look no more for garbage in what is there, and in the rest only after so many new objects.

    Reference counts free nearly all that a decision makes; looking for circles takes time from the decisions after it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(look_after)


def say_alive(file: Path | None) -> None:
    """Touch the file, where one is wanted, at the end of a turn: an old one says that the process is stuck."""
    if file is not None:
        file.touch()
