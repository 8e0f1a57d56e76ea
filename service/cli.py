"""The service's commands: `python -m service COMMAND`."""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from service.access.commands import audit, keys_app
from service.bulk.commands import decide_batch
from service.coupons.commands import coupon_keys_app
from service.events.commands import events_app
from service.point_check import check
from service.settings import Settings
from service.store.commands import export_log, migrate, retain
from service.store.customer_commands import export, forget

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.add_typer(keys_app, name="keys")
app.add_typer(coupon_keys_app, name="coupon-keys")
app.add_typer(events_app, name="events")
app.command()(audit)
app.command()(check)
for _command in (decide_batch, migrate, retain, export_log, export, forget):
    app.command()(_command)

_LEARNER_NICENESS: Final = 10
"""Where they share processors, learning waits for deciding and for the database that decisions wait for."""
_APPLICATION: Final = "service.app:create_served_app"
Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(help="Port to listen on.")]
Workers = Annotated[int, typer.Option(help="Worker processes.")]


@app.callback()
def main() -> None:
    """Answer decisions, learn from outcomes, and prove that logged decisions can be made again."""


@app.command()
def serve(host: Host = "127.0.0.1", port: Port = 8000, workers: Workers = 1) -> None:
    """Answer decisions; `learn` and `refresh` run beside it, once for all workers."""
    _check_exposure(host)
    _listen(host, port, workers)


@app.command()
def learn() -> None:
    """Follow the champions and fold outcomes into the policies, until stopped."""
    from service.learning import learn_until

    os.nice(_LEARNER_NICENESS)
    learn_until(_until_asked_to_stop(), Settings())


@app.command()
def refresh() -> None:
    """Keep the online features of customers as new as what is told of them, until stopped."""
    from service.refreshing import refresh_until

    refresh_until(_until_asked_to_stop(), Settings())


@app.command()
def run(host: Host = "127.0.0.1", port: Port = 8000) -> None:
    """Answer decisions, learn and refresh features, on this machine; shows how to ask once it is ready."""
    from service.greeting import greet
    from service.supervisor import LEARN, REFRESH, KeptProcess

    _check_exposure(host)
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))  # so that the others are ended too
    greeting = threading.Thread(target=greet, args=(f"http://{host}:{port}", Settings()), daemon=True)
    with KeptProcess(LEARN), KeptProcess(REFRESH):
        greeting.start()
        _listen(host, port, workers=1)  # returns on Ctrl-C
    Console().print("stopped")


@app.command()
def verify() -> None:
    """Make every logged decision again from what is stored; exits with 1 if any differs."""
    import os
    from functools import partial

    from service.app import utc_now
    from service.coupons.key_ring import open_coupon_keys
    from service.model_set import build_model_set
    from service.store.artifact_store import get_artifact
    from service.store.engine import opened_log
    from service.verify import Reenactor
    from service.verify import verify as verify_log

    settings = Settings()
    keys = open_coupon_keys(settings, utc_now, os.urandom)
    with opened_log(settings.log_url) as engine:
        load = partial(get_artifact, engine)
        build = partial(build_model_set, load=load)
        result = verify_log(engine, Reenactor(load=load, build=build, find_coupon_key=keys.find))
    console = Console()
    for decision_id, difference in result.differing:
        console.print(f"[red]differs[/red] {decision_id}: {difference}", soft_wrap=True)
    apart = f"; {result.erased} of erased customers cannot be" if result.erased else ""
    console.print(f"{result.reenacted} decisions re-enacted, {len(result.differing)} differ{apart}")
    raise typer.Exit(1 if result.differing else 0)


def _until_asked_to_stop() -> threading.Event:
    """Set by SIGTERM and Ctrl-C."""
    stop = threading.Event()

    def ask_to_stop(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, ask_to_stop)
    return stop


def _listen(host: str, port: int, workers: int) -> None:
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    from service.safe_trace import LOGGING
    from service.worker_socket import WorkerSocket

    served: dict[str, Any] = {
        "factory": True,
        "host": host,
        "port": port,
        "loop": "uvloop",
        "http": "httptools",
        "access_log": False,
        "server_header": False,
        "log_config": LOGGING,
        "log_level": "warning",
    }
    if workers == 1:
        uvicorn.run(_APPLICATION, **served)
        return
    try:
        shared = WorkerSocket.on_free_address(host, port)
    except OSError as error:
        Console(stderr=True).print(f"[red]cannot listen on {host}:{port}: {error}[/red]", soft_wrap=True)
        raise typer.Exit(2) from None
    Multiprocess(uvicorn.Config(_APPLICATION, workers=workers, **served), [shared]).run()


def _check_exposure(host: str) -> None:
    """End with the reason when nobody said that anyone may decide; on this machine alone, say that anyone on it can."""
    from service.access.exposure import ExposedError, check_exposure
    from service.access.key_store import is_protected

    settings = Settings()
    protected = is_protected(settings)
    try:
        check_exposure(host, protected=protected, unprotected=settings.unprotected)
    except ExposedError as error:
        Console(stderr=True).print(f"[red]{error}[/red]", soft_wrap=True)
        raise typer.Exit(2) from None
    if not protected:
        notice = f"unprotected (no API key, no OIDC issuer): whoever reaches {host} can decide"
        Console(stderr=True).print(notice, soft_wrap=True)
