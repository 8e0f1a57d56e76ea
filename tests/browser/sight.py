"""What somebody sees of a page in a browser, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from axe_core_python.base import AXE_SCRIPT
from playwright.sync_api import Page

_ENGLISH: Final = """() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim();
    const named = walker.currentNode.parentElement.closest("[lang='en'], bdi, code, option, title");
    if (!named && /[A-Za-z]{2,}[ ,.:;]+[A-Za-z]{2,}/.test(text)) found.push(text);
  }
  return found;
}"""
_BELOW_POINTER: Final = """() => {
  const svg = document.querySelector(".wheel svg"), all = [...svg.querySelectorAll(".sector")];
  svg.scrollIntoView();
  const tip = new DOMPoint(0, -84).matrixTransform(svg.getScreenCTM());
  const place = all.indexOf(document.elementsFromPoint(tip.x, tip.y).find((each) => each.matches(".sector")));
  const label = svg.querySelectorAll("#wheel text")[place], box = label.getBoundingClientRect();
  return [label.textContent, Math.abs(box.x + box.width / 2 - tip.x)];
}"""


@dataclass(frozen=True)
class Whole:
    """A page's heading and how many tables, pictures and forms are on it."""

    heading: str
    tables: int
    pictures: int
    forms: int


def seen(page: Page) -> Whole:
    """What is on the page; every picture must be visible and named. No script of the page need run for it."""
    for picture in page.locator("svg[role=img]").all():
        box = picture.bounding_box()
        assert picture.get_attribute("aria-label"), "a picture without a name"
        assert box is not None, "a picture that is not shown"
        assert box["width"] > 100, box
        assert box["height"] > 30, box
    return Whole(
        heading=page.locator("h1").inner_text(),
        tables=page.locator("table").count(),
        pictures=page.locator("svg[role=img]").count(),
        forms=page.locator("main form").count(),
    )


def faults_of(page: Page) -> list[tuple[str, list[str]]]:
    """What axe finds wrong with the page: the rule, and where."""
    page.evaluate(AXE_SCRIPT)
    found: dict[str, Any] = page.evaluate("axe.run({resultTypes: ['violations']})")
    return [(each["id"], [node["html"][:150] for node in each["nodes"]]) for each in found["violations"]]


def english_of(page: Page) -> list[str]:
    """Texts of two English words or more that the page does not declare to be English, a name or code."""
    found: list[str] = page.evaluate(_ENGLISH)
    return found


def amount_below_pointer(page: Page) -> int:
    """The amount on the sector at the tip of the wheel's pointer, 0 for nothing; it stands right below."""
    text, aside = page.evaluate(_BELOW_POINTER)
    assert aside < 2, f"the label is {aside} pixels beside the pointer"
    return 0 if text == "–" else int(text.replace(",", "").replace("٬", ""))


def angle_of(page: Page) -> float:
    """How far the wheel is turned, in degrees."""
    told = page.locator("#wheel").get_attribute("transform") or ""
    return float(told.removeprefix("rotate(").removesuffix(")"))
