from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from training.evaluation.html_report import Heading, write_html
from training.evaluation.judgement import Question
from training.evaluation.log_chunk import LogChunk, logged_policy
from training.evaluation.opened_log import OneChunk
from training.evaluation.round_labels import RoundLabels
from training.evaluation.slices import Slice
from training.evaluation.stream import judge_log

EMPTY = ("meta", "path", "line", "rect", "circle", "br")


class Page(HTMLParser):
    """The tags of a page, the texts between them, and whatever it would fetch or run."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.fetched: list[str] = []
        self.text = ""
        self.feed(content)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag not in EMPTY:
            self.open.append(tag)
        self.fetched += [
            f"{name}={value}" for name, value in attributes if name in ("src", "href", "xlink:href")
        ]
        self.fetched += [name for name, _ in attributes if name.startswith("on")]

    def handle_endtag(self, tag):
        if tag not in EMPTY:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data + " "


@pytest.fixture(scope="module")
def judged(world):
    """Asks a question of a log of 1,500 rounds; `kept` chooses rounds by their action."""

    def ask(policy=None, kept=lambda actions: actions >= 0, **asked):
        log = world.log(1_500, seed=51)
        log = log.take(kept(log.actions))
        labels = RoundLabels(texts={"journey": np.where(np.arange(log.n_rounds) % 2, "wheel", "<b>cart</b>")})
        source = OneChunk(chunk=LogChunk(feedback=log, labels=labels))
        ours = policy or (lambda chunk: world.evaluation_probabilities(chunk.feedback))
        return judge_log(source, Question(policy=ours, **asked), np.random.default_rng(0))

    return ask


def test_the_page_needs_no_network_and_no_script_and_holds_its_pictures(judged):
    page = Page(write_html(judged(), Heading(policy="ours", log="a log")))

    assert page.open == []
    assert page.fetched == []
    assert "script" not in page.tags
    assert page.tags.count("svg") == 4  # estimates, weights, actions, slices


def test_the_verdict_comes_first_and_notes_last(judged):
    found = judged(against=logged_policy, slices=(Slice.parse("first>0"),))
    heading = Heading(
        policy="ours", log="a log", against="logged", about={"seed": "0"}, notes=("only 38 clicks",)
    )

    text = Page(write_html(found, heading)).text

    wanted = (
        "Verdict: conclude",
        "seed",
        "Diagnostics",
        "effective sample size",
        "Estimates of the policy",
        "snips",
        "ours less logged, on the same rounds",
        "worse",
        "Weights",
        "Logged reward by action",
        "Slices",
        "first>0",
        "Notes",
        "only 38 clicks",
    )
    places = [text.index(word) for word in wanted]
    assert places == sorted(places)


def test_what_others_named_is_shown_as_text_not_run(judged):
    heading = Heading(policy="<script>alert(1)</script>", log="file:a&b.csv")

    content = write_html(judged(), heading)

    assert "<script" not in content
    assert "<b>cart" not in content
    assert "journey=<b>cart</b>" in Page(content).text


def test_the_numbers_on_the_page_are_those_of_the_judgement(judged):
    found = judged()

    content = write_html(found, Heading(policy="ours", log="a log"))

    dr = next(each for each in found.evaluation.estimates if each.estimator == "dr")
    row = re.search(r"<tr><td>dr</td>(.*?)</tr>", content).group(1)
    cells = re.findall(r"<td[^>]*>(.*?)</td>", row)
    assert [float(cell) for cell in cells[:4]] == pytest.approx(
        [dr.value, dr.standard_error, dr.low, dr.high], rel=1e-3
    )


def test_a_log_without_overlap_makes_a_page_that_refuses(judged):
    def never_logged(chunk):
        return np.tile([0.0, 0.0, 1.0], (chunk.feedback.n_rounds, 1))

    found = judged(policy=never_logged, kept=lambda actions: actions != 2)
    page = Page(write_html(found, Heading(policy="never", log="a log")))

    assert "Verdict: refuse" in page.text
    assert page.text.count("undefined") >= 9
    assert page.tags.count("svg") == 1  # rewards by action are there all the same
