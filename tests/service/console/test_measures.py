"""The pages of policies, budgets and measures: what they read and how they say that there is nothing."""

from __future__ import annotations

import json
import os
import shutil
import statistics
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from models.entropy import normalized_entropy
from service.console.budget import read_budgets, read_courses
from service.console.chart import HEIGHT, WIDTH, line_chart, measured_chart
from service.console.health import read_health
from service.console.interval_chart import interval_chart
from service.console.learning_curve import hour_share, read_curves
from service.console.policies import read_policies
from service.console.report import ReportError, evaluation_pages, read_report
from service.console.reward_sums import RewardSums, Z, cumulative_gain, estimate
from service.decision_point import DecisionPoint
from service.pacing import pace_budgets
from service.store.engine import microseconds
from service.store.tables import budgets, decisions, rewards
from tests.service.conftest import NOW, Worker, stored_customer

MEASURES = Path(__file__).parent / "measures.json"
TEHRAN = ZoneInfo("Asia/Tehran")
PAGES = ("policies", "budget", "experiments", "retention", "funnel", "value", "economics", "health")


def decided(worker: Worker, number: int = 6) -> list[dict[str, object]]:
    """Decisions about as many customers."""
    for each in range(number):
        worker.reader.customers[f"d{each}"] = stored_customer(f"d{each}")
    return [worker.decide(customer_id=f"d{each}", journey="churn_prevention") for each in range(number)]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_shown_where_nothing_happened_yet(worker: Worker, page: str) -> None:
    answer = worker.client.get(f"/console/{page}")

    assert answer.status_code == 200
    if page in ("experiments", "retention", "funnel", "value", "economics"):
        assert "python -m training report" in answer.text


def test_what_was_measured_is_shown_and_marked_as_simulated(worker: Worker) -> None:
    folder = worker.state.settings.reports_path
    folder.mkdir()
    shutil.copy(MEASURES, folder)

    retention, economics, funnel = (
        worker.client.get(f"/console/{page}").text for page in ("retention", "economics", "funnel")
    )

    assert 'class="number h9">90%' in retention
    assert "simulated" in retention
    assert "30,100 toman" in economics
    assert "166,667 toman" in economics
    told = " ".join(f"{economics} {funnel}".split())
    for interval in (
        "90.1% – 90.6%",
        "17.4% – 18.2%",
        "39.0% – 45.1%",
    ):  # delivered, opened, of those who entered
        assert f"({interval})" in told


def test_a_report_of_an_earlier_release_is_shown_without_the_bounds_that_it_lacks(worker: Worker) -> None:
    content = json.loads(MEASURES.read_text(encoding="utf-8"))
    table = content["tables"]["funnel"]
    place = table["columns"].index("entered_low")
    for row in (table["columns"], *table["rows"]):
        del row[place : place + 2]
    folder = worker.state.settings.reports_path
    folder.mkdir()
    (folder / "measures.json").write_text(json.dumps(content), encoding="utf-8")

    answer = worker.client.get("/console/funnel")

    assert answer.status_code == 200
    assert "42.0%" in answer.text


@pytest.mark.parametrize(
    ("verdict", "told", "is_drawn"),
    [
        ("winner", "Its difference to every other variant is above 0", True),
        ("no winner yet", "No winner is shown yet.", True),
        ("too few rounds", "fewer than 100 rounds", True),
        ("sample ratio mismatch", "nothing here holds", False),
    ],
)
def test_a_message_test_names_a_winner_where_one_is_shown_and_nothing_where_its_shares_are_off(
    worker: Worker, verdict: str, told: str, is_drawn: bool
) -> None:
    content = json.loads(MEASURES.read_text(encoding="utf-8"))
    table = content["tables"]["message_tests"]
    columns = table["columns"]
    for place, row in enumerate(table["rows"]):
        row[columns.index("verdict")] = verdict
        row[columns.index("is_winner")] = verdict == "winner" and place == 1
    folder = worker.state.settings.reports_path
    folder.mkdir()
    (folder / "measures.json").write_text(json.dumps(content), encoding="utf-8")

    page = worker.client.get("/console/experiments").text

    assert told in page
    assert ("<strong><bdi>with_name</bdi></strong>" in page) is (verdict == "winner")
    assert ("Mean reward by variant" in page) is is_drawn
    assert "72,240 toman" in page, "what the groups brought"


