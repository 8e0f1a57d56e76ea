"""Each process computes on one processor: the others have the next."""

from __future__ import annotations

from typing import Final

ONE_THREAD: Final = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""The environment that says so to the libraries beneath numpy and scipy, which read it when they are loaded.

Two threads of theirs on one processor wait for each other's turns: a worker that took up a snapshot stood still for 0.2 s.
"""
