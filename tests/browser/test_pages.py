"""What people look at, in a real browser: every page in both languages, without faults that axe or scripts complain of.

One file, so that one process of the test run starts the service and the browser.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import LANGUAGES, Console, Visit
from tests.running import ROOT, post, run

pytestmark = pytest.mark.slow
CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)
PAGES = {
    "/console/decisions": ("Decisions", "تصمیم‌ها"),
    "/console/customer?id=customer+3&journey=churn_prevention": ("Customer", "مشتری"),
    "/console/policies": ("Policies", "سیاست‌ها"),
    "/console/budget": ("Budget", "بودجه"),
    "/console/experiments": ("Experiments", "آزمایش‌ها"),
    "/console/retention": ("Retention", "نگهداشت"),
    "/console/funnel": ("Funnel", "قیف خرید"),
    "/console/value": ("Value of customers", "ارزش مشتریان"),
    "/console/economics": ("Economics", "اقتصاد"),
    "/console/health": ("Health", "سلامت"),
}


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_whole_in_both_languages(visit: Visit, path: str) -> None:
    for language, title in zip(LANGUAGES, PAGES[path], strict=True):
        visit.go(f"{path}{'&' if '?' in path else '?'}lang={language}")

        assert visit.page.locator("h1").inner_text().startswith(title)
        assert visit.page.locator("html").get_attribute("dir") == {"en": "ltr", "fa": "rtl"}[language]
        visit.check()


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


def test_the_wheel_turns_to_what_was_decided_and_shows_it_again_on_reload(stranger: Visit) -> None:
    page = stranger.page
    stranger.go(wheel_of(stranger, "customer 0"))
    stranger.check()

    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Spin the wheel")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("The wheel is turning.")).to_be_visible()
    expect(page.get_by_text("Hooray!")).to_be_visible(timeout=10_000)
    code, turned = page.locator(".code").inner_text(), page.locator("#wheel").bounding_box()

    expect(page.locator("#result")).to_be_focused()
    expect(page.get_by_role("timer")).to_have_text(re.compile(r"Time left: \d\d:\d\d:\d\d"))
    stranger.check()
    page.reload()
    assert page.locator(".code").inner_text() == code
    assert page.locator("#wheel").bounding_box() == turned


def test_a_wheel_that_was_asked_for_too_often_says_when_to_spin_it_again(stranger: Visit) -> None:
    page, path = stranger.page, wheel_of(stranger, "customer 5")
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


def test_the_wheel_does_not_move_for_who_wants_no_motion_and_speaks_persian(stranger: Visit) -> None:
    page = stranger.page
    page.emulate_media(reduced_motion="reduce", color_scheme="dark")
    stranger.go(wheel_of(stranger, "customer 1", "fa"))

    page.get_by_role("button").click()
    expect(page.get_by_text("آفرین")).to_be_visible(timeout=2_000)
    expect(page.get_by_role("timer")).to_have_text(re.compile("[۰-۹]{2}:[۰-۹]{2}:[۰-۹]{2}"))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "wider than a phone"
    stranger.check()


def test_without_scripts_the_wheel_says_what_was_won(browser: Browser, console: Console) -> None:
    with browser.new_context(java_script_enabled=False, locale="fa-IR") as context:
        page = context.new_page()
        made = post(f"{console.address}/v1/wheel/links", {"customer_id": "customer 2"}, key=console.key)
        page.goto(console.address + str(made["path"]))
        page.get_by_role("button").click()

        expect(page.get_by_text("آفرین")).to_be_visible()
        expect(page.locator(".code")).to_be_visible()


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


PICTURES = {
    "console-decisions.png": "/console/decisions?lang=en",
    "console-customer.png": "/console/customer?id=customer+3&journey=churn_prevention&lang=fa",
    "console-retention.png": "/console/retention?lang=en",
}


def test_pictures_of_the_docs_are_of_these_pages(visit: Visit, stranger: Visit, tmp_path: Path) -> None:
    """Written to GARDOON_PICTURES, else looked at and thrown away."""
    folder = Path(os.environ.get("GARDOON_PICTURES", tmp_path))
    visit.page.set_viewport_size({"width": 1080, "height": 720})
    for name, path in PICTURES.items():
        visit.go(path)
        visit.page.screenshot(path=folder / name)
    stranger.page.emulate_media(reduced_motion="reduce")
    stranger.go(wheel_of(stranger, "customer 2", "fa"))
    if stranger.page.get_by_role("button").count():
        stranger.page.get_by_role("button").click()
    expect(stranger.page.locator(".code")).to_be_visible()
    stranger.page.screenshot(path=folder / "wheel.png")

    shipped = ROOT / "docs" / "pictures"
    for name in (*PICTURES, "wheel.png"):
        assert 5_000 < (folder / name).stat().st_size < 150_000
        assert (shipped / name).is_file()
