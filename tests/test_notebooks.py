"""The notebooks of the documentation run on the base of `make run` and find what they say; pages show their last run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.notebooks import FOLDER, notebooks, page_of, run_notebook

SCORER, POLICY = (
    FOLDER / f"{name}.ipynb" for name in ("train_and_promote_a_scorer", "judge_and_promote_a_policy")
)
LARGEST = 300_000


def found_by(path: Path, var: Path, **what: str) -> dict[str, Any]:
    """The values of these expressions at the end of the notebook."""
    asked = ", ".join(f"{name!r}: {expression}" for name, expression in what.items())
    notebook = run_notebook(path, var, more=f"import json\nprint(json.dumps({{{asked}}}, default=float))")
    values: dict[str, Any] = json.loads(notebook.cells[-2].outputs[0].text)
    return values


@pytest.mark.slow
def test_a_scorer_is_fitted_without_leakage_and_only_a_worse_one_is_refused(prepared: Path) -> None:
    before = sorted(prepared.rglob("*"))

    found = found_by(
        SCORER,
        prepared,
        auc="verdict.metrics['auc']",
        recency="verdict.metrics['recency_alone_auc']",
        known_until="str(examples.as_ofs.max() + timedelta(days=DAYS))",
        tested="str(tested.as_ofs.min())",
        worse="[worse_promoted, worse_report.failed]",
        better="[promoted, report.failed]",
        champion="registry.version_of(NAME, CHAMPION)",
        folder="str(places.var)",
    )

    assert found["auc"] > 0.86 > 0.83 > found["recency"]
    assert found["known_until"] <= found["tested"]
    assert found["worse"] == [False, ["ranking"]]
    assert found["better"] == [True, []]
    assert found["champion"] == "3"
    assert not Path(found["folder"]).exists()
    assert sorted(prepared.rglob("*")) == before


@pytest.mark.slow
def test_a_better_policy_is_promoted_a_misled_one_refused_and_the_truth_lies_in_the_interval(
    prepared: Path,
) -> None:
    """One seed, so no chance of error here; the interval would miss the truth in one of twenty worlds."""
    before = sorted(prepared.rglob("*"))

    found = found_by(
        POLICY,
        prepared,
        truth="truth",
        interval="[estimates['dr'].low, estimates['dr'].high]",
        effective="judgement.evaluation.diagnostics.effective_sample_size",
        propensities="judgement.evaluation.diagnostics.propensities_hold",
        broken="found.verdict.grade",
        better="[promoted, report.failed]",
        misled="[misled_promoted, misled_report.failed]",
        champion="registry.version_of(NAME, CHAMPION)",
        folder="str(places.var)",
    )

    low, high = found["interval"]
    assert low < found["truth"] < high
    assert 1_000 < found["effective"] < 20_000
    assert (found["propensities"], found["broken"]) == (True, "refuse")
    assert found["better"] == [True, []]
    assert found["misled"] == [False, ["fitted rounds", "difference"]]
    assert found["champion"] == "2"
    assert not Path(found["folder"]).exists()
    assert sorted(prepared.rglob("*")) == before


@pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)
def test_a_notebook_holds_a_whole_run_without_error_or_warning_and_is_small(path: Path) -> None:
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    outputs = [output for cell in cells for output in cell.outputs]

    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert {output.output_type for output in outputs} == {"stream", "display_data"}
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []
    assert path.stat().st_size < LARGEST


@pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)
def test_its_page_in_the_site_is_made_of_it(path: Path) -> None:
    page, pictures = page_of(path)

    assert path.with_suffix(".md").read_text(encoding="utf-8") == page, "run `python -m tests.notebooks`"
    assert {each.name for each in FOLDER.glob(f"{path.stem}-*")} == set(pictures)
    for name, content in pictures.items():
        assert (FOLDER / name).read_bytes() == content


def test_the_notebooks_are_those_that_are_tested() -> None:
    assert notebooks() == sorted([SCORER, POLICY])