def test_intervals_share_an_axis_that_holds_nothing_and_all_bounds() -> None:
    rows = [
        {"name": "a", "mean": 1.0, "low": 0.5, "high": 2.0},
        {"name": "b", "mean": 0.0, "low": -2.0, "high": 1.0},
        {"name": "too few to know", "mean": 1.0, "low": None, "high": None},
    ]

    drawn = interval_chart(rows, "name", "mean")

    assert drawn is not None
    assert [(mark.name, mark.low, mark.at, mark.high) for mark in drawn.marks] == [
        ("a", 0.625 * WIDTH, 0.75 * WIDTH, WIDTH),
        ("b", 0.0, 0.5 * WIDTH, 0.75 * WIDTH),
    ]
    assert [tick.value for tick in drawn.ticks] == [-2.0, -1.0, 0.0, 1.0, 2.0]
    assert interval_chart(rows[2:], "name", "mean") is None


def test_a_file_that_is_no_report_is_named(worker: Worker) -> None:
    folder = worker.state.settings.reports_path
    folder.mkdir()
    (folder / "measures.json").write_text('{"made_at": "2026-11-22"}', encoding="utf-8")

    with pytest.raises(ReportError, match=r"measures\.json is no report"):
        read_report(folder)
    english, persian = (worker.client.get(f"/console/funnel?lang={each}").text for each in ("en", "fa"))
    assert "measures.json is no report of measures." in english
    assert "measures.json گزارش سنجه‌ها نیست." in persian
    assert "KeyError" in english


def test_what_the_report_says_of_a_measure_is_said_in_the_language_of_the_page(worker: Worker) -> None:
    folder = worker.state.settings.reports_path
    folder.mkdir()
    shutil.copy(MEASURES, folder)

    english, persian = (worker.client.get(f"/console/value?lang={each}").text for each in ("en", "fa"))

    assert "foretold of them 15.7 orders and 4,588,186 a customer; 15.5 and 4,726,999 came." in english
    assert "برای آن روزها ۱۵٫۷ سفارش و ۴٬۵۸۸٬۱۸۶ برای هر مشتری" in persian
    assert "foretold" not in persian


def test_a_newer_report_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    content = json.loads(MEASURES.read_text(encoding="utf-8"))
    for number, ends in enumerate(("2018-01-01", "2018-02-01")):
        path = tmp_path / "measures.json"
        path.write_text(json.dumps({**content, "to": ends}), encoding="utf-8")
        os.utime(path, (number, number))

        found = read_report(tmp_path)

        assert found is not None
        assert found.ends == ends


def test_policies_are_told_by_journey_decision_and_group(worker: Worker) -> None:
    answers = decided(worker)

    found = read_policies(worker.state.engine, worker.clock(), TEHRAN)

    channel = next(each for each in found.slices.found if each.decision == "channel")
    assert (channel.journey, channel.group, channel.rounds) == (
        "churn_prevention",
        "decisioning",
        len(answers),
    )
    assert sum(probability for _, probability, _ in channel.actions()) == pytest.approx(1)
    assert sum(chosen for _, _, chosen in channel.actions()) == pytest.approx(1)
    assert 0 < channel.mean_entropy <= 1
    assert read_policies(worker.state.engine, worker.clock(), TEHRAN, "lucky_wheel").slices.found == ()


def test_policies_are_told_by_thirds_of_an_input_that_they_read(worker: Worker) -> None:
    for number in range(9):
        customer = stored_customer(f"r{number}", recency_days=float(number) if number else None)
        worker.reader.customers[f"r{number}"] = customer
        worker.decide(customer_id=f"r{number}", journey="churn_prevention")

    found = read_policies(worker.state.engine, worker.clock(), TEHRAN, by="recency_days").slices

    assert found.by == "recency_days"
    assert [(each.decision, each.part.low, each.part.high, each.rounds) for each in found.found] == [
        ("coupon", 1.0, 3.0, 3),
        ("coupon", 4.0, 5.0, 2),
        ("coupon", 6.0, 8.0, 3),
        ("coupon", None, None, 1),
    ]
    page = worker.client.get("/console/policies?by=recency_days").text
    assert "<bdi>6.00 – 8.00</bdi>" in page
    assert "unknown" in page
    assert read_policies(worker.state.engine, worker.clock(), TEHRAN, by="shoe_size").slices.by == ""


@pytest.fixture
def halved(make_worker: Callable[..., Worker], points: dict[str, DecisionPoint]) -> Worker:
    """A worker that decides at random for half of the customers in churn prevention."""
    fields = {**points["churn_prevention"].model_dump(), "shares": {"random": 0.5}}
    return make_worker(points={**points, "churn_prevention": DecisionPoint.model_validate(fields)})


