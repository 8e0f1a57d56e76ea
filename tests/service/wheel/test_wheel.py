"""The wheel behind its link: whose it is, that it is drawn once, and what it shows."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import pytest
from httpx2 import Response
from sqlalchemy import func, select

from service.access.scope import Scope
from service.decision_point import DecisionPoint
from service.settings import Settings
from service.store.tables import decisions, draws
from service.wheel.face import sectors, stops_at
from tests.service.access.callers import bearer, give_key
from tests.service.conftest import Worker, stored_customer


@pytest.fixture
def worker(make_worker: Callable[..., Worker], points: dict[str, DecisionPoint]) -> Worker:
    """A worker whose wheel draws once a day and always a code."""
    fields = points["lucky_wheel"].model_dump()
    fields["coupon"] |= {"once_per": "day", "amounts": (10000, 20000, 30000, 40000, 50000)}
    made = make_worker(points={**points, "lucky_wheel": DecisionPoint.model_validate(fields)})
    made.reader.customers["c1"] = stored_customer("c1", recency_days=3.0)
    return made


def link(worker: Worker, **fields: Any) -> dict[str, Any]:
    answer = worker.client.post("/v1/wheel/links", json={"customer_id": "c1", **fields})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def spun(worker: Worker, path: str) -> Response:
    """What the page's own form is answered with."""
    page = worker.client.get(path).text
    text = re.search(r'name="link" value="([^"]+)"', page)
    assert text is not None
    answer: Response = worker.client.post("/wheel", data={"link": html.unescape(text[1])})
    assert answer.status_code == 200, answer.text
    return answer


def code_of(page: Response) -> str:
    found = re.search(r'class="code" dir="ltr">([^<]+)<', page.text)
    assert found is not None, page.text
    return found[1]


def count(worker: Worker, table: Any) -> int:
    with worker.state.engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0


def test_all_that_the_page_loads_is_under_its_own_address(worker: Worker) -> None:
    """A proxy that lets /wheel through and not the console shows it whole."""
    page = worker.client.get(link(worker)["path"]).text
    loaded = re.findall(r'(?:src|href|action)="([^"#?]+)', page)

    assert len(loaded) >= 4
    assert {address.partition("/wheel")[0] for address in loaded} == {""}, loaded
    for address in (each for each in loaded if "/static/" in each):
        assert worker.client.get(address).status_code == 200
    assert worker.client.get("/wheel/static/none.css").status_code == 404


def test_the_end_of_a_code_is_told_by_the_clock_of_its_customer(worker: Worker) -> None:
    worker.reader.customers["c1"] = stored_customer("c1", recency_days=3.0, time_zone="Asia/Tokyo")

    page = spun(worker, link(worker)["path"]).text

    told = re.search(r"Valid until <time[^>]*>([^<]+)<", page)
    assert told is not None
    assert told[1].endswith(", 00:00:00"), told[1]


def test_a_link_draws_nothing_until_the_wheel_is_spun_and_then_once(worker: Worker) -> None:
    path = link(worker)["path"]
    before = worker.client.get(path)
    assert "Spin the wheel" in before.text
    assert (count(worker, decisions), count(worker, draws)) == (0, 0)

    first = spun(worker, path)

    again, reloaded = worker.client.get(link(worker)["path"]), worker.client.get(path)
    assert code_of(first) == code_of(again) == code_of(reloaded)
    assert "Spin the wheel" not in reloaded.text
    assert (count(worker, decisions), count(worker, draws)) == (1, 1)


def test_the_code_is_the_draws_that_a_journey_engine_gets_too(worker: Worker) -> None:
    shown = code_of(spun(worker, link(worker)["path"]))

    answer = worker.decide(customer_id="c1")

    assert answer["coupon"]["code"] == shown  # type: ignore[index]
    assert answer["repeats"] is not None


def test_the_next_day_the_wheel_turns_again(worker: Worker) -> None:
    first = code_of(spun(worker, link(worker)["path"]))
    worker.clock.advance(days=1)

    assert code_of(spun(worker, link(worker)["path"])) != first


def test_a_link_names_nobody_and_is_another_each_time(worker: Worker) -> None:
    worker.reader.customers["someone@example.com"] = stored_customer("someone@example.com")

    links = {link(worker, customer_id="someone@example.com")["path"] for _ in range(3)}

    assert len(links) == 3
    assert not any("someone" in each or "example" in each for each in links)


def test_a_link_that_is_over_altered_or_made_up_opens_nothing(worker: Worker) -> None:
    made = link(worker, minutes=15)
    path = made["path"]
    altered = path[:-8] + ("A" if path[-8] != "A" else "B") + path[-7:]
    refused = [worker.client.get(each) for each in (altered, "/wheel?link=c1", "/wheel")]
    refused.append(worker.client.post("/wheel", data={"link": "c1"}))
    worker.clock.advance(minutes=15)
    refused.append(worker.client.get(path))

    assert [each.status_code for each in refused] == [410] * 5
    assert all("This link is no longer valid" in each.text for each in refused)
    assert count(worker, draws) == 0


