"""Speed of our own policies alone against a plain numpy LinUCB: the lines of `make bench-policies` in half a minute.

python -m benchmarks.policy_speed
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.policies.judgement import speed_targets
from benchmarks.policies.peer import read_peers
from benchmarks.policies.speed import measure_speed
from benchmarks.target import finish


def main() -> None:
    """Measures, prints a line a learner and a line a target; ends with 1 where one is short."""
    peers = read_peers()
    speeds, lacks = measure_speed([peers["plain_numpy"], peers["gardoon"]], Path("var"))
    for name, each in speeds.items():
        print(
            f"{name}: decision {each['decide']:.1f} µs ({each['decide_ratio']:.2f} x plain), "
            f"update {each['update']:.1f} µs ({each['update_ratio']:.2f} x), batched {each['batch']:,.0f} a second"
        )
    for name, lack in lacks.items():
        print(f"{name}: {lack}")
    finish(speed_targets(speeds))


if __name__ == "__main__":
    main()
