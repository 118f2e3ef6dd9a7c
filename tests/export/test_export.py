"""The published knowledge: valid, whole, the same bytes again, and as good for recognising as the knowledge itself."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from functools import cache
from importlib.resources import as_file
from importlib.resources import files as files_of
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from cards.catalogue import Catalogue
from cards.model import System
from cards.recognise import Recogniser
from cards.schema.part import Approval, codes_of
from service.answer import Engine, build_engine
from service.cases import Case, case_names, read_case
from service.commands.demo import CASE
from service.commands.export import export
from service.export.folder import ExportError, artifacts, departures, files, read, write
from service.export.frame import EXTENSIONS, LONGEST_ID, Frame, parts_of, resource_id
from service.export.read_back import ReadVocabulary, lost, read_vocabulary
from service.replay import in_process, recorded_cases
from service.settings import Settings
from tests.packaged import CATALOGUE

ROOT = Path(__file__).parents[2]
ON = date(2026, 3, 16)
FRAME = Frame(CATALOGUE, ON)
Json = dict[str, Any]
ELEMENTS = {
    "drugs-involved",
    "clinical-consequences",
    "seriousness",
    "severity",
    "mechanism",
    "recommended-action",
    "contextual-information",
    "evidence",
    "frequency-of-exposure",
    "frequency-of-harm",
}


@cache
def exported() -> tuple[Json, ...]:
    return artifacts(FRAME)


@cache
def read_again() -> ReadVocabulary:
    """Read the export as another program would: from its JSON."""
    return read_vocabulary([json.loads(json.dumps(item)) for item in exported()])


def of_kind(kind: str) -> list[Json]:
    return [item for item in exported() if item["resourceType"] == kind]


def value_set(name: str) -> Json:
    (found,) = (item for item in of_kind("ValueSet") if item["id"] == name)
    return found


def under(item: Any, name: str) -> Iterator[Any]:
    """Give every value of a member, however deep it stands."""
    if isinstance(item, dict):
        for key, value in item.items():
            if key == name:
                yield value
            yield from under(value, name)
    elif isinstance(item, list):
        for value in item:
            yield from under(value, name)


# The artifacts.


def test_every_address_that_an_artifact_names_is_that_of_an_artifact() -> None:
    known = {f"{item['url']}|{item['version']}" for item in exported()}
    for item in exported():
        named = [*under(item.get("compose"), "valueSet"), *under(item.get("action"), "valueSet")]
        flat = [address for each in named for address in (each if isinstance(each, list) else [each])]
        assert set(flat) <= known
        assert set(item.get("library", [])) <= known
    (library,) = of_kind("Library")
    listed = [item["resource"] for item in library["relatedArtifact"] if item["type"] == "composed-of"]
    assert set(listed) == known - {f"{library['url']}|{library['version']}"}
    assert len(listed) == len(set(listed))


def test_every_extension_is_defined_among_the_artifacts() -> None:
    defined = {item["url"] for item in of_kind("StructureDefinition")}
    assert len(defined) == len(EXTENSIONS)
    used = {each["url"] for item in exported() for found in under(item, "extension") for each in found}
    parts = {part for extension in EXTENSIONS.values() for part in extension.parts}
    assert used - parts == defined


def test_there_is_a_value_set_for_each_ingredient_class_rule_and_problem() -> None:
    kinds: dict[str, set[str]] = {}
    for item in of_kind("ValueSet"):
        (identifier,) = item["identifier"]
        kinds.setdefault(identifier["system"].rpartition(":")[2], set()).add(identifier["value"])
    assert kinds["ingredient"] == set(CATALOGUE.ingredients)
    assert kinds["class"] == set(CATALOGUE.classes)
    assert kinds["condition"] == set(CATALOGUE.conditions)
    assert {value.partition("/")[0] for value in kinds["rule"]} == set(CATALOGUE.rules)
    assert {item["id"] for item in of_kind("PlanDefinition")} == set(CATALOGUE.rules)


def test_a_class_is_made_of_its_ingredients_that_act_on_the_whole_body() -> None:
    included = value_set("class-jak-inhibitor")["compose"]["include"]
    names = {address.partition("|")[0].rpartition(":")[2] for item in included for address in item["valueSet"]}
    assert names == {
        f"ingredient-{key}"
        for key, item in CATALOGUE.ingredients.items()
        if item.class_id == "jak-inhibitor" and item.systemic
    }
    assert "ingredient-delgocitinib" not in names


def test_no_display_term_of_a_code_system_is_published() -> None:
    for item in of_kind("ValueSet"):
        for clause in item.get("compose", {}).get("include", []):
            shown = [concept for concept in clause.get("concept", []) if concept.keys() - {"code"}]
            assert not shown or clause["system"] == CATALOGUE.override_system


@pytest.mark.parametrize("rule", CATALOGUE.rules)
def test_a_rule_says_every_element_of_the_minimum_information_model(rule: str) -> None:
    (plan,) = (item for item in of_kind("PlanDefinition") if item["id"] == rule)
    said = {part["element"]: part["text"] for part in parts_of(plan, "minimum-information")}
    assert said.keys() == ELEMENTS
    known = CATALOGUE.rules[rule]
    partners = CATALOGUE.members(known.partner)
    assert all(CATALOGUE.ingredients[key].name in said["drugs-involved"] for key in partners)
    assert said["severity"].startswith("Unknown")
    # Evidence with its figures, each with what it found, its certainty and how far it was checked.
    cited = {item["label"]: item for item in plan.get("relatedArtifact", [])}
    assert tuple(cited) == known.evidence
    for key, item in cited.items():
        entry = CATALOGUE.evidence[key]
        (state,) = parts_of(item, "evidence-state")
        assert (state["certainty"], state["verification"]) == (entry.certainty, entry.verification)
        assert all(f"{figure.events}/{figure.of} ({figure.interval}" in item["display"] for figure in entry.figures)


def test_a_rule_is_triggered_by_the_hooks_and_needs_both_drugs() -> None:
    (plan,) = (item for item in of_kind("PlanDefinition") if item["id"] == "upadacitinib-biologic")
    for area in plan["action"]:
        assert [item["name"] for item in area["trigger"]] == ["order-select", "order-sign", "patient-view"]
        needed = [each["codeFilter"][0]["valueSet"] for each in area["input"]]
        assert [item.rpartition(":")[2].partition("|")[0] for item in needed] == [
            "rule-upadacitinib-biologic-subject",
            "rule-upadacitinib-biologic-partner",
        ]
    critical = [item["title"] for item in plan["action"][0]["action"] if "critical" in json.dumps(item.get("code", []))]
    assert critical == [
        "Active on record: Active tuberculosis",
        "Active on record: Sepsis",
        "Active on record: Pneumonia",
        "Active on record: Opportunistic infection",
    ]


def test_a_filter_matches_what_the_recogniser_recognises_and_nothing_else() -> None:
    patterns = _patterns(value_set("condition-opportunistic-infection"))["http://hl7.org/fhir/sid/icd-10-cm"]
    assert [bool(re.fullmatch(patterns, code)) for code in ("B44", "B44.1", "B4", "A44.1")] == [
        True,
        True,
        False,
        False,
    ]
    products = _patterns(value_set("ingredient-upadacitinib"))["http://hl7.org/fhir/sid/ndc"]
    assert re.fullmatch(products, "00074230630")
    assert not re.fullmatch(products, "000742306")


def _patterns(item: Mapping[str, Any]) -> dict[str, str]:
    return {
        clause["system"]: clause["filter"][0]["value"] for clause in item["compose"]["include"] if "filter" in clause
    }


def test_a_long_id_is_cut_and_stays_one_of_its_own() -> None:
    one, other = (resource_id("rule", "x" * 80, end) for end in ("a", "b"))
    assert len(one) == LONGEST_ID
    assert one != other
    assert resource_id("rule", "a/b") == "rule-a-b"


# Approval, address, bytes.


def approved() -> Catalogue:
    given = Approval(role="Drug and therapeutics committee", date=date(2026, 1, 5), next_review=date(2027, 1, 5))
    return replace(
        CATALOGUE,
        manifest=CATALOGUE.manifest.model_copy(update={"approval": given}),
        rules={key: item.model_copy(update={"approval": given}) for key, item in CATALOGUE.rules.items()},
    )


def test_what_is_not_approved_is_a_draft() -> None:
    assert {item["status"] for item in exported()} == {"draft"}


def test_what_is_approved_is_active_until_its_review_is_overdue() -> None:
    known = approved()
    plans = {item["id"]: item for item in artifacts(Frame(known, ON)) if item["resourceType"] == "PlanDefinition"}
    # It uses no evidence entries; the others use some, which nobody approved.
    assert plans["tofacitinib-biologic"]["status"] == "active"
    assert plans["tofacitinib-biologic"]["approvalDate"] == "2026-01-05"
    assert plans["upadacitinib-biologic"]["status"] == "draft"
    assert {item["status"] for item in artifacts(Frame(known, date(2027, 1, 6)))} == {"draft"}


def test_with_an_address_the_artifacts_stand_below_it() -> None:
    made = artifacts(Frame(CATALOGUE, ON, "https://fhir.example.org/upa"))
    assert all(item["url"].startswith("https://fhir.example.org/upa/") for item in made)
    assert "urn:upadacitinib-cds:ValueSet" not in json.dumps(made)
    assert read_vocabulary(made) == read_again()


def test_the_command_writes_the_same_bytes_in_any_process_and_knows_them_again(tmp_path: Path) -> None:
    write(tmp_path / "here", files(FRAME))
    run = [sys.executable, "-m", "service", "export", "fhir", str(tmp_path / "there"), "--on", str(ON)]
    environ = os.environ | {"PYTHONHASHSEED": "4711"}
    done = subprocess.run(run, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    here = {item.name: item.read_bytes() for item in (tmp_path / "here").iterdir()}
    assert {item.name: item.read_bytes() for item in (tmp_path / "there").iterdir()} == here
    assert [item["id"] for item in read(tmp_path / "there")] == [item["id"] for item in exported()]


def test_a_folder_that_is_not_current_is_told_file_by_file(tmp_path: Path) -> None:
    made = files(FRAME)
    write(tmp_path, made)
    assert departures(tmp_path, made) == ()
    (tmp_path / "ValueSet-ingredient-upadacitinib.json").unlink()
    (tmp_path / "ValueSet-ingredient-infliximab.json").write_text("{}")
    (tmp_path / "ValueSet-ingredient-nolonger.json").write_text("{}")
    (tmp_path / "NOTES.txt").write_text("of the site")
    assert departures(tmp_path, made) == (
        "ValueSet-ingredient-infliximab.json: differs",
        "ValueSet-ingredient-nolonger.json: not part of this export",
        "ValueSet-ingredient-upadacitinib.json: missing",
    )
    with pytest.raises(ExportError, match=r"ValueSet-ingredient-nolonger\.json is not part of this export"):
        write(tmp_path, made)
    shutil.rmtree(tmp_path)
    assert len(departures(tmp_path, made)) == len(made)


def test_check_tells_a_current_folder_from_another_by_its_exit_code(tmp_path: Path) -> None:
    write(tmp_path, files(FRAME))
    asked = ["fhir", str(tmp_path), "--check", "--on", str(ON)]
    current = CliRunner().invoke(export, asked)
    assert (current.exit_code, current.output.split(":")[0]) == (0, f"{tmp_path} is current")
    (tmp_path / "PlanDefinition-upadacitinib-jak.json").unlink()
    other = CliRunner().invoke(export, asked)
    assert other.exit_code == 1
    assert f"{tmp_path}: PlanDefinition-upadacitinib-jak.json: missing" in other.output
    # It looked, and mended nothing.
    assert not (tmp_path / "PlanDefinition-upadacitinib-jak.json").exists()


def test_a_place_that_is_no_folder_is_an_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="Give a folder of yours"):
        write(tmp_path / "file", {})


# The round trip.


def test_codes_names_and_words_come_back_as_they_were() -> None:
    again = read_again()
    assert lost(CATALOGUE, exported()) == ()
    assert again.ingredients["upadacitinib"].codes == CATALOGUE.ingredients["upadacitinib"].codes
    assert again.ingredients["infliximab"].regimens == CATALOGUE.ingredients["infliximab"].regimens
    # Their order is that of the knowledge, which decides between equals.
    assert list(again.ingredients) == list(CATALOGUE.ingredients)
    assert list(again.conditions) == list(CATALOGUE.conditions)


@pytest.mark.parametrize(
    ("name", "before", "after", "gone"),
    [
        ("ingredient-upadacitinib", "Rinvoq", "Rinvok", "upadacitinib"),
        ("ingredient-upadacitinib", "2196092", "2196093", "upadacitinib"),
        ("ingredient-infliximab", '"valueBoolean": true', '"valueBoolean": false', "infliximab"),
        ("condition-opportunistic-infection", "B44.81", "B44.82", "opportunistic-infection"),
        ("stop-reason-loss-of-response", "loss of effect", "loss of effort", "loss-of-response"),
        ("place-non-systemic-forms", "cream", "dream", "words and routes"),
        ("upadacitinib-combinations", "instead of", "in spite of", "words and routes"),
    ],
)
def test_what_would_be_known_otherwise_is_named(name: str, before: str, after: str, gone: str) -> None:
    spoilt = [
        json.loads(json.dumps(item).replace(before, after)) if item["id"] == name else item for item in exported()
    ]
    assert lost(CATALOGUE, spoilt) == (gone,)


def test_knowledge_that_value_sets_cannot_carry_is_not_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.export.folder.lost", lambda catalogue, found: ("infliximab",))
    with pytest.raises(ExportError, match="infliximab would be known otherwise"):
        artifacts(FRAME)


def test_codes_that_a_site_added_by_its_overlay_travel_under_the_address_of_their_list() -> None:
    with as_file(files_of("fhir_fixtures") / "overlays" / "example.yaml") as overlay:
        site = build_engine(Settings(overlay=overlay)).catalogue
    (ours,) = {code for item in site.ingredients.values() for code in item.codes.get(System.LOCAL, ())}
    address, _, code = ours.partition("|")
    made = artifacts(Frame(site, ON))
    clauses = [clause for item in made for clause in item.get("compose", {}).get("include", [])]
    (clause,) = [each for each in clauses if each.get("system") == f"urn:oid:{address}"]
    assert clause["concept"] == [{"code": code}]
    assert Recogniser(read_vocabulary(made)).local == Recogniser(site).local == {ours}


def test_every_code_of_every_problem_means_the_same_to_a_recogniser_of_the_export() -> None:
    ours, theirs = Recogniser(CATALOGUE), Recogniser(read_again())
    asked = {
        code
        for group in CATALOGUE.conditions.values()
        for lists in (group.codes, group.prefixes, group.except_, group.history)
        for code in codes_of(lists)
    }
    # And what stands one character below or beside them.
    asked |= {msgspec.structs.replace(code, value=code.value + end) for code in asked for end in ("1", ".1")}
    asked |= {
        msgspec.structs.replace(code, system=system) for code in asked for system in (System.ICD10, System.ICD10CM)
    }
    assert len(asked) > 2000
    assert [code for code in asked if ours.condition([code]) != theirs.condition([code])] == []


Spoil = Callable[[tuple[Json, ...]], Iterable[Json]]


@pytest.fixture
def recognise_by_exports(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Answer recorded cases with what exports say, and never with the codes and names of the knowledge."""

    def use(spoil: Spoil = tuple) -> None:
        exports: dict[str, Recogniser] = {}

        @cache
        def built(settings: str) -> Engine:
            engine = build_engine(Settings.model_validate_json(settings))
            known = engine.catalogue
            if known.sha256 not in exports:
                exports[known.sha256] = Recogniser(read_vocabulary(spoil(artifacts(Frame(known, ON)))))
            return replace(engine, recogniser=exports[known.sha256])

        monkeypatch.setattr(recorded_cases, "build_engine", lambda settings: built(settings.model_dump_json()))
        recorded_cases._site.cache_clear()

    yield use
    recorded_cases._site.cache_clear()


def departing(cases: Iterable[Case]) -> list[str]:
    return [case.name for case in cases if in_process(case) != (case.status, case.expected)]


def test_a_recorded_case_is_answered_alike_by_what_the_value_sets_recognise(
    recognise_by_exports: Callable[..., None],
) -> None:
    recognise_by_exports()
    plain = [case for case in map(read_case, case_names()) if not case.settings]
    assert departing(plain[::12]) == []


@pytest.mark.deep
def test_every_recorded_case_is_answered_alike_by_what_the_value_sets_recognise(
    recognise_by_exports: Callable[..., None],
) -> None:
    recognise_by_exports()
    assert departing(map(read_case, case_names())) == []


def test_an_export_without_a_drug_would_be_noticed(recognise_by_exports: Callable[..., None]) -> None:
    recognise_by_exports(lambda made: [item for item in made if item["id"] != "ingredient-infliximab"])
    assert departing([read_case(CASE)]) == [CASE]
