"""Where a decision's processor time goes in a loaded worker: a table by part, and a flame graph.

    python -m benchmarks.serving.budget [--shape production] [--seconds 20] [--picture FILE.svg] [--var FOLDER]

A profiler (py-spy) looks 200 times a second which thread of a worker holds the interpreter's lock, while 16 connections
keep it busy. Each look counts for the innermost function of ours, or of the web framework, that it finds: what SQLAlchemy
does for a commit counts for the commit. The looks' shares are multiplied with the processor time of a decision, which is
measured without the profiler; what runs without the lock (trees of LightGBM, SQLite, the kernel) is spread over all parts.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from benchmarks.serving.bench import way_of
from benchmarks.serving.measure import full_load
from benchmarks.serving.processes import OTHER_CORE, SERVER_CORE, pin, running
from benchmarks.serving.shapes import EMBEDDED, PRODUCTION, READY, SERVE, WHEEL, prepared

ROOT: Final = Path(__file__).parents[2]
LOOKS, CONNECTIONS, MOST_A_SECOND = 200, 16, 1_500
PARTS: Final = (
    ("scorers", r"models/scorer|service/model_set"),
    ("policies", r"models/"),
    ("guardrails", r"service/guardrails/"),
    ("coupon's code and signature", r"service/coupons/"),
    ("features: reading", r"features/(online|wire|redis|stored)|service/steady_reader"),
    ("features: encoding", r"features/"),
    ("standing: reading", r"service/store/standing_"),
    ("commit, with the record's JSON", r"service/store/(?!driver)"),
    (
        "the decision besides",
        r"service/(decider|side_by_side|choice|course|record|claiming|drawing|group|audience|request_check)",
    ),
    ("metrics", r"prometheus_client/|service/(observability|stages)"),
    ("route, limits, idempotency", r"service/(?!store/)"),
    ("framework and middleware", r"fastapi/|starlette/"),
    ("HTTP and event loop", r"uvicorn/|asyncio/|concurrent/|threading"),
)
"""Part, and the files of its functions; the first that fits the innermost frame of all. The driver's are its caller's."""
_PLACE: Final = re.compile(r"\(([^()]*?)(?::\d+)?\)$")


def part_of(stack: str) -> str:
    """The part that a stack, outermost first and `;` between frames, counts for.

    >>> part_of("run (uvicorn/server.py:5);decide (service/decider.py:38);argmax (numpy/core.py:1)")
    'the decision besides'
    """
    for frame in reversed(stack.split(";")):
        place = _PLACE.search(frame)
        for part, files in PARTS:
            if place and re.match(files, place[1]):
                return part
    return "the rest"


def shares(looks: Iterable[str]) -> Counter[str]:
    """How many looks count for each part; a line is a stack and how often it was seen.

    >>> shares(["a (uvicorn/x.py:1) 3", "a (uvicorn/x.py:1);b (models/policy.py:2) 1"])
    Counter({'HTTP and event loop': 3, 'policies': 1})
    """
    found: Counter[str] = Counter()
    for line in looks:
        stack, _, count = line.rpartition(" ")
        found[part_of(stack)] += int(count)
    return found


def main() -> None:
    """Prints the table, writes the picture."""
    options = _options()
    pin((OTHER_CORE,))
    with (
        tempfile.TemporaryDirectory(prefix="gardoon-budget-") as name,
        warnings.catch_warnings(action="ignore"),
        prepared(options.var, Path(name), int(3 * MOST_A_SECOND * options.seconds)) as shapes,
    ):
        shape = shapes[options.shape]
        with running(
            "gardoon", SERVE, shape.folder, ready=READY, cores=(SERVER_CORE,), **shape.environment
        ) as server:
            way, most = way_of(shape, server), int(MOST_A_SECOND * options.seconds)
            full_load(way, WHEEL, CONNECTIONS, 3.0, most)
            alone = full_load(way, WHEEL, CONNECTIONS, options.seconds, most)
            raw = Path(name) / "looks.txt"
            with _looking(server.process.pid, options.seconds, raw, "raw"):
                full_load(way, WHEEL, CONNECTIONS, options.seconds + 1, most)
            if options.picture:
                with _looking(server.process.pid, options.seconds, options.picture, "flamegraph"):
                    full_load(way, WHEEL, CONNECTIONS, options.seconds + 1, most)
            found = shares(raw.read_text().splitlines())
    print(f"{options.shape}: {alone.processor_us:,.0f} µs a decision, {found.total():,} looks\n")
    print("| part | share | µs |\n|---|---|---|")
    for part, looks in found.most_common():
        share = looks / found.total()
        print(f"| {part} | {share:.1%} | {share * alone.processor_us:,.0f} |")


def _looking(pid: int, seconds: float, out: Path, form: str) -> subprocess.Popen[bytes]:
    """The profiler at work; it ends by itself. A picture bears its command, so that names no folder."""
    command = (
        f"py-spy record --gil --pid {pid} --duration {seconds:.0f} --rate {LOOKS} --format {form} --output"
    )
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.Popen(
        [*command.split(), out.name],
        cwd=out.absolute().parent,
        env=os.environ | {"PATH": path},
        stderr=subprocess.DEVNULL,
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--shape", choices=(EMBEDDED, PRODUCTION), default=PRODUCTION)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--picture", type=Path, help="where the flame graph goes")
    parser.add_argument("--var", type=Path, default=ROOT / "var", help="where everything is prepared")
    return parser.parse_args()


if __name__ == "__main__":
    main()
