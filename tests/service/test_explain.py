"""The explanation says what was read, as what, and why; a response never holds any of it."""

import json
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from cards.exposure import Ignore
from service.answer import Engine, answer, build_engine
from service.cases import read_case
from service.discovery import PREFETCH
from service.errors import InvalidRequest
from service.explain import as_text, explain_request
from service.replay import service_of
from service.settings import Settings
from service.trust import Profile

Run = Callable[..., tuple[object, str, str]]

STOPPED = "order-select__infliximab-stopped-on-the-day-of-its-last-infusion-51-days-ago"
RECENT = "order-select__secukinumab-43-days-ago"
NO_PREFETCH = "order-select__pair-within-the-drafts-without-prefetch"
OUT_OF_SCOPE = "order-select__cancelled-draft"
BRANDS = "order-select__brand-names-only"
SUFFIX = "order-select__biosimilar-suffix-in-the-name"
FAILED = "order-select__error-outcome-among-the-medications"
THREE_RULES = "order-select__three-rules-at-once"

IGNORED = {
    Ignore.CANCELLED: "order-select__infliximab-order-cancelled",
    Ignore.DO_NOT_PERFORM: "order-select__infliximab-order-do-not-perform",
    Ignore.CHART_DRAFT: "order-select__draft-order-in-the-record",
    Ignore.ENTERED_IN_ERROR: "order-select__infliximab-order-entered-in-error",
    Ignore.FUTURE: "order-select__infusion-in-the-future",
    Ignore.OPTION: "order-select__vedolizumab-proposed-or-optional",
    Ignore.PROPOSAL: "order-select__vedolizumab-proposed-or-optional",
    Ignore.NOT_DONE: "order-select__infliximab-infusion-not-done",
    Ignore.NOT_SYSTEMIC: "order-select__cyclosporine-eye-drops-by-text",
    Ignore.NOT_TAKEN: "order-select__adalimumab-not-taken",
    Ignore.OTHER_PATIENT: "order-select__biologic-of-another-patient-in-the-record",
    Ignore.REPLACED_BY_DRAFT: "order-sign__adalimumab-discontinued-in-the-session",
}
ONLY_EXPLAINED = {"exposures", "ignored", "problems", "findings", "gaps", "read", "drafts", "prefetch", "knowledge"}


@pytest.fixture(scope="module")
def engine() -> Engine:
    return build_engine(Settings())


def _explained(name: str, engine: Engine) -> dict[str, Any]:
    case = read_case(name)
    return explain_request(case.body, engine, case.on)


def _exposure(said: dict[str, Any], ingredient: str) -> Any:
    return next(item for item in said["exposures"] if item["ingredient"] == ingredient)


def _request(name: str, folder: Path) -> str:
    file = folder / "request.json"
    file.write_bytes(read_case(name).body)
    return str(file)


@pytest.mark.parametrize(
    ("name", "ingredient", "by"),
    [
        (THREE_RULES, "adalimumab", "RXNORM 1872980"),
        (BRANDS, "upadacitinib", "Rinvoq"),
        (BRANDS, "risankizumab", "Skyrizi"),
        (SUFFIX, "infliximab", "infliximab-axxq"),
    ],
)
def test_it_says_which_code_or_name_was_recognised(engine: Engine, name: str, ingredient: str, by: str) -> None:
    said = _explained(name, engine)
    assert _exposure(said, ingredient)["because"][0]["recognisedBy"] == by
    assert f"by {by})" in as_text(said)


def test_it_says_how_a_draft_was_recognised(engine: Engine) -> None:
    said = _explained(BRANDS, engine)
    recognised = [{"ingredient": "upadacitinib", "by": "Rinvoq", "systemic": True, "regimen": None}]
    assert said["drafts"][0]["recognised"] == recognised
    assert "  MedicationRequest/draft-upadacitinib in R4: upadacitinib by Rinvoq" in as_text(said).splitlines()


def test_a_state_comes_with_its_dates_and_windows(engine: Engine) -> None:
    said = _explained(RECENT, engine)
    exposure = _exposure(said, "secukinumab")
    (because,) = exposure["because"]
    assert (exposure["state"], exposure["beforeThisSession"]) == ("recent", "recent")
    assert because["dates"] == {"given": "2026-02-01"}
    assert (because["lastExposure"], because["until"], because["basis"]) == (
        "2026-02-01",
        "2026-05-02",
        "administration",
    )
    assert because["window"] == {
        "dosing": 42,
        "dosingIsConvention": True,
        "washout": 90,
        "washoutIsConvention": True,
        "regimen": None,
    }
    assert (
        "recent by administration, given 2026-02-01, last exposure 2026-02-01, until 2026-05-02, "
        "windows 42 d (convention) / 90 d (convention)"
    ) in as_text(said)


