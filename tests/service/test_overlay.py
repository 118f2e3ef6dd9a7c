"""A site's overlay in the service: in the answer, at /readyz, in an explanation, in a check and in a replay."""

import shutil
from collections.abc import Callable
from datetime import date
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import pytest

from cards import load_catalogue
from service.answer import Engine, build_engine
from service.app import create_app
from service.cases import read_case
from service.explain import as_text, explain_request
from service.replay.command import Assignment
from service.replay.sides import open_sides
from service.settings import Settings
from service.traces import named_knowledge
from tests.fakes import SELECT, Shell

Run = Callable[..., tuple[object, str, str]]
LOWERED = "order-sign__overlay-lowers-one-pair"
LOCAL = "order-select__overlay-names-a-local-code"
REVIEWED = "order-select__overlay-approved-until-its-review"


@pytest.fixture(scope="module")
def example() -> Path:
    with as_file(files("fhir_fixtures") / "overlays" / "example.yaml") as file:
        return file


@pytest.fixture(scope="module")
def engine(example: Path) -> Engine:
    return build_engine(Settings(overlay=example))


def explained(name: str, engine: Engine, on: date | None = None) -> dict[str, Any]:
    case = read_case(name)
    return explain_request(case.body, engine, on or case.on)


def effects(said: dict[str, Any]) -> dict[str, str]:
    return {item["part"]: item["does"] for item in said["overlay"]["tookEffect"]}


def test_an_explanation_names_the_line_that_lowered_a_pair(engine: Engine) -> None:
    said = explained(LOWERED, engine)
    does = effects(said)
    assert does["lower.0"].startswith("upadacitinib + deucravacitinib is info, not warning: The label names no TYK2")
    assert "lower.1" not in does
    (finding,) = said["findings"]
    assert (finding["loweredBySite"], finding["pairs"][0]["indicatorBefore"]) == (True, "warning")
    text = Path(engine.overlaid.file if engine.overlaid else "").name
    assert f"  {text} line 10: upadacitinib + deucravacitinib is info" in as_text(said)


def test_an_explanation_names_the_line_that_recognised_a_local_code(engine: Engine) -> None:
    said = explained(LOCAL, engine)
    assert effects(said)["codes.0"] == (
        "MedicationRequest/order-local is infliximab: Formulary of the example hospital, release 2026-11"
    )
    (because,) = next(item for item in said["exposures"] if item["ingredient"] == "infliximab")["because"]
    assert because["recognisedBy"] == "2.999.1.7|RX-4711"


def test_an_explanation_names_the_sentences_of_the_site_that_a_card_shows(engine: Engine) -> None:
    assert effects(explained(REVIEWED, engine))["wording.lines.proceed"] == (
        "the site's words on the card upadacitinib-biologic"
    )
    assert "wording.lines.proceed" not in effects(explained(LOWERED, engine))


@pytest.mark.parametrize(
    ("on", "state"), [(date(2027, 1, 15), "approved"), (date(2027, 1, 16), "not in force")], ids=str
)
def test_an_explanation_names_the_approval_and_whether_it_holds(engine: Engine, on: date, state: str) -> None:
    assert effects(explained(REVIEWED, engine, on))["approvals.knowledge"].startswith(
        f"upadacitinib-biologic is {state}: Example drug and therapeutics committee"
    )


