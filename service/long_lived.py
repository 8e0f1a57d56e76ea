"""What a process that serves for long does about garbage."""

from __future__ import annotations

import gc


def keep_what_is_there(look_after: int) -> None:
    """Look no more for garbage in what is there, and in the rest only after so many new objects.

    Reference counts free nearly all that a decision makes; looking for circles takes time from the decisions after it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(look_after)
