"""What people look at, in a real browser: every page in both languages, without faults that axe or scripts complain of.

One file, so that one process of the test run starts the service and the browser.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.addresses import REFUSED, SANDBOXED, console_pages, in_language
from tests.browser.conftest import CUSTOMERS, EVALUATION, LANGUAGES, Console, Visit, log_in, visiting
from tests.browser.sight import amount_below_pointer, angle_of, english_of, seen
from tests.running import ROOT, post, run

pytestmark = pytest.mark.slow
CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)
PERSIAN = re.compile("[آ-ی]")
SHOWN_IN_PERSIAN = ("/console/customer", "/console/funnel", "/console/value")
"""In the docs' pictures; the others are in English."""


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where pictures are written: GARDOON_PICTURES, else they are looked at and thrown away."""
    return Path(os.environ.get("GARDOON_PICTURES", tmp_path))


def take_picture(page: Page, folder: Path, document: str, name: str) -> None:
    """A picture of what is on the screen: small, in the repository and on its page of the docs."""
    shipped = ROOT / "docs" / "pictures" / name
    page.screenshot(path=folder / name)
    assert 3_000 < (folder / name).stat().st_size < 150_000
    assert shipped.stat().st_size < 150_000
    assert f"(pictures/{name})" in (ROOT / "docs" / document).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", console_pages())
def test_a_page_is_whole_in_both_languages_with_and_without_scripts_and_in_the_docs(
    visit: Visit, unscripted: Page, pictures: Path, path: str
) -> None:
    for language in LANGUAGES:
        address = visit.console.filled(in_language(path, language))
        visit.go(address)
        visit.check()
        shown = seen(visit.page)

        unscripted.goto(f"{visit.console.address}{address}")

        assert shown.heading
        assert seen(unscripted) == shown
        is_persian = language == "fa"
        assert visit.page.locator("html").get_attribute("dir") == ("rtl" if is_persian else "ltr")
        assert bool(PERSIAN.search(shown.heading)) is is_persian
        assert not is_persian or english_of(visit.page) == []
        if path != "/console" and is_persian is (path in SHOWN_IN_PERSIAN):
            if shown.pictures:
                visit.page.locator("figure").first.scroll_into_view_if_needed()
            name = "-".join(re.findall("[a-z_]+", path)).replace("decisions-decision_id", "decision")
            take_picture(visit.page, pictures, "console.md", f"{name}.png")


def test_the_page_of_an_evaluation_is_shown_as_it_was_written(visit: Visit) -> None:
    """Axe is a script, and in the console none runs there: it looks at a copy."""
    for language in LANGUAGES:
        visit.go(visit.console.filled(in_language(SANDBOXED, language)))
    assert visit.complaints == []

    visit.page.goto("about:blank")
    visit.page.set_content((visit.console.var / "reports" / EVALUATION).read_text(encoding="utf-8"))

    assert visit.page.locator("h1").inner_text() == "Channel policy, judged offline"
    visit.check()


@pytest.mark.parametrize("path", REFUSED)
def test_what_cannot_be_shown_is_a_page_in_both_languages(visit: Visit, path: str) -> None:
    for language in LANGUAGES:
        visit.go(in_language(path, language), REFUSED[path])

        assert bool(PERSIAN.search(seen(visit.page).heading)) is (language == "fa")
        assert language == "en" or english_of(visit.page) == []
        visit.check()


def test_a_page_that_a_key_does_not_open_says_so_in_both_languages(
    browser: Browser, console: Console
) -> None:
    with browser.new_context(locale="en-US") as context:
        log_in(context, console.address, console.poor_key, "/console/budget")
        for visit in visiting(context, console):
            for language, told in zip(
                LANGUAGES, ("needs the scope read", "دامنهٔ read را می‌خواهد"), strict=True
            ):
                visit.go(f"/console/budget?lang={language}", 403)

                expect(visit.page.locator("main")).to_contain_text(told)
                assert english_of(visit.page) == [] or language == "en"
                visit.check()


def test_pages_have_the_pictures_that_they_are_for(unscripted: Page, console: Console) -> None:
    least = {"policies": 6, "budget": 2, "experiments": 1, "retention": 2, "value": 2, "economics": 1}
    for name, number in least.items():
        unscripted.goto(console.address + in_language(f"/console/{name}", "en"))

        assert seen(unscripted).pictures >= number, name
        assert unscripted.locator("path.band").count() > 0 or name in ("budget", "experiments"), name


def test_forms_and_folded_tables_work_without_scripts(unscripted: Page, console: Console) -> None:
    unscripted.goto(f"{console.address}/console/decisions?lang=en")
    unscripted.get_by_label("Journey").select_option("cart_abandonment")
    unscripted.get_by_role("button", name="Show").click()
    expect(unscripted.locator("tbody tr").first).to_contain_text("cart_abandonment")
    expect(unscripted.get_by_label("Follow as they are made")).to_be_hidden()

    unscripted.goto(f"{console.address}/console/retention?lang=en")
    folded = unscripted.get_by_role("region", name="Retention by weeks")
    expect(folded).to_be_hidden()
    unscripted.get_by_text("Retention by weeks").first.click()
    expect(folded).to_be_visible()


def test_a_decision_leads_to_its_page_and_to_its_customer(visit: Visit) -> None:
    visit.go("/console/decisions?lang=en")

    visit.page.locator("tbody th a").first.click()
    expect(visit.page.get_by_text("What came back")).to_be_visible()
    visit.check()
    visit.page.locator("main").get_by_role("link", name=re.compile("^customer")).click()
    expect(visit.page.get_by_role("heading", name="What they may still get")).to_be_visible()


def test_what_came_back_is_on_the_decisions_page_in_persian(visit: Visit) -> None:
    visit.go(f"/console/decisions/{visit.console.decision_id}?lang=fa")

    expect(visit.page.get_by_text("clicked")).to_be_visible()
    visit.check()


def test_new_decisions_show_by_themselves_while_they_are_followed(visit: Visit) -> None:
    visit.go("/console/decisions?lang=en&journey=price_drop")
    expect(visit.page.get_by_text("Nothing was decided yet.")).to_be_visible()

    visit.page.get_by_label("Follow as they are made").check()
    asked = {"customer_id": "customer 1", "journey": "price_drop"}
    headers = {"authorization": f"Bearer {visit.console.key}"}
    visit.page.request.post(f"{visit.console.address}/v1/decide", data=asked, headers=headers)

    expect(visit.page.locator("tbody tr")).to_have_count(1, timeout=10_000)
    assert visit.complaints == []


def test_the_console_is_used_by_the_keyboard_alone(stranger: Visit, console: Console) -> None:
    stranger.go("/console/customer?lang=en")
    page = stranger.page
    stranger.check()

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.get_by_label("API key").focus()
    page.keyboard.type(console.key)
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/customer")
    page.get_by_label("Customer's id").focus()
    page.keyboard.type("customer 0")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Timeline")).to_be_visible()
    stranger.check()


def test_a_wrong_key_is_told_to_those_who_see_and_those_who_listen_and_kept_on_record(
    stranger: Visit,
) -> None:
    """With the address that the proxy before the service names."""
    stranger.page.set_extra_http_headers({"X-Forwarded-For": "203.0.113.9"})
    stranger.go("/console/login?lang=en")
    stranger.page.get_by_label("API key").fill("gdn_wrong")
    stranger.page.get_by_role("button", name="Log in").click()

    expect(stranger.page.get_by_role("alert")).to_contain_text("The key or token is not accepted.")
    assert "address:203.0.113.9" in run("service", "audit", var=stranger.console.var)


@pytest.mark.parametrize("name", ["console.md", "wheel.md"])
def test_the_commands_of_the_docs_work_as_they_stand_there(console: Console, name: str) -> None:
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    commands = [line for block in CONSOLE.findall(text) for line in block.split("$ ")[1:]]

    assert commands
    for command in commands:
        parts = shlex.split(command.replace("http://127.0.0.1:8000", console.address))
        if parts[0] == "curl":
            asked = [*parts, "-H", f"authorization: Bearer {console.key}"]
            done = subprocess.run(asked, capture_output=True, text=True, check=True)
            assert json.loads(done.stdout)["path"].startswith("/wheel?link=")
        elif parts[2] == "service":
            run(*parts[2:], var=console.var)
        elif parts[0].startswith("GARDOON_PICTURES="):
            assert parts[1:] == ["python", "-m", "pytest", "tests/browser"], "that is what runs here"
        else:
            assert parts == ["python", "-m", "training", "report"], "test_measures_docs.py runs it"


def wheel_of(visit: Visit, customer_id: str, language: str = "en") -> str:
    """The path of a customer's wheel, as the shop's server asks for it."""
    made = post(
        f"{visit.console.address}/v1/wheel/links", {"customer_id": customer_id}, key=visit.console.key
    )
    return f"{made['path']}&lang={language}"


def drawn(console: Console, customer_id: str) -> dict[str, Any]:
    """The coupon of the customer's draw, which the decision is answered with again."""
    asked = {"customer_id": customer_id, "journey": "lucky_wheel", "decide": ["coupon"]}
    coupon: dict[str, Any] = post(f"{console.address}/v1/decide", asked, key=console.key)["coupon"]
    return coupon


