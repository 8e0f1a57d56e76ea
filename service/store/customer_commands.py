"""`python -m service export ID` and `forget ID`: everything that Gardoon holds of one customer, wherever it is."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from service.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from service.access.audit import Act
    from service.store.erasure import Erasure
    from service.store.export_place import ExportPlace

CustomerId = Annotated[str, typer.Argument(help="The customer's id.")]
Exports = Annotated[
    list[str] | None, typer.Option(help="What `export-log` wrote as --out; may be given several times.")
]
_REMAINS = "what features are made from (the next load brings them back), backups, copies made elsewhere"


def export(customer_id: CustomerId, exports: Exports = None) -> None:
    """Print everything held of one customer as JSON lines: rows of the log, features in the online store, exported rows."""
    from features.online import OnlineStoreError
    from service.store.export_erasure import NoExportError

    try:
        _print_all(Settings(), customer_id, exports or [])
    except (OnlineStoreError, NoExportError, OSError) as error:
        raise _refusal(f"not all of it: {error}") from error


def _print_all(settings: Settings, customer_id: str, exports: list[str]) -> None:
    from service.access.audit import Act
    from service.app import open_reader
    from service.store.customer_data import read_customer
    from service.store.engine import opened_log
    from service.store.export_erasure import read_exported
    from service.store.timeline import read_anonymous_ids

    rows = 0
    stored = open_reader(settings).read(customer_id)
    with opened_log(settings.log_url) as engine, engine.begin() as connection:
        for table, row in read_customer(connection, customer_id):
            _print({"table": table, "row": row})
            rows += 1
        for name, view in stored.views.items():
            said = {"view": name, "event_at": view.event_at.isoformat(), "values": dict(view.values)}
            _print({"features": said})
        anonymous_ids = read_anonymous_ids(connection, customer_id)
        for address in exports:
            with _opened(address) as place:
                place.fetch()
                for path, row in read_exported(place.folder, customer_id, anonymous_ids):
                    _print({"exported": f"{address}/{path.relative_to(place.folder)}", "row": row})
                    rows += 1
        detail = {"rows": rows, "views": len(stored.views)}
        _note(connection, settings, Act.CUSTOMER_EXPORTED, customer_id, detail)


def forget(
    customer_id: CustomerId,
    exports: Exports = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove one customer for good from the log, the online store and exports; rounds and rewards stay, without a name."""
    from features.online import OnlineStoreError
    from service.store.erasure import ScrubError
    from service.store.export_erasure import NoExportError

    if not yes:
        typer.confirm("There is no way back. Forget this customer?", abort=True)
    settings, randomness = Settings(), os.urandom(16)
    try:
        for address in exports or ():  # before the log forgets by which anonymous ids they are searched, too
            with _opened(address):
                pass
    except (NoExportError, OSError) as error:
        raise _refusal(f"nothing was done: {error}") from error
    try:
        erasure, anonymous_ids = _forget_in_log(settings, customer_id, randomness)
    except ScrubError as error:
        raise _refusal(f"{error}; stop what reads it and run this again") from error
    changed = ", ".join(f"{rows} {name}" for name, rows in erasure.rows.items()) if erasure else ""
    _tell("log", f"{erasure.pseudonym} stands in: {changed}" if erasure else "nothing held")
    try:
        erased = _forget_elsewhere(
            settings, customer_id, f"erased-{randomness.hex()}", exports or [], anonymous_ids
        )
    except (OnlineStoreError, NoExportError, OSError) as error:
        raise _refusal(f"not finished: {error}; run this again") from error
    _tell("remains", _REMAINS + ("" if exports else "; Parquet exports (--exports FOLDER)"))
    if not erasure and not erased:
        raise _refusal("the log holds nothing of this customer, nor does any other place that was looked at")


