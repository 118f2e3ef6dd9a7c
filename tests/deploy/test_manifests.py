"""What is deployed, read as the orchestrator reads it: no root, no write, probes, room to stop, and no secret in it."""

import re
import tomllib
from configparser import RawConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml

import service
from service import __version__
from service.commands import serve
from service.settings import Settings

FOLDER = Path(service.__file__).parent / "deploy"
MANIFESTS = {
    file.stem: yaml.safe_load(file.read_text(encoding="utf-8")) for file in (FOLDER / "kubernetes").glob("*.yaml")
}
# What the queue of issued cards and the audit trail may take at the end.
WRITING = 10
WORKLOADS = ("deployment", "migrate", "prune")
DEPLOYMENT = MANIFESTS["deployment"]["spec"]
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
CONTAINERFILE = (FOLDER / "Containerfile").read_text(encoding="utf-8")


def pod(name: str) -> Any:
    spec = MANIFESTS[name]["spec"]
    return spec.get("jobTemplate", {"spec": spec})["spec"]["template"]["spec"]


@pytest.mark.parametrize("name", WORKLOADS)
def test_no_pod_is_root_or_may_become_it_or_write_into_its_image(name: str) -> None:
    spec, (container,) = pod(name), pod(name)["containers"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert spec["automountServiceAccountToken"] is False


@pytest.mark.parametrize("name", WORKLOADS)
def test_no_pod_gets_settings_from_the_services_of_its_namespace(name: str) -> None:
    assert pod(name)["enableServiceLinks"] is False


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_container_has_its_memory_and_no_throttle(name: str) -> None:
    (container,) = pod(name)["containers"]
    assert container["resources"]["requests"].keys() == {"cpu", "memory"}
    assert container["resources"]["limits"].keys() == {"memory"}


def test_probes_ask_what_they_should() -> None:
    (container,) = pod("deployment")["containers"]
    asked = {name: container[name]["httpGet"]["path"] for name in container if name.endswith("Probe")}
    assert asked == {"livenessProbe": "/livez", "readinessProbe": "/readyz", "startupProbe": "/readyz"}


def test_a_pod_has_time_to_answer_what_is_under_way_before_it_is_killed() -> None:
    drain = site().drain_seconds
    assert pod("deployment")["terminationGracePeriodSeconds"] > drain + serve.FINISH_SECONDS + WRITING
    assert seconds_of(COMPOSE["services"]["service"]["stop_grace_period"]) > serve.FINISH_SECONDS + WRITING
    # That it is not ready is noticed before it stops to answer.
    (container,) = pod("deployment")["containers"]
    probe = container["readinessProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] + probe["timeoutSeconds"] < drain


def seconds_of(text: str) -> float:
    return float(text.removesuffix("s"))


def test_an_upgrade_and_an_emptied_node_leave_enough_pods() -> None:
    assert DEPLOYMENT["replicas"] >= 2
    assert DEPLOYMENT["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert MANIFESTS["poddisruptionbudget"]["spec"]["maxUnavailable"] < DEPLOYMENT["replicas"]


def test_service_and_budget_find_the_pods_and_no_others() -> None:
    labels = DEPLOYMENT["template"]["metadata"]["labels"]
    assert DEPLOYMENT["selector"]["matchLabels"] == labels
    assert MANIFESTS["service"]["spec"]["selector"] == labels
    assert MANIFESTS["poddisruptionbudget"]["spec"]["selector"]["matchLabels"] == labels
    for name in ("migrate", "prune"):
        spec = MANIFESTS[name]["spec"]
        job = spec.get("jobTemplate", {"spec": spec})["spec"]["template"]
        assert job.get("metadata", {}).get("labels") != labels


def test_every_mount_has_a_volume_and_every_key_is_in_the_secret() -> None:
    spec, (container,) = pod("deployment"), pod("deployment")["containers"]
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in spec["volumes"]}
    example = MANIFESTS["secret.example"]
    there = example["stringData"].keys() | example["data"].keys()
    named = {entry["valueFrom"]["secretKeyRef"]["key"] for entry in container["env"] if "valueFrom" in entry}
    (keys,) = [volume["secret"] for volume in spec["volumes"] if "secret" in volume]
    assert named | {item["key"] for item in keys["items"]} == there


def site() -> Settings:
    given = tomllib.loads(MANIFESTS["configmap"]["data"]["upa-cds.toml"])
    return Settings.model_validate({"database_url": "postgresql://cds@database/cds", **given})


def test_the_settings_of_the_config_map_are_settings_that_may_serve_others() -> None:
    assert site().port == pod("deployment")["containers"][0]["ports"][0]["containerPort"]
    assert site().used_tokens == "database"
    serve.refuse_open_door(site())


def test_every_variable_names_a_setting() -> None:
    from service.settings import CONFIG, SCALARS, variable_name

    known = {variable_name(name) for name in (*SCALARS, CONFIG)}
    texts = [file.read_text(encoding="utf-8") for file in FOLDER.rglob("*") if file.suffix in {".yaml", ".service", ""}
             and file.is_file()]  # fmt: skip
    used = {name for text in (*texts, CONTAINERFILE) for name in re.findall(r"\bUPA_CDS_[A-Z_]+", text)}
    assert used
    # Addresses of the proxy are no settings of ours.
    assert used - {"UPA_CDS_LISTEN", "UPA_CDS_A", "UPA_CDS_B"} <= known


def test_images_and_job_are_of_this_version() -> None:
    files = [*(FOLDER / "kubernetes").glob("*.yaml"), FOLDER / "compose.yaml"]
    versions = re.findall(r"upadacitinib-cds(?:-migrate-|:)(\d\S*)", "\n".join(f.read_text("utf-8") for f in files))
    assert set(versions) == {__version__}
    assert len(versions) >= 5


def test_the_image_is_not_root_and_takes_only_files_with_a_known_hash() -> None:
    stages = CONTAINERFILE.split("\nFROM ")
    assert len(stages) == 3
    assert re.search(r"^USER (?!0)\d+:\d+$", stages[-1], flags=re.MULTILINE)
    installs = re.findall(r"pip install [^\n&]*", CONTAINERFILE)
    assert len(installs) == 2
    assert all("--require-hashes" in line or "--no-index" in line for line in installs)
    assert "@sha256:" in CONTAINERFILE.splitlines()[1]


def test_what_the_image_is_made_of_is_in_its_context() -> None:
    root = FOLDER.parents[1]
    kept = {line[1:] for line in (root / ".containerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        word.split("/")[0]
        for line in re.findall(r"^COPY (?!--from)(.+)$", CONTAINERFILE, flags=re.MULTILINE)
        for word in line.split()[:-1]
    }
    assert copied == kept
    assert all((root / name).exists() for name in copied)


def test_on_one_machine_only_the_service_reaches_out_and_the_tree_cannot_be_written() -> None:
    services = COMPOSE["services"]
    assert COMPOSE["networks"]["inside"]["internal"] is True
    assert services["service"]["ports"] == ["127.0.0.1:8000:8000"]
    for name in ("service", "migrate"):
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
        assert not services[name]["user"].startswith("0")
    assert services["service"]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


@pytest.mark.parametrize("name", ["service", "migrate", "database"])
def test_no_password_stands_in_the_compose_file(name: str) -> None:
    given = COMPOSE["services"][name]["environment"]
    assert not [key for key, value in given.items() if "password" in key.lower() and not str(value).startswith("/run/")]
    assert not re.search(r"://\w+:", given.get("UPA_CDS_DATABASE_URL", ""))


def test_the_unit_is_hardened_and_waits_for_the_end() -> None:
    unit = RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(FOLDER / "upa-cds.service")
    said = unit["Service"]
    assert said["DynamicUser"] == "yes"
    assert said["ProtectSystem"] == "strict"
    assert (said["NoNewPrivileges"], said["CapabilityBoundingSet"]) == ("yes", "")
    assert int(said["TimeoutStopSec"]) > 20