def test_only_who_may_decide_makes_links_and_the_wheel_needs_none_but_its_link(worker: Worker) -> None:
    reader, decider = give_key(worker, Scope.READ), give_key(worker, Scope.DECIDE)
    asked = {"customer_id": "c1"}

    assert worker.client.post("/v1/wheel/links", json=asked).status_code == 401
    assert worker.client.post("/v1/wheel/links", json=asked, headers=bearer(reader)).status_code == 403
    made = worker.client.post("/v1/wheel/links", json=asked, headers=bearer(decider)).json()
    assert code_of(spun(worker, made["path"]))


def test_a_journey_without_a_draw_has_no_wheel(worker: Worker) -> None:
    answer = worker.client.post("/v1/wheel/links", json={"customer_id": "c1", "journey": "churn_prevention"})

    assert answer.status_code == 422
    assert "coupon.once_per" in answer.json()["detail"]


def test_where_there_is_nothing_to_win_the_wheel_says_so(worker: Worker) -> None:
    worker.clock.advance(hours=10, minutes=29)  # 23:29 in Tehran: 30 minutes are the least that a code lives
    answer = spun(worker, link(worker)["path"])
    worker.clock.advance(minutes=2)
    late = spun(worker, link(worker, customer_id="c2")["path"])

    assert "Hooray" in answer.text
    assert "No code this time" in late.text


def test_the_page_may_be_framed_where_the_setting_says_and_nowhere_else(worker: Worker) -> None:
    page = worker.client.get(link(worker)["path"])

    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert "x-frame-options" not in page.headers, "older than frame-ancestors, and knows no list of sites"
    with pytest.raises(ValueError, match="wheel_frame_ancestors"):
        Settings(wheel_frame_ancestors="https://shop.example; script-src *")


def test_the_page_is_in_the_language_asked_for_and_keeps_it_when_spun(worker: Worker) -> None:
    page = worker.client.get(link(worker)["path"] + "&lang=fa")

    assert 'lang="fa" dir="rtl"' in page.text
    assert "گردونهٔ شانس" in page.text
    assert 'action="/wheel?lang=fa"' in page.text


@pytest.mark.parametrize("amounts", [(0, 10), (0, 10, 20, 30), (0, 1, 2, 3, 4, 5)])
def test_when_the_wheel_stops_the_label_of_its_amount_is_at_the_top(amounts: tuple[int, ...]) -> None:
    for sector in sectors(amounts):
        assert (sector.turned + stops_at(amounts, sector.amount)) % 360 == pytest.approx(0, abs=0.01)


def test_a_code_that_ran_out_is_not_counted_down(worker: Worker) -> None:
    path = link(worker, minutes=1440)["path"]
    page = spun(worker, path)
    until = re.search(r'data-until="([^"]+)"', page.text)

    assert until is not None
    assert until[1].startswith((worker.clock() + timedelta(hours=11)).date().isoformat())


def test_a_wheel_that_is_asked_for_too_often_says_so_in_both_languages_and_when_again(worker: Worker) -> None:
    path, again = (link(worker)["path"] for _ in range(2))
    answers = [worker.client.get(path if each % 2 else again).status_code for each in range(30)]

    late = worker.client.get(path)
    posted = worker.client.post("/wheel?lang=fa", data={"link": unquote(path.partition("link=")[2])})
    other = worker.client.get(link(worker, customer_id="c2")["path"])

    assert set(answers) == {200}
    assert (late.status_code, posted.status_code, other.status_code) == (429, 429, 200)
    assert 1 <= int(late.headers["retry-after"]) <= 60
    assert late.headers["ratelimit-policy"] == '"wheel";q=30;w=60'
    assert "asked for too often" in late.text
    assert "گردونه بیش از اندازه خواسته شد" in posted.text
    assert "frame-ancestors" in late.headers["content-security-policy"]
    assert count(worker, draws) == 0


def test_an_address_may_ask_for_so_many_wheels_whether_its_links_are_ours_or_not(worker: Worker) -> None:
    made_up = worker.client.get("/wheel?link=made-up").status_code
    for _ in range(599):
        asyncio.run(worker.state.access.count("wheel-address", "testclient"))

    answers = [worker.client.get(path).status_code for path in ("/wheel?link=made-up", link(worker)["path"])]

    assert (made_up, answers) == (410, [429, 429])
    counted = worker.state.metrics.registry.get_sample_value("gardoon_refused_total", {"status": "429"})
    assert counted == 2