def test_what_policies_earn_is_told_beside_chance_once_windows_have_closed(halved: Worker) -> None:
    """Everybody clicks who was not decided for at random."""
    answers = decided(halved, 24)
    told = [
        {"event_id": f"{kind}{n}", "decision_id": answer["decision_id"], "kind": kind}
        | {"occurred_at": (halved.clock() + timedelta(hours=20)).isoformat()}
        for n, answer in enumerate(answers)
        for kind in ("delivered", "clicked")
        if kind == "delivered" or answer["group"] == "decisioning"
    ]
    halved.clock.advance(hours=21)
    halved.client.post("/v1/outcomes", json={"outcomes": told})
    before = read_policies(halved.state.engine, halved.clock(), TEHRAN)
    halved.clock.advance(days=10)
    halved.learn()

    found = read_policies(halved.state.engine, halved.clock(), TEHRAN)
    curve = next(each for each in found.curves if each.decision == "channel")

    assert before.curves == ()
    assert found.journey == "churn_prevention"
    n = sum(answer["group"] == "decisioning" for answer in answers)
    assert curve.rounds == {"decisioning": [n], "random": [24 - n]}
    assert curve.versus == "random"
    policies, chance, gain = curve.means["decisioning"][0], curve.means["random"][0], curve.gained[0]
    assert policies is not None
    assert chance is not None
    assert gain is not None
    assert policies.value > 0.9
    assert gain.value == pytest.approx(n * (policies.value - chance.value))
    assert curve.evenness[0] is not None
    assert 0 < curve.evenness[0] <= 1
    page = halved.client.get("/console/policies").text
    assert "random: Rounds" in page
    assert "Gain</th>" in page


def test_of_a_busy_journey_the_first_minutes_of_each_hour_are_looked_at(worker: Worker) -> None:
    hour, day = timedelta(hours=1), worker.clock().replace(hour=0, minute=0)
    times = [day + hour * (place / 4) for place in range(8)]
    rows = [
        {"decision_id": f"d{place}", "customer_id": "c", "journey": "busy", "status": "act"}
        | {"group_name": "decisioning", "record": b'{"rounds": []}'}
        | dict.fromkeys(("decided_at", "effective_at"), microseconds(at))
        for place, at in enumerate(times)
    ]
    earned = [
        {"decision_id": row["decision_id"], "decision": "channel", "state": "resolved", "snapshot": 1}
        | {"reward": float(place)}
        for place, row in enumerate(rows)
    ]
    with worker.state.engine.begin() as connection:
        connection.execute(decisions.insert(), rows)
        connection.execute(rewards.insert(), earned)

    with worker.state.engine.connect() as connection:
        whole, half = (
            read_curves(connection, "busy", worker.clock(), share, TEHRAN)[0] for share in (1.0, 0.5)
        )
        share = hour_share(connection, "busy", worker.clock())

    assert share == 1.0
    assert [curve.rounds["decisioning"] for curve in (whole, half)] == [[8], [4]]
    assert half.means["decisioning"][0].value == (0 + 1 + 4 + 5) / 4  # type: ignore[union-attr]


def test_a_curve_tells_days_of_the_shop(worker: Worker) -> None:
    """Two decisions within an hour, before and after midnight in Tehran, of one day of Greenwich."""
    logged = {"customer_id": "c", "journey": "night", "status": "act", "group_name": "decisioning"}
    record = json.dumps({"rounds": [{"decision": "channel", "probabilities": [0.5, 0.5]}]}).encode()
    midnight = datetime(2026, 11, 20, 20, 30, tzinfo=UTC)
    rows = [
        logged
        | {"decision_id": f"night {minutes}", "record": record}
        | dict.fromkeys(("decided_at", "effective_at"), microseconds(midnight + timedelta(minutes=minutes)))
        for minutes in (-30, 20, 30)
    ]
    earned = [
        {"decision_id": row["decision_id"], "decision": "channel", "state": "resolved", "snapshot": 1}
        | {"reward": 1.0}
        for row in rows
    ]
    with worker.state.engine.begin() as connection:
        connection.execute(decisions.insert(), rows)
        connection.execute(rewards.insert(), earned)

    with worker.state.engine.connect() as connection:
        (curve,) = read_curves(connection, "night", worker.clock(), 1.0, TEHRAN)

    assert curve.days == (date(2026, 11, 20), date(2026, 11, 21))
    assert curve.rounds == {"decisioning": [1, 2]}
    assert curve.evenness == [1.0, 1.0]


def test_champions_and_their_promotions_are_told(worker: Worker) -> None:
    found = read_policies(worker.state.engine, worker.clock(), TEHRAN)

    assert {each.name for each in found.champions} >= {"channel_policy", "coupon_policy", "send_time_policy"}
    assert {each.snapshot for each in found.promotions} == {1}


