"""The Helm chart, rendered by Helm: valid for Kubernetes, and in agreement with the image, the settings and compose.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import helm_python
import kubernetes_validate
import pytest
import yaml
from typer.main import get_command

from journeys.cli import app as journeys
from service.cli import app
from service.settings import Settings
from tests.production_shape import COMPOSE, HOME, stage

CHART = Path(__file__).parent.parent / "deploy" / "helm" / "gardoon"
KUBERNETES = ("1.27", "1.34")
EVERYTHING = {
    "refresher": {"data": {"claim": "data"}},
    "runner": {"events": {"claim": "events"}},
    "journeys": {"configMap": "our-journeys"},
    "ingress": {"host": "gardoon.example", "className": "nginx", "tlsSecret": "tls"},
    "imagePullSecrets": [{"name": "registry"}],
}


def rendered(values: dict[str, Any]) -> list[dict[str, Any]]:
    texts = helm_python.Chart.load(CHART).render(values, name="shop", namespace="retention")
    return [each for text in texts.values() for each in yaml.safe_load_all(text) if each]


def one(kind: str, name: str) -> dict[str, Any]:
    """What is rendered with everything under that name."""
    (found,) = (e for e in rendered(EVERYTHING) if (e["kind"], e["metadata"]["name"]) == (kind, name))
    return found


def pods(values: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The specification of each kind of pod, by its container's name."""
    found = {}
    for each in rendered(values):
        spec = each["spec"].get("jobTemplate", each).get("spec", {}).get("template", {}).get("spec")
        if spec:
            found[spec["containers"][0]["name"]] = spec
    return found


ALL_PODS = pods(EVERYTHING)


@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["as it is", "with everything"])
@pytest.mark.parametrize("version", KUBERNETES)
def test_what_is_rendered_is_valid(values: dict[str, Any], version: str) -> None:
    for each in rendered(values):
        kubernetes_validate.validate(each, version, strict=True)


def test_helm_finds_no_fault() -> None:
    found = helm_python.lint(CHART, strict=True)

    assert found["errors"] == []
    assert [each["error"] for each in found["messages"] if each["severity"] > 1] == []


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"workers": {"processes": 0}}, "/workers/processes"),
        ({"settings": {"DATABASE_URL": "x"}}, "DATABASE_URL"),
        ({"retention": {"olderThan": "a year"}}, "/retention/olderThan"),
        ({"wrokers": {}}, "wrokers"),
    ],
)
def test_values_that_cannot_be_meant_are_refused_by_their_place(values: dict[str, Any], place: str) -> None:
    with pytest.raises(helm_python.HelmValuesError, match=place):
        helm_python.Chart.load(CHART).validate_schema(values)


def test_it_runs_what_compose_runs_and_what_upgrades_and_time_ask_for() -> None:
    background = {name for name in ("learner", "refresher", "journeys") if name in COMPOSE["services"]}

    assert set(ALL_PODS) == {"workers", "migrate", "retain"} | background
    assert not {"refresher", "journeys"} & pods({}).keys(), "there is none without the data that it needs"


@pytest.mark.parametrize("name", ALL_PODS)
def test_a_pod_runs_a_command_that_there_is_with_settings_that_there_are(name: str) -> None:
    container = ALL_PODS[name]["containers"][0]
    settings = {f"GARDOON_{field.upper()}" for field in Settings.model_fields}
    of_feature_store = {"GARDOON_REGISTRY", "GARDOON_REDIS"}
    module, commands, known = ("service", app, settings | of_feature_store)
    if name == "journeys":
        module, commands, known = ("journeys", journeys, {"GARDOON_API_KEY", "GARDOON_JOURNEYS_DATABASE_URL"})

    command, *given = container["args"]
    parameters = get_command(commands).commands[command].params  # type: ignore[attr-defined]
    options = {option for parameter in parameters for option in parameter.opts}

    assert container["command"] == ["python", "-m", module]
    assert {each.split("=")[0] for each in given if each.startswith("--")} <= options
    assert {each["name"] for each in container["env"]} <= known


@pytest.mark.parametrize("name", ALL_PODS)
def test_a_pod_has_no_privileges_and_writes_only_where_the_image_may(name: str) -> None:
    pod, container = ALL_PODS[name], ALL_PODS[name]["containers"][0]
    user = next(line.split()[1] for line in stage("service") if line.startswith("USER "))
    written = [each["mountPath"] for each in container["volumeMounts"] if not each.get("readOnly")]

    assert pod["securityContext"]["runAsUser"] == int(user)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert sorted(written) == [f"{HOME}/var", "/tmp"]


@pytest.mark.parametrize("name", ["learner", "refresher", "journeys"])
def test_what_answers_nobody_is_started_again_once_it_touches_its_file_no_longer(name: str) -> None:
    container = ALL_PODS[name]["containers"][0]
    test = COMPOSE["services"][name]["healthcheck"]["test"][-1].replace("$$", "$")
    told = {*container["args"], *(f"{each['name']}={each.get('value')}" for each in container["env"])}

    assert container["livenessProbe"]["exec"]["command"] == ["sh", "-c", test]
    assert told & {"--alive-file=/tmp/alive", "GARDOON_ALIVE_FILE=/tmp/alive"}


def test_of_the_runner_there_is_one_at_a_time_with_its_own_image_and_secret() -> None:
    runner = one("Deployment", "shop-journeys")
    container = ALL_PODS["journeys"]["containers"][0]
    service = one("Service", "shop-workers")["spec"]["ports"][0]["port"]

    assert (runner["spec"]["replicas"], runner["spec"]["strategy"]) == (1, {"type": "Recreate"})
    assert container["image"] == "gardoon-journeys:0.1.0"
    assert f"--service=http://shop-workers:{service}" in container["args"]
    assert all("valueFrom" in each for each in container["env"])
    assert container["resources"]["limits"]


def test_workers_are_as_many_as_their_processors_are_busy() -> None:
    scaled = one("HorizontalPodAutoscaler", "shop-workers")["spec"]
    workers = one("Deployment", "shop-workers")

    assert scaled["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop-workers"}
    assert (scaled["minReplicas"], scaled["maxReplicas"]) == (2, 20)
    assert scaled["metrics"] == [
        {
            "type": "Resource",
            "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}},
        }
    ]
    assert "replicas" not in workers["spec"], "an upgrade does not undo what was scaled"
    assert ALL_PODS["workers"]["containers"][0]["resources"]["requests"]["cpu"], "of which it is a share"


def test_secrets_come_from_a_secret_alone() -> None:
    for name, pod in ALL_PODS.items():
        plain = {each["name"] for each in pod["containers"][0]["env"] if "value" in each}
        assert not plain & {"GARDOON_DATABASE_URL", "GARDOON_REGISTRY", "GARDOON_REDIS"}, name
    assert not [each for each in rendered(EVERYTHING) if each["kind"] == "Secret"]


def test_probes_ask_what_the_service_answers_and_a_log_is_migrated_before_workers_start() -> None:
    workers = ALL_PODS["workers"]["containers"][0]
    migrate = next(each for each in rendered({}) if each["metadata"]["name"] == "shop-migrate")

    assert workers["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert workers["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert workers["startupProbe"]["httpGet"]["path"] == "/healthz", (
        "without models it waits, it need not start again"
    )
    assert migrate["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
