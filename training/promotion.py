"""Promotion: the `champion` alias moves to a challenger when its gate opens, or by force with a reason, both on record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from models.inputs import SCORES
from training.champion import read_version
from training.evaluation.gate import GateReport
from training.places import Places
from training.policies import DECISIONS
from training.registry import CHALLENGER, CHAMPION, GATE_TAG, ModelRegistry, RunRecord


class PromotionError(ValueError):
    """A promotion that cannot even be judged; the message says what was found and what is wanted."""


@dataclass(frozen=True, kw_only=True)
class Contenders:
    """The registered model, the version that wants to be champion and the one that is."""

    name: str
    challenger: str
    champion: str


def find_contenders(registry: ModelRegistry, name: str, version: str = "") -> Contenders:
    """The version named, or the one that `challenger` points to, and the champion. Raises: `PromotionError`."""
    if name not in (*DECISIONS, *SCORES):
        raise PromotionError(f"no model {name!r}; wanted one of {[*DECISIONS, *SCORES]}")
    champion, challenger = (
        registry.version_of(name, CHAMPION),
        version or registry.version_of(name, CHALLENGER),
    )
    if champion is None:
        raise PromotionError(f"{name} has no champion to be compared with: `fit` registers the first one")
    if challenger is None:
        raise PromotionError(
            f"{name} has no challenger: name a --version, or register one by "
            f"`fit {'policy ' + name + ' --from-log' if name in DECISIONS else 'scorers --challenger'}`"
        )
    if challenger == champion:
        raise PromotionError(f"version {challenger} of {name} is the champion already")
    return Contenders(name=name, challenger=challenger, champion=champion)


def judge_scorer(
    places: Places, contenders: Contenders, dataset: str, rng: np.random.Generator
) -> GateReport:
    """The gate's report on two registered scorers, on a data set. Raises: `DatasetError`, `ArtifactError`."""
    from training.scorers.gate import hold_contest, judge_contest

    challenger, champion = (
        read_version(places.registry_uri, contenders.name, version)
        for version in (contenders.challenger, contenders.champion)
    )
    contest = hold_contest(places.var, dataset, challenger, champion)
    return judge_contest(contest, challenger, champion, rng)


def settle(registry: ModelRegistry, contenders: Contenders, report: GateReport, reason: str = "") -> bool:
    """Whether the challenger is champion now: when the gate opened, or where a reason forces it.

    Either way what was found is a run, and the challenger's version is tagged with the outcome, what failed and the reason.
    """
    promoted = report.opens or bool(reason)
    tags = {GATE_TAG: "passed" if report.opens else f"refused: {', '.join(report.failed)}"}
    if reason and not report.opens:
        tags["forced_because"] = reason
    with registry.run(f"promotion gate {contenders.name}") as run_id:
        registry.log(run_id, _record(contenders, report, tags))
    registry.tag_version(contenders.name, contenders.challenger, {**tags, "gate_run": run_id})
    if promoted:
        registry.promote(contenders.name, contenders.challenger)
    return promoted


def _record(contenders: Contenders, report: GateReport, tags: Mapping[str, str]) -> RunRecord:
    lines = [
        f"- {'ok' if each.holds else 'FAILED'} **{each.name}**: {each.detail}" for each in report.conditions
    ]
    found = report.difference
    numbers = ("first", "second", "value", "low", "high", "effective_sample_size")
    finite = {name: getattr(found, name) for name in numbers if found and np.isfinite(getattr(found, name))}
    return RunRecord(
        parameters=vars(contenders),
        metrics={f"difference_{name}": float(number) for name, number in finite.items()},
        tags=tags,
        files={
            "gate.md": "\n".join([f"# {contenders.name}, version {contenders.challenger}", "", *lines, ""])
        },
    )