def test_a_stop_that_lowered_a_state_is_told(engine: Engine) -> None:
    said = _explained(STOPPED, engine)
    infusion, order = _exposure(said, "infliximab")["because"]
    assert (infusion["state"], infusion["cappedByStop"], infusion["stop"]) == ("past", True, "2026-01-24")
    assert (order["status"], order["basis"], order["until"]) == ("stopped", "stop", "2026-03-15")
    assert "capped by the stop of 2026-01-24, windows 70 d (sourced) / 50 d (sourced)" in as_text(said)


def test_a_finding_says_what_decided(engine: Engine) -> None:
    said = _explained(THREE_RULES, engine)
    assert [item["rule"] for item in said["findings"]] == [
        "upadacitinib-biologic",
        "upadacitinib-jak",
        "upadacitinib-immunosuppressant",
    ]
    (pair,) = said["findings"][2]["pairs"]
    assert pair["partner"] == "azathioprine"
    assert (pair["relation"], pair["indication"], pair["indicationFrom"], pair["partnerIs"]) == (
        "overlap",
        "crohns-disease",
        "record",
        "named",
    )
    assert (
        "    upadacitinib + azathioprine: overlap, warning, indication crohns-disease (from record), partner named"
    ) in as_text(said).splitlines()


@pytest.mark.parametrize(("reason", "name"), IGNORED.items(), ids=[item.value for item in IGNORED])
def test_what_was_ignored_is_told_with_its_reason(engine: Engine, reason: Ignore, name: str) -> None:
    said = _explained(name, engine)
    found = next(item for item in said["ignored"] if item["reason"] == reason.value)
    line = f"  {found['resource']} ({found['ingredient']}): {reason.value}"
    lines = as_text(said).splitlines()
    assert line in lines[lines.index("Ignored") :]


def test_what_was_missing_is_told(engine: Engine) -> None:
    said = _explained(FAILED, engine)
    assert (said["outcome"], said["complete"], said["gaps"]) == ("incomplete", False, {"medications-failed": 1})
    assert "\nMissing\n  medications-failed: 1\n" in as_text(said)


def test_it_names_the_fhir_version_of_each_draft_of_the_record_and_of_the_actions(engine: Engine) -> None:
    said = _explained("order-sign__versions-drafts-of-dstu2-and-r5", engine)
    assert [item["fhirVersion"] for item in said["drafts"]] == ["DSTU2", "R5"]
    assert said["fhirVersions"] == {"record": {"R4": 1}, "actions": "DSTU2"}
    assert "drafts-of-several-versions" in said["deviations"]
    lines = as_text(said).splitlines()
    assert "  R4: 1 of interest in the record" in lines
    assert "  actions are written in DSTU2" in lines
    mixed = _explained("order-select__versions-r4-draft-with-an-stu3-record", engine)
    assert mixed["fhirVersions"] == {"record": {"STU3": 2}, "actions": "R4"}


def test_out_of_scope_it_names_the_version_of_the_drafts_only(engine: Engine) -> None:
    said = _explained(OUT_OF_SCOPE, engine)
    assert [item["fhirVersion"] for item in said["drafts"]] == ["R4"] * len(said["drafts"])
    assert said["fhirVersions"] == {"record": {}, "actions": None}
    assert "FHIR versions" not in as_text(said)


def test_it_says_which_draft_names_no_drug(engine: Engine) -> None:
    said = _explained("order-sign__upadacitinib-beside-a-draft-with-a-local-code", engine)
    assert [item["unidentified"] for item in said["drafts"]] == [False, True]
    assert "  MedicationRequest/draft-local in R4: a code of an unknown list, and no name" in as_text(said).splitlines()


def test_absent_prefetch_keys_are_told(engine: Engine) -> None:
    said = _explained(NO_PREFETCH, engine)
    assert said["prefetch"] == dict.fromkeys(PREFETCH, "absent")
    assert said["gaps"] == {"medications-absent": 1, "conditions-absent": 1, "allergies-absent": 1}
    text = as_text(said)
    assert all(f"  {key}: absent" in text.splitlines() for key in PREFETCH)
    assert "  the problem list was not supplied" in text.splitlines()


