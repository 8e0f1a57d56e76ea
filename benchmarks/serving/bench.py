"""Everything that is asked, running at once, so that all can take turns."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.batch import Asker
from benchmarks.serving.do_nothing import FIXED_ANSWER
from benchmarks.serving.feast_call import FeastCall, feast_call
from benchmarks.serving.load import closed_loop
from benchmarks.serving.measure import Way
from benchmarks.serving.peers import Peer, peers
from benchmarks.serving.plan import Plan
from benchmarks.serving.processes import SERVER_CORE, Server, running, uvicorn
from benchmarks.serving.shapes import (
    DECIDE,
    EMBEDDED,
    PRODUCTION,
    READY,
    SERVE,
    SNAPSHOTS,
    WHEEL,
    Shape,
    decide_body,
    decide_requests,
    prepared,
)

FLOOR, BARE = "the do-nothing endpoint", "an application without a framework"
CORES = (SERVER_CORE,)
SHAPES = (EMBEDDED, PRODUCTION)
_APPLICATIONS = "benchmarks.serving.do_nothing:"


@dataclass(frozen=True)
class Bench:
    """The ways to ask by name, what is behind ours, and what reads a customer through Feast on each shape's store."""

    folder: Path
    shapes: Mapping[str, Shape]
    ways: Mapping[str, Way]
    peers: Mapping[str, Peer]
    feast: Mapping[str, FeastCall]
    start_mb: Mapping[str, float]
    """Of our workers, when they were ready."""
    answer_bytes: int
    """Of the answer that the do-nothing endpoint gives."""

    @property
    def ours(self) -> list[Way]:
        """Our two shapes."""
        return [self.ways[name] for name in SHAPES]


@contextmanager
def opened(var: Path, folder: Path, plan: Plan) -> Iterator[Bench]:
    """All servers, ready and warm; ended afterwards."""
    with ExitStack() as stack:
        shapes = stack.enter_context(prepared(var, folder, plan.customers))
        feast = _feast(stack, folder, shapes, plan)
        servers = {
            name: stack.enter_context(
                running(name, SERVE, folder, ready=READY, cores=CORES, **shape.environment)
            )
            for name, shape in shapes.items()
        }
        start_mb = {name: server.memory_mb() for name, server in servers.items()}
        ways = {name: way_of(shape, servers[name]) for name, shape in shapes.items()}
        answer = fixed_answer(shapes[PRODUCTION], servers[PRODUCTION])
        (folder / "answer.json").write_bytes(answer)
        ways |= _floors(stack, folder, shapes[PRODUCTION])
        for call in feast.values():
            call.wait()
        found = stack.enter_context(peers(shapes[PRODUCTION], var, folder, folder / "feast"))
        ways |= {peer.server.name: way_of_peer(shapes[PRODUCTION], peer) for peer in found}
        for way in ways.values():
            warm_up(way)
        gc.collect()
        gc.freeze()  # what preparing imported is not looked through while the load is made
        by_name = {peer.server.name: peer for peer in found}
        yield Bench(folder, shapes, ways, by_name, feast, start_mb, len(answer))


def way_of(shape: Shape, server: Server) -> Way:
    """To ask a worker of ours about customers of its shape whom nobody asked about."""
    return Way(
        shape.name,
        server,
        lambda count, journey: decide_requests(shape.take(count), journey),
        shape.give_back,
        shape.servers_s,
        remembers=True,
    )


def way_of_peer(shape: Shape, peer: Peer) -> Way:
    """To ask a peer: about anybody, as it remembers nothing."""
    return Way(
        peer.server.name,
        peer.server,
        lambda count, _journey: peer.requests(_anybody(shape.customers, count)),
        servers_s=shape.servers_s,
    )


def fixed_answer(shape: Shape, server: Server) -> bytes:
    """An answer of Gardoon that acts, of middling length: what the do-nothing endpoint says."""
    with closing(Asker(server.address)) as asker:
        answers = [
            asker.post(DECIDE, "application/json", decide_body(customer, WHEEL))
            for customer in shape.take(60)
        ]
    acted = sorted((each for each in answers if b'"status":"act"' in each), key=len)
    return acted[len(acted) // 2]


def warm_up(way: Way, count: int = 128) -> None:
    """Ask so often that what is done once is done."""
    closed_loop(way.server.address, way.requests(count, WHEEL), connections=16, seconds=30.0)


def _floors(stack: ExitStack, folder: Path, shape: Shape) -> dict[str, Way]:
    given = {FIXED_ANSWER: str(folder / "answer.json")}
    nothing = uvicorn(f"{_APPLICATIONS}create_app", "--factory")
    floor = stack.enter_context(running(FLOOR, nothing, folder, ready="/docs", cores=CORES, **given))
    bare = stack.enter_context(running(BARE, uvicorn(f"{_APPLICATIONS}bare"), folder, ready="/", cores=CORES))
    return {
        server.name: Way(
            server.name,
            server,
            lambda count, journey: decide_requests(_anybody(shape.customers, count), journey),
        )
        for server in (floor, bare)
    }


def _feast(stack: ExitStack, folder: Path, shapes: Mapping[str, Shape], plan: Plan) -> dict[str, FeastCall]:
    snapshots = folder / SNAPSHOTS
    found = {
        PRODUCTION: stack.enter_context(feast_call(folder / "feast", snapshots, shapes[PRODUCTION].redis))
    }
    if EMBEDDED in plan.at_length:
        found[EMBEDDED] = stack.enter_context(feast_call(shapes[EMBEDDED].folder / "feast", snapshots))
    return found


def _anybody(customers: Sequence[str], count: int) -> list[str]:
    return [customers[place % len(customers)] for place in range(count)]
