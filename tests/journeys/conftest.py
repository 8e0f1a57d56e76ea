"""One service on the real parts for the slow tests of journeys and of other engines."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from journeys.definition_files import load_journeys
from service.app import utc_now
from service.settings import Settings
from service.store.engine import open_log
from tests.contract.conftest import log_url
from tests.features.conftest import Shop
from tests.service.conftest import bread_and_butter, make_worker, points, publish_champions
from tests.service.real_shop import prepare, serving, where_it_is_noon

__all__ = ["log_url", "make_worker", "points"]
collect_ignore = ["runner_at.py"]  # a program
collect_ignore += [
    "airflow_play.py",
    "temporal_play.py",
]  # run by the Python of the engines, which has their packages
ENGINES = ("engine", "airflow", "temporal", "n8n")
CUSTOMERS = tuple(f"{name} {who}" for name in (*load_journeys(), *ENGINES) for who in ("stays", "leaves"))


class Gardoon(NamedTuple):
    """A running service, and the folder of what it generates."""

    address: str
    var: Path


@pytest.fixture(scope="session")
def gardoon(tmp_path_factory: pytest.TempPathFactory, busy_shop: Callable[[], Shop]) -> Iterator[Gardoon]:
    """A service whose customers may be mailed, where it is noon now."""
    var, shop, noon = tmp_path_factory.mktemp("gardoon"), busy_shop(), where_it_is_noon()
    for customer in CUSTOMERS:
        may = {"consent_email": True, "reachable_email": True, "time_zone": noon}
        shop.customer(customer, "2023-12-01", **may)
    prepare(var, shop)
    engine = open_log(Settings(var=var).log_url)
    publish_champions(engine, {"complements": bread_and_butter().to_artifact()}, utc_now())
    engine.dispose()
    with serving(var, GARDOON_DECISION_POINTS=str(at_once(var / "decision_points"))) as (address, _):
        yield Gardoon(address, var)


def at_once(folder: Path) -> Path:
    """The shipped journeys without hold-out, waiting or a coupon of nothing: what a test expects is what happens."""
    shutil.copytree(Settings().decision_points, folder)
    for path in folder.glob("*.yaml"):
        fields = yaml.safe_load(path.read_text(encoding="utf-8"))
        for name in ("shares", "holdout"):
            fields.pop(name, None)
        if "send_time" in fields:
            fields["send_time"]["deadline_hours"] = 0.01
        if "coupon" in fields:
            fields["coupon"]["amounts"] = [amount for amount in fields["coupon"]["amounts"] if amount]
        path.write_text(yaml.safe_dump(fields), encoding="utf-8")
    return folder
