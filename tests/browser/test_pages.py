"""What people look at, in a real browser: every page in both languages, without faults that axe or scripts complain of.

One file, so that one process of the test run starts the service and the browser.
"""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import LANGUAGES, Console, Visit

pytestmark = pytest.mark.slow
PAGES = {
    "/console/decisions": ("Decisions", "تصمیم‌ها"),
    "/console/customer?id=customer+0&journey=churn_prevention": ("Customer", "مشتری"),
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
    visit.page.get_by_role("link", name=re.compile("customer")).first.click()
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


def test_a_wrong_key_is_told_to_those_who_see_and_those_who_listen(stranger: Visit) -> None:
    stranger.go("/console/login?lang=en")
    stranger.page.get_by_label("API key").fill("gdn_wrong")
    stranger.page.get_by_role("button", name="Log in").click()

    expect(stranger.page.get_by_role("alert")).to_contain_text("Not accepted")