def test_readiness_and_every_answer_name_the_overlay(
    example: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    client = create_app(Settings(overlay=example, data_dir=shell.settings.data_dir)).test_client()
    ready = client.get("/readyz").get_json()
    assert ready["overlay"]["lowered"] == [
        "upadacitinib-jak, deucravacitinib: info at most",
        "upadacitinib-immunosuppressant, rheumatoid-arthritis: info at most",
    ]
    assert (ready["overlay"]["codes"], ready["overlay"]["sentences"]) == (1, ["lines.proceed"])
    known = ready["knowledge"]
    given = client.post(SELECT, data=read_case(LOCAL).body, content_type="application/json")
    assert given.headers["X-Knowledge"] == f"1.0.0+st-example.1.{known['sha256'][:8]}"
    assert "Knowledge 1.0.0+st-example.1." in given.get_json()["cards"][0]["detail"]


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"overlay": "none.yaml"}, "none.yaml: cannot be read"),
        ({"knowledge_sha256": "0" * 64}, "knowledge_sha256: the knowledge has the hash "),
    ],
    ids=["broken overlay", "another hash than the site pins"],
)
def test_what_cannot_be_used_is_never_ready_and_never_answered_with_no_cards(
    settings: dict[str, str],
    problem: str,
    shell: Shell,
    log_lines: Callable[[], list[Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("service.site.build_engine", build_engine)
    client = shell.client(**settings)
    response = client.get("/readyz")
    assert (response.status_code, response.get_json()["status"]) == (503, "not ready")
    assert client.post(SELECT, json={}).status_code == 503
    (line,) = (line for line in log_lines() if line["event"] == "knowledge-unusable")
    assert line["problems"][0].startswith(problem)


@pytest.mark.parametrize(
    ("version", "named"), [("1.0.0", "1.0.0+abcdabcd"), ("1.0.0+st-example.1", "1.0.0+st-example.1.abcdabcd")]
)
def test_the_header_is_a_semantic_version_with_the_hash_in_it(version: str, named: str) -> None:
    assert named_knowledge(version, "abcd" * 16) == named


# The commands.


def test_validate_says_what_an_overlay_changes_and_what_is_approved(upa_cds: Run, example: Path) -> None:
    code, out, _ = upa_cds("validate", "--overlay", str(example))
    assert code == 0
    lines = out.splitlines()
    assert lines[0].startswith("knowledge 1.0.0+st-example.1 (sha256 ")
    assert "  example.yaml line 27: sentence lines.proceed" in lines
    assert any(line.startswith("rule upadacitinib-biologic: ") for line in lines)


def test_validate_refuses_a_bad_overlay_with_one_line_per_problem(upa_cds: Run, tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    file.write_text('id: a\nversion: 0\nknowledge: "1.0.0"\ncolour: red\n')
    code, out, error = upa_cds("validate", "--overlay", str(file))
    assert (code, out) == (1, "")
    assert [line.partition(": ")[2].partition(":")[0] for line in error.splitlines()] == ["site.yaml", "site.yaml"]


def test_replay_shows_what_an_overlay_changes_for_clinicians(upa_cds: Run, tmp_path: Path, example: Path) -> None:
    with as_file(files("fhir_fixtures") / "cases") as cases:
        for name in ("order-sign__upadacitinib-beside-deucravacitinib", "order-select__cancelled-draft"):
            shutil.copytree(cases / name, tmp_path / name)
    code, out, _ = upa_cds("replay", str(tmp_path), "--overlay", str(example))
    assert code == 1
    assert "UPADACITINIBJAK: quieter 1" in out.splitlines()
    assert out.splitlines()[-1] == "2 cases: 1 same, 1 differ, 0 left out"


def test_a_replay_of_a_recording_lays_the_overlay_on_its_new_side_alone(example: Path) -> None:
    plan = Assignment(None, Settings(), old="site", overlay=str(example)).plan
    assert (plan.old.told, plan.new.told) == ("this build", f"this build with the overlay {example}")
    sides = open_sides(plan.old, plan.new, Settings(knowledge_sha256=load_catalogue().sha256))
    assert [side.knowledge and side.knowledge.split()[0] for side in sides] == ["1.0.0", "1.0.0+st-example.1"]


def test_an_overlay_is_not_for_a_service_behind_a_url(upa_cds: Run, example: Path) -> None:
    arguments = ("--overlay", str(example), "--url", "http://127.0.0.1:9")
    assert upa_cds("replay", *arguments)[0] == 64
    assert upa_cds("replay", *arguments, "--twice", "0")[0] == 64
