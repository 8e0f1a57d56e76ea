"""What nobody used in time is given back: once, with its budget, whenever the process that does it dies."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, event, select

from service.decision_point import DecisionPoint
from service.learning import learn_until
from service.settings import Settings
from service.store.coupon_log import release_lapsed_coupons
from service.store.tables import budgets, coupons, draws
from service.upkeep import keep_up
from tests.running import wait_for
from tests.service.conftest import Worker
from tests.service.real_shop import free_port
from tests.service.test_activation import activate
from tests.service.test_ledger import with_coupon
from tests.service.test_redemption import draw, redeem

MakeWorker = Callable[..., Worker]


def used(engine: Engine) -> dict[str, int]:
    """The face value that is out or redeemed, by day."""
    with engine.connect() as connection:
        return {row.day: row.used for row in connection.execute(select(budgets))}


@pytest.fixture
def wheel(make_worker: MakeWorker, points: dict[str, DecisionPoint]) -> Worker:
    """A wheel with one draw a day, out of 300,000."""
    return make_worker(points=with_coupon(points, "lucky_wheel", daily_budget=300_000, once_per="day"))


def test_expired_coupons_go_back_to_the_budget_of_their_day_and_redeemed_ones_do_not(wheel: Worker) -> None:
    first = [draw(wheel, f"c{number}")["coupon"] for number in range(3)]
    redeem(wheel, code=first[0]["code"])
    wheel.clock.advance(days=1)
    draw(wheel, "c0")

    before = used(wheel.state.engine)
    wheel.keep_up()

    assert before == {"2026-11-22": 90_000, "2026-11-23": 30_000}
    assert used(wheel.state.engine) == {"2026-11-22": 30_000, "2026-11-23": 30_000}


def test_giving_back_happens_once_however_many_do_it_at_the_same_moment(wheel: Worker) -> None:
    for number in range(6):
        draw(wheel, f"c{number}")
    wheel.clock.advance(days=1)

    with ThreadPoolExecutor(4) as pool:
        released = list(
            pool.map(lambda _: release_lapsed_coupons(wheel.state.engine, wheel.clock(), at_most=2), range(8))
        )
    keep_up(wheel.state.engine, wheel.clock())

    assert sum(released) <= 6
    assert used(wheel.state.engine) == {"2026-11-22": 0}


def test_a_crash_between_coupon_and_budget_leaves_both_for_the_next_time(wheel: Worker) -> None:
    draw(wheel)
    wheel.clock.advance(days=1)

    def crash(_connection: object, _cursor: object, statement: str, *_others: object) -> None:
        if statement.startswith("UPDATE budgets"):
            raise KeyboardInterrupt

    event.listen(wheel.state.engine, "before_cursor_execute", crash)
    with pytest.raises(KeyboardInterrupt):
        wheel.keep_up()
    event.remove(wheel.state.engine, "before_cursor_execute", crash)
    after_crash = used(wheel.state.engine)
    wheel.keep_up()

    assert after_crash == {"2026-11-22": 30_000}
    assert used(wheel.state.engine) == {"2026-11-22": 0}


def test_a_coupon_that_no_budget_limits_gives_nothing_back_to_a_limit_declared_later(
    make_worker: MakeWorker, points: dict[str, DecisionPoint]
) -> None:
    draw(make_worker(points=points))
    limited = make_worker(points=with_coupon(points, "lucky_wheel", daily_budget=300_000), champions=False)
    limited.clock.advance(seconds=1)
    draw(limited)
    limited.clock.advance(days=1)

    limited.keep_up()

    assert used(limited.state.engine) == {"2026-11-22": 0}


def test_a_deferred_draw_that_was_not_activated_is_free_again_with_its_coupon(wheel: Worker) -> None:
    first = draw(wheel, activate="deferred")
    repeated = draw(wheel, activate="deferred")
    wheel.clock.advance(minutes=61)
    second = draw(wheel)
    wheel.keep_up()

    assert repeated["coupon"] == first["coupon"]
    assert second["coupon"]["code"] != first["coupon"]["code"]
    assert used(wheel.state.engine) == {"2026-11-22": 30_000}
    with wheel.state.engine.connect() as connection:
        assert dict(connection.execute(select(coupons.c.code, coupons.c.state)).all()) == {
            first["coupon"]["code"]: "released",
            second["coupon"]["code"]: "out",
        }
        assert connection.scalars(select(draws.c.decision_id)).all() == [second["decision_id"]]


def test_a_lapsed_draw_cannot_be_activated_by_a_clock_that_is_behind_once_another_has_its_place(
    wheel: Worker,
) -> None:
    first = draw(wheel, activate="deferred")
    wheel.clock.advance(minutes=61)
    draw(wheel)

    wheel.clock.now -= timedelta(minutes=10)
    status, problem = activate(wheel, first["decision_id"])

    assert (status, problem["title"]) == (410, "Activation expired")
    assert redeem(wheel, code=first["coupon"]["code"]).status_code == 409


def test_freed_draws_are_forgotten(wheel: Worker) -> None:
    draw(wheel, activate="deferred")
    wheel.clock.advance(minutes=61)

    wheel.keep_up()

    with wheel.state.engine.connect() as connection:
        assert connection.execute(select(draws)).all() == []


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_the_learners_process_does_it(wheel: Worker, log_url: str) -> None:
    wheel.clock.now = datetime(2025, 11, 22, 9, 30, tzinfo=UTC)
    draw(wheel)
    registry = f"http://127.0.0.1:{free_port()}"
    settings = Settings(database_url=log_url, mlflow_tracking_uri=registry, learn_seconds=0.1)
    stop = threading.Event()
    learner = threading.Thread(target=learn_until, args=(stop, settings))

    learner.start()
    try:
        wait_for(lambda: used(wheel.state.engine) == {"2025-11-22": 0}, seconds=60, what="the release")
    finally:
        stop.set()
        learner.join(timeout=30)

    assert not learner.is_alive()