@pytest.mark.parametrize(("shares", "entropy"), [([0.25] * 4, 1.0), ([1.0], 0.0), ([0.9, 0.1, 0.0], 0.469)])
def test_entropy_is_one_for_chance_and_nothing_for_certainty(shares: list[float], entropy: float) -> None:
    assert normalized_entropy(shares) == pytest.approx(entropy, abs=0.001)


def test_budgets_of_days_before_are_drawn(worker: Worker) -> None:
    rows = [
        {"journey": "lucky_wheel", "day": f"2026-11-{day}", "used": 1000 * day, "price": float(day)}
        for day in (19, 20, 21)
    ]
    with worker.state.engine.begin() as connection:
        connection.execute(budgets.insert(), rows)

    page = worker.client.get("/console/budget").text

    assert "21,000 toman" in page
    assert "<path class=" in page


def test_the_days_before_are_days_of_the_shop(worker: Worker) -> None:
    """At half past midnight in Tehran, thirty days back is a day later than by the clock of Greenwich."""
    worker.clock.now = datetime(2026, 11, 22, 21, tzinfo=UTC)
    rows = [
        {"journey": "lucky_wheel", "day": day, "used": 1, "price": 0.0}
        for day in ("2026-10-23", "2026-10-24")
    ]
    with worker.state.engine.begin() as connection:
        connection.execute(budgets.insert(), rows)

    _, days = read_budgets(worker.state)

    assert [each.day for each in days["lucky_wheel"]] == [date(2026, 10, 24)]


def test_a_budget_is_told_through_the_day_as_its_decisions_found_it(
    make_worker: Callable[..., Worker], points: dict[str, DecisionPoint]
) -> None:
    """At 13:00 all is left, at 15:00 and a day later what the decisions before had left."""
    fields = points["lucky_wheel"].model_dump()
    fields["coupon"] |= {"daily_budget": 300_000, "amounts": (50_000,), "budget_price": 0.25}
    rules = {"lucky_wheel": DecisionPoint.model_validate(fields)}
    worker = make_worker(points=rules)
    for hours in (2, 22, 0):
        for each in range(4):
            worker.reader.customers[f"b{each}"] = stored_customer(f"b{each}", worker.clock())
            worker.decide(customer_id=f"b{each}", journey="lucky_wheel", decide=["coupon"])
        pace_budgets(worker.state.engine, rules, "Asia/Tehran", worker.clock())
        worker.clock.advance(hours=hours)
    fields["coupon"]["daily_budget"] = 900_000  # from now on, which says nothing of that day
    newer = replace(worker.state.rules["lucky_wheel"], point=DecisionPoint.model_validate(fields))
    worker.state.rules["lucky_wheel"] = newer
    course = read_courses(worker.state, date(2026, 11, 22))
    hours = {each.begins: each for each in course.hours["lucky_wheel"]}

    first, third = (hours[NOW + timedelta(hours=ahead)] for ahead in (0, 2))

    assert len(hours) == 24
    assert sum(each.used is not None for each in hours.values()) == 2
    assert (first.used, first.price) == (150_000, 0.25), "as the fourth of them found it"
    assert third.used == 300_000
    assert third.used_share == 1.0
    assert third.elapsed_share == pytest.approx(16 / 24)
    assert third.price is not None
    assert third.price > 0.25
    page = worker.client.get("/console/budget?day=2026-11-22").text
    assert "Used share of the budget by hour" in page
    assert "No decision read this budget" in worker.client.get("/console/budget?day=2026-11-20").text


def test_an_offline_evaluation_is_shown_without_its_page_doing_anything(worker: Worker) -> None:
    folder = worker.state.settings.reports_path
    folder.mkdir()
    (folder / "20261122-channel.html").write_text("<h1>Judged</h1>", encoding="utf-8")
    (folder.parent / "secret.html").write_text("secret", encoding="utf-8")

    listed = worker.client.get("/console/policies").text
    shown = worker.client.get("/console/reports/20261122-channel.html")
    beyond = [worker.client.get(f"/console/reports/{name}") for name in ("..%2Fsecret.html", "none.html")]

    assert [page.name for page in evaluation_pages(folder)] == ["20261122-channel.html"]
    assert "20261122-channel.html" in listed
    assert shown.text == "<h1>Judged</h1>"
    assert "sandbox" in shown.headers["content-security-policy"]
    assert [answer.status_code for answer in beyond] == [404, 404]