def _forget_in_log(
    settings: Settings, customer_id: str, randomness: bytes
) -> tuple[Erasure | None, tuple[str, ...]]:
    """What was done, and the anonymous ids that the log knew as the customer's, by which exports are searched too."""
    from service.access.audit import Act
    from service.store.deadlock import unless_deadlocked
    from service.store.engine import opened_log
    from service.store.erasure import forget_customer, scrub
    from service.store.timeline import read_anonymous_ids

    now = datetime.now(UTC)

    def work(connection: Connection) -> tuple[Erasure | None, tuple[str, ...]]:
        anonymous_ids = read_anonymous_ids(connection, customer_id)
        erasure = forget_customer(connection, customer_id, randomness=randomness, now=now)
        rows = erasure.rows if erasure else {"rows": 0}
        _note(connection, settings, Act.CUSTOMER_ERASED, customer_id, rows)
        return erasure, anonymous_ids

    with opened_log(settings.log_url) as engine:
        done = unless_deadlocked(engine, work)
        scrub(engine)  # also where nothing is held: an earlier command may have ended before it
    return done


def _forget_elsewhere(
    settings: Settings,
    customer_id: str,
    pseudonym: str,
    exports: list[str],
    anonymous_ids: tuple[str, ...],
) -> int:
    """How much went from the online store and the exports; each is told, and what went is on record beside the log's."""
    from service.access.audit import Act
    from service.store.engine import opened_log
    from service.store.export_erasure import forget_exported

    found = {"online_store": _forget_online(settings, customer_id)}
    for number, address in enumerate(exports):
        with _opened(address) as place:
            place.fetch()
            done = forget_exported(place.folder, customer_id, pseudonym, anonymous_ids)
            place.publish()
        changed = ", ".join(f"{rows} {name}" for name, rows in done.rows.items())
        _tell(f"exports {address}", f"{changed} in {done.files} files" if done.files else "nothing held")
        found[f"exports_{number}"] = sum(done.rows.values())
    if any(found.values()):
        with opened_log(settings.log_url) as engine, engine.begin() as connection:
            _note(connection, settings, Act.CUSTOMER_ERASED, customer_id, found)
    return sum(found.values())


@contextmanager
def _opened(address: str) -> Iterator[ExportPlace]:
    """An export, its notes at hand. Raises: `NoExportError`, naming the address, `OSError` where it cannot be reached."""
    from service.store.export_erasure import NoExportError, require_export
    from service.store.export_place import open_place

    with open_place(address) as place:
        try:
            require_export(place.folder)
        except NoExportError as error:
            raise NoExportError(f"{address}: {error}") from error
        yield place


def _forget_online(settings: Settings, customer_id: str) -> int:
    """How many entries of the customer went from the online store."""
    from features.online import open_online_store
    from features.online_erasure import erase_from_redis, erase_from_sqlite

    if settings.feature_store_yaml is None:
        erased = erase_from_sqlite(settings.online_path, customer_id)
        _tell("online store", f"{erased} values deleted from {settings.online_path}")
        return erased
    store = open_online_store(settings.feature_store_yaml)
    kind = str(store.config.online_store.type)
    if kind == "redis":
        erased = erase_from_redis(store, customer_id)
        _tell("online store", f"{erased} keys deleted from Redis")
        return erased
    _tell(
        "online store", f"NOT erased: Feast has no call that removes one customer from {kind!r}, use its own"
    )
    return 0


def _note(
    connection: Connection, settings: Settings, act: Act, customer_id: str, rows: Mapping[str, int]
) -> None:
    """Put the act on record, the customer named by a keyed hash alone."""
    from service.access.audit import AuditEntry, customer_subject, operator, record_act
    from service.secret_file import read_or_create_secret

    subject = customer_subject(customer_id, read_or_create_secret(settings.audit_key_path))
    at = datetime.now(UTC)
    record_act(connection, AuditEntry(at=at, actor=operator(), act=act, subject=subject, detail=dict(rows)))


def _print(found: Mapping[str, Any]) -> None:
    typer.echo(json.dumps(found, ensure_ascii=False, default=str))


def _tell(place: str, said: str) -> None:
    Console().print(f"{place}: {said}", highlight=False, soft_wrap=True, markup=False)


def _refusal(message: str) -> typer.Exit:
    """The end of a command that cannot be carried out, told on standard error."""
    Console(stderr=True).print(f"[red]{message}[/red]", soft_wrap=True)
    return typer.Exit(2)
