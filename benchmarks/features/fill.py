"""Fills a Redis with a base and prints what that took, as JSON: a process of its own, run by the measurement of writes."""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path

from benchmarks.features.settings import AS_OF, settings_of
from features.bulk_redis import write_redis_store


def main() -> None:
    """`SNAPSHOTS ADDRESS`."""
    snapshots, address = sys.argv[1:]
    start_mb, began = peak_mb(), time.perf_counter()
    written = write_redis_store(Path(snapshots), settings_of(address), as_of=AS_OF, served_at=AS_OF)
    seconds = time.perf_counter() - began
    told = {"customers": max(written.values()), "seconds": seconds}
    print(json.dumps({**told, "peak_mb": peak_mb(), "start_mb": start_mb}))


def peak_mb() -> float:
    """The most memory that this process ever held; `getrusage` would count what the one held that started it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (peak_kb,) = re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(peak_kb) / 1024


if __name__ == "__main__":
    main()