def test_the_options_are_explained_with_what_a_click_changes_and_why_others_are_not_there(engine: Engine) -> None:
    said = _explained("order-select__options-on-an-il-23-inhibitor", engine)["options"]
    assert [item["option"] for item in said["offered"]] == [
        "keep upadacitinib",
        "continue guselkumab",
        "instead adalimumab",
        "instead infliximab",
        "instead ustekinumab",
    ]
    assert said["offered"][0]["textBecause"] == "advice"
    assert said["offered"][2]["actions"] == ["delete MedicationRequest/draft-upadacitinib", "create adalimumab"]
    assert {"ingredient": "risankizumab", "reason": "class-exposure"} in said["notOffered"]
    text = as_text(_explained("order-select__options-on-an-il-23-inhibitor", engine)).splitlines()
    assert "  instead adalimumab: delete MedicationRequest/draft-upadacitinib, create adalimumab" in text
    assert "  not offered: risankizumab (class-exposure)" in text


def test_options_that_are_text_are_explained_with_the_reason(engine: Engine) -> None:
    text = as_text(_explained("order-select__options-in-a-pregnancy", engine)).splitlines()
    assert "  all text: pregnancy" in text
    assert "  instead risankizumab: text (held)" in text
    recommended = as_text(_explained("order-select__options-instead-of-upadacitinib", engine))
    assert "create risankizumab, recommended" in recommended


def test_no_options_card_is_no_section(engine: Engine) -> None:
    said = _explained("order-select__options-not-in-psoriatic-arthritis", engine)
    assert said["options"] is None
    assert "Options" not in as_text(said)


def test_a_prefetch_key_that_is_not_ours_is_told(engine: Engine) -> None:
    case = read_case(THREE_RULES)
    request = case.request
    request["prefetch"]["weather"] = None
    del request["prefetch"]["allergies"]
    said = explain_request(json.dumps(request).encode(), engine, case.on)
    assert said["prefetch"]["weather"] == "delivered, not one of ours"
    assert said["prefetch"]["allergies"] == "absent"
    assert said["prefetch"]["conditions"] == "delivered"


def test_a_call_out_of_scope_is_explained_without_a_look_at_the_record(engine: Engine) -> None:
    said = _explained(OUT_OF_SCOPE, engine)
    assert (said["outcome"], said["read"]) == ("out-of-scope", {})
    assert not {"exposures", "findings", "cards", "gaps"} & said.keys()
    text = as_text(said)
    assert text.startswith("upadacitinib-combination-select on 2026-03-16: out-of-scope\n")
    assert "Exposures" not in text