def test_health_tells_what_the_worker_did(worker: Worker) -> None:
    decided(worker, 2)

    page = worker.client.get("/console/health").text

    assert "churn_prevention · " in page
    assert "ready" in page
    assert "What operators did" in page, "an open service hides nothing from anyone"


def test_health_tells_what_the_log_knows_of_learner_and_refresher(worker: Worker) -> None:
    told = {"userId": "c1", "event": "product_viewed", "properties": {"product_id": "p1"}}
    before = worker.client.get("/console/health").text
    assert worker.client.post("/v1/track", json=told).status_code == 200

    health, page = read_health(worker.state), worker.client.get("/console/health").text

    assert health.snapshot == 1
    assert health.snapshot_at is not None
    assert health.learnt_until is not None
    assert health.backlog.length == 1
    assert "Learner: newest snapshot</dt><dd>1 ·" in page
    assert "Refresher: events that wait</dt><dd>1 · since" in page
    assert "Refresher: events that wait</dt><dd>0</dd>" in before
    assert f"Of the one process that answered ({os.getpid()})" in page


def sums(*rewards: float) -> RewardSums:
    return RewardSums(len(rewards), sum(rewards), sum(each * each for each in rewards))


def test_a_mean_has_the_interval_of_its_rounds_and_a_single_round_has_none() -> None:
    rewards = [0.0, 1.0, 1.0, 2.0]
    variance = statistics.variance(rewards) / 4

    found = estimate(sums(*rewards).mean, sums(*rewards).mean_variance)

    assert found.value == 1.0
    assert found.bounds == pytest.approx((1 - Z * variance**0.5, 1 + Z * variance**0.5))
    assert sums(3.0).mean_variance is None


def test_a_gain_adds_up_over_the_days_that_have_both_groups() -> None:
    one, other = sums(1.0, 3.0), sums(0.0, 1.0, 2.0)

    none, first, alone, second = cumulative_gain([(None, other), (one, other), (one, None), (one, other)])

    assert none is None
    assert first is not None
    assert first.bounds is not None
    assert second is not None
    assert second.bounds is not None
    assert first == alone
    assert (first.value, second.value) == (2.0, 4.0)
    variance = 4 * (2 / 2 + 1 / 3)
    assert first.bounds[1] - first.value == pytest.approx(Z * variance**0.5)
    assert second.bounds[1] - second.value == pytest.approx(Z * (2 * variance) ** 0.5)


def test_groups_that_earn_alike_are_told_apart_in_one_of_twenty_cases() -> None:
    """Of 400 pairs of groups, seed 5, about 20 are: fewer than 8 or more than 36 come with a probability below 0.001."""
    rng = np.random.default_rng(5)
    shown = 0
    for _ in range(400):
        days = [(sums(*rng.normal(size=40)), sums(*rng.normal(size=25))) for _ in range(5)]
        last = cumulative_gain(days)[-1]
        assert last is not None
        assert last.bounds is not None
        shown += not last.bounds[0] <= 0 <= last.bounds[1]

    assert 8 <= shown <= 36


def test_a_band_lies_between_the_bounds_and_breaks_where_they_are_unknown() -> None:
    chart = line_chart({"a": [1.0, 1.0, 1.0]}, {"a": [(0.0, 2.0), (0.0, 2.0), None]})

    assert chart is not None
    assert chart.lines[0].band == f"M0.0 {HEIGHT}L320.0 {HEIGHT}L320.0 0.0L0.0 0.0Z"


def test_a_measure_is_drawn_with_its_intervals_where_it_has_them() -> None:
    rows = [
        {"rate": 0.5, "low": 0.0, "high": 1.0},
        {"rate": 1.0, "low": 0.0, "high": 1.0},
        {"rate": 0.0, "low": None, "high": None},
    ]

    chart = measured_chart(rows, {"rate": ("rate", "low", "high")})

    assert chart is not None
    assert chart.lines[0].path == f"M0.0 {HEIGHT / 2}L320.0 0.0L{WIDTH} {HEIGHT}"
    assert chart.lines[0].band == f"M0.0 {HEIGHT}L320.0 {HEIGHT}L320.0 0.0L0.0 0.0Z"


def test_a_chart_fills_its_picture_from_corner_to_corner_and_leaves_gaps() -> None:
    chart = line_chart({"a": [0.0, 2.0], "b": [1.0, None]})

    assert chart is not None
    assert chart.lines[0].path == f"M0.0 {HEIGHT}L{WIDTH} 0.0"
    assert [tick.value for tick in chart.ticks] == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert line_chart({"a": [1.0]}) is None
    assert line_chart({}) is None