COUNT_TURNS = """window.turned = 0;
const animate = Element.prototype.animate;
Element.prototype.animate = function (...how) { window.turned += 1; return animate.apply(this, how); };"""


def test_the_wheel_turns_to_the_amount_that_was_decided_and_shows_it_again_on_reload(
    stranger: Visit, console: Console
) -> None:
    page = stranger.page
    page.add_init_script(COUNT_TURNS)
    stranger.go(wheel_of(stranger, "customer 5"))
    stranger.check()

    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Spin the wheel")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("The wheel is turning.")).to_be_visible()
    expect(page.get_by_text("Hooray!")).to_be_visible(timeout=10_000)
    expect(page.locator("#result")).to_be_focused()
    stranger.check()

    coupon = drawn(console, "customer 5")
    assert amount_below_pointer(page) == coupon["amount"]
    assert page.locator(".code").inner_text() == coupon["code"]
    assert page.evaluate("window.turned") == 1
    turned = angle_of(page)
    page.reload()
    assert page.evaluate("window.turned") == 0, "it stands where it stopped"
    assert angle_of(page) == turned
    assert amount_below_pointer(page) == coupon["amount"]
    assert page.locator(".code").inner_text() == coupon["code"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_wheel_stops_without_motion_where_none_is_wanted_at_each_customers_amount(
    stranger: Visit, console: Console, language: str
) -> None:
    stranger.page.emulate_media(reduced_motion="reduce", color_scheme="dark")
    stranger.page.add_init_script(COUNT_TURNS)
    for number in range(8, CUSTOMERS) if language == "en" else (7,):
        stranger.go(wheel_of(stranger, f"customer {number}", language))
        stranger.page.get_by_role("button").click()
        expect(stranger.page.locator(".code")).to_be_visible(timeout=2_000)

        assert stranger.page.evaluate("window.turned") == 0
        assert amount_below_pointer(stranger.page) == drawn(console, f"customer {number}")["amount"]
    clock = "[۰-۹]{2}:[۰-۹]{2}:[۰-۹]{2}" if language == "fa" else "[0-9]{2}:[0-9]{2}:[0-9]{2}"
    expect(stranger.page.get_by_role("timer")).to_have_text(re.compile(clock))
    assert stranger.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "wider than a phone"
    assert language == "en" or english_of(stranger.page) == []
    stranger.check()


def test_the_countdown_ends_at_the_customers_midnight(stranger: Visit, console: Console) -> None:
    """In a zone where it is about noon, whatever hour it is here; then the browser's clock is set to the last seconds."""
    zone, page = ZoneInfo(console.noon), stranger.page
    coupon, path = drawn(console, "customer 3"), wheel_of(stranger, "customer 3")
    stranger.go(path)

    until = datetime.fromisoformat(str(page.get_by_role("timer").get_attribute("data-until")))
    midnight = datetime.combine(datetime.now(zone).date() + timedelta(days=1), time(), zone)
    assert until == midnight == datetime.fromisoformat(coupon["expires_at"])
    told = page.get_by_role("timer").locator("span").inner_text()
    hours, minutes, seconds = map(int, told.split(":"))
    left = until - datetime.now(zone) - timedelta(hours=hours, minutes=minutes, seconds=seconds)
    assert abs(left) < timedelta(seconds=20)

    page.clock.install(time=until - timedelta(seconds=3))
    stranger.go(path)
    expect(page.get_by_role("timer")).to_have_text(re.compile("00:00:0[1-3]"))
    page.clock.run_for(4000)
    expect(page.get_by_role("timer")).to_have_text("The code is no longer valid.")


def test_a_wheel_that_was_asked_for_too_often_says_when_to_spin_it_again(stranger: Visit) -> None:
    page, path = stranger.page, wheel_of(stranger, "customer 1")
    stranger.go(path)
    for _ in range(29):
        page.request.get(f"{stranger.console.address}{path}")

    page.get_by_role("button").click()
    expect(page.get_by_text(re.compile(r"asked for too often. Try again in \d+ seconds"))).to_be_visible()
    page.goto(f"{stranger.console.address}{path}")

    expect(page.get_by_role("alert")).to_contain_text("asked for too often")
    assert all("429" in each for each in stranger.complaints), "Chromium tells of such answers"
    stranger.complaints.clear()
    stranger.check()


def test_without_scripts_the_wheel_says_what_was_won(browser: Browser, console: Console) -> None:
    with browser.new_context(java_script_enabled=False, locale="fa-IR") as context:
        page = context.new_page()
        made = post(f"{console.address}/v1/wheel/links", {"customer_id": "customer 6"}, key=console.key)
        page.goto(console.address + str(made["path"]))
        page.get_by_role("button").click()

        expect(page.get_by_text("آفرین")).to_be_visible()
        assert page.locator(".code").inner_text() == drawn(console, "customer 6")["code"]
        page.goto(f"{console.address}{made['path']}&lang=en")
        expect(page.get_by_text("Hooray!")).to_be_visible()


def test_a_shop_shows_the_wheel_in_a_frame_of_its_own_page(visit: Visit) -> None:
    page, source = visit.page, visit.console.address + wheel_of(visit, "customer 0")
    page.route(
        "http://shop.test/",
        lambda route: route.fulfill(
            content_type="text/html",
            body=f'<html lang="en"><title>Shop</title><iframe title="Wheel" src="{source}"></iframe></html>',
        ),
    )

    page.goto("http://shop.test/")

    expect(page.frame_locator("iframe").get_by_role("heading", name="Wheel of luck")).to_be_visible()
    assert visit.complaints == []


def test_the_docs_have_a_picture_of_the_wheel(stranger: Visit, pictures: Path) -> None:
    stranger.page.emulate_media(reduced_motion="reduce")
    stranger.go(wheel_of(stranger, "customer 4", "fa"))
    expect(stranger.page.locator(".code")).to_be_visible()

    take_picture(stranger.page, pictures, "wheel.md", "wheel.png")