@pytest.mark.parametrize("body", [b"{}", b'{"hook": "encounter-start"}'])
def test_a_hook_of_no_service_is_refused(engine: Engine, body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        explain_request(body, engine, date(2026, 3, 16))


def test_the_command_prints_the_explanation_as_text(upa_cds: Run, engine: Engine, tmp_path: Path) -> None:
    expected = as_text(_explained(THREE_RULES, engine))
    assert upa_cds("explain", _request(THREE_RULES, tmp_path), "--on", "2026-03-16") == (0, expected, "")


def test_the_command_prints_the_explanation_as_json(upa_cds: Run, engine: Engine, tmp_path: Path) -> None:
    code, out, err = upa_cds("explain", _request(STOPPED, tmp_path), "--on", "2026-03-16", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == _explained(STOPPED, engine)


def test_another_day_gives_another_state(upa_cds: Run, tmp_path: Path) -> None:
    request = _request(STOPPED, tmp_path)
    _, out, _ = upa_cds("explain", request, "--on", "2026-03-15", "--json")
    assert _exposure(json.loads(out), "infliximab")["state"] == "recent"


EXCEPTION = """
- {rule: upadacitinib-biologic, ingredients: [infliximab, upadacitinib], reason: clinical-trial,
   on: 2026-01-10, until: 2026-07-09}
"""


def test_an_exception_that_is_given_is_explained_as_if_it_was_remembered(upa_cds: Run, tmp_path: Path) -> None:
    request, file = _request("order-sign__documented-exception-is-over", tmp_path), tmp_path / "exceptions.yaml"
    file.write_text(EXCEPTION)
    code, out, _ = upa_cds("explain", request, "--on", "2026-03-16", "--exceptions", str(file))
    assert code == 0
    assert (
        "upadacitinib-biologic: info\n    exception documented on 2026-01-10 (clinical-trial), until 2026-07-09" in out
    )
    assert "exception documented" not in upa_cds("explain", request, "--on", "2026-03-16")[1]


@pytest.mark.parametrize("content", [None, "x", "- {rule: x}", "- {rule: [", EXCEPTION.replace("2026-01-10", "May")])
def test_a_file_that_holds_no_exceptions_is_one_line(upa_cds: Run, tmp_path: Path, content: str | None) -> None:
    request, file = _request(STOPPED, tmp_path), tmp_path / "exceptions.yaml"
    if content is not None:
        file.write_text(content)
    code, out, err = upa_cds("explain", request, "--exceptions", str(file))
    assert (code, out) == (65, "")
    assert err.startswith(f"upa-cds: {file}: is no list of exceptions")
    assert err.count("\n") == 1


def test_a_file_that_is_not_there_is_one_line(upa_cds: Run, tmp_path: Path) -> None:
    code, out, err = upa_cds("explain", str(tmp_path / "nothing.json"))
    assert (code, out) == (65, "")
    assert err.startswith(f"upa-cds: {tmp_path / 'nothing.json'}: cannot be read")
    assert err.count("\n") == 1


@pytest.mark.parametrize("content", [b"", b"not json", b"\xff\xfe", b"[]", b"{}"])
def test_a_file_that_holds_no_request_is_one_line(upa_cds: Run, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "request.json"
    file.write_bytes(content)
    code, out, err = upa_cds("explain", str(file), "--on", "2026-03-16")
    assert (code, out) == (65, "")
    assert err.startswith("upa-cds: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("day", ["16.3.2026", "2026-02-30", "today", ""])
def test_a_day_that_is_none_is_exit_code_2(upa_cds: Run, tmp_path: Path, day: str) -> None:
    code, out, err = upa_cds("explain", _request(THREE_RULES, tmp_path), "--on", day)
    assert (code, out) == (2, "")
    assert "is no day. Write it as YYYY-MM-DD." in err


@pytest.mark.parametrize("name", sorted({THREE_RULES, STOPPED, FAILED, OUT_OF_SCOPE, NO_PREFETCH, *IGNORED.values()}))
def test_the_response_holds_nothing_of_the_explanation(engine: Engine, name: str) -> None:
    case = read_case(name)
    given = answer(case.body, service_of(case), engine=engine, on=case.on)
    body = json.loads(given.body)
    assert set(body) == {"cards"}
    assert not ONLY_EXPLAINED & set(_keys(body))
    assert body == case.expected


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
        for item in value.values():
            yield from _keys(item)
    elif isinstance(value, list):
        for item in value:
            yield from _keys(item)


ONE_CLICK = "order-select__options-after-one-biologic"


@pytest.mark.parametrize(
    ("profile", "line"),
    [
        ("spec", "profile spec"),
        (
            "epic",
            (
                "profile epic: suggestions left to the detail: 5, descriptions made longer: 1, "
                "selection behaviours changed: 1"
            ),
        ),
        ("sandbox", "profile sandbox: switches as one update: 3"),
    ],
)
def test_the_profile_and_what_it_changed_are_told(profile: Profile, line: str) -> None:
    case = read_case(ONE_CLICK)
    said = explain_request(case.body, build_engine(Settings(profile=profile)), case.on)
    assert said["profile"]["name"] == profile
    assert line in as_text(said).splitlines()


def test_suggestions_that_became_text_are_counted() -> None:
    case = read_case("order-sign__monitoring-in-rheumatoid-arthritis")
    said = explain_request(case.body, build_engine(Settings(profile="sandbox")), case.on)
    assert said["profile"]["changes"] == {"suggestions as text": 6, "selection behaviours changed": 1}


def test_an_answer_without_cards_names_its_profile_too() -> None:
    case = read_case(OUT_OF_SCOPE)
    said = explain_request(case.body, build_engine(Settings(profile="epic")), case.on)
    assert said["profile"] == {"name": "epic", "changes": {}}


def test_the_command_explains_as_a_configured_client(upa_cds: Run, tmp_path: Path) -> None:
    case = read_case(ONE_CLICK)
    request, config = tmp_path / "request.json", tmp_path / "upa-cds.toml"
    request.write_bytes(case.body)
    config.write_text(
        '[[clients]]\nid = "epic"\nissuers = ["https://ehr.example.org"]\n'
        'jwks_url = "https://ehr.example.org/jwks"\nprofile = "epic"\n'
    )
    asked = ("explain", str(request), "--on", str(case.on), "--config", str(config))
    assert "profile spec\n" in upa_cds(*asked)[1]
    assert "profile epic: suggestions left to the detail: 5" in upa_cds(*asked, "--client", "epic")[1]
    code, _, errors = upa_cds(*asked, "--client", "epik")
    assert code == 2
    assert "client epik: the settings have no client of this id. Did you mean epic?" in errors
