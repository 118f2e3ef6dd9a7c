"""What a screening of a bulk export says: counts that are known, and everything that could not be read."""

import gzip
import json
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import fsspec
import pytest

from service.errors import InvalidRequest
from service.fhir import read_chart
from service.screen.result import whole
from service.settings import Settings
from tests.builders import (
    Json,
    administration,
    condition,
    dispense,
    medication_request,
    patient,
    statement,
)
from tests.screen.exports import Known, write_export

Screen = Callable[..., dict[str, Any]]


def of(who: str, resource: Json) -> Json:
    return {**resource, "subject": {"reference": f"Patient/{who}"}}


def on_both(who: str) -> list[Json]:
    return [
        patient(who),
        of(who, medication_request(f"{who}-1", "upadacitinib")),
        of(who, administration(f"{who}-2", "infliximab", "2026-02-20")),
    ]


def write(folder: Path, resources: Iterable[Json], **raw: list[bytes]) -> Path:
    """Write an export with one file for each type; `raw` are further lines by type."""
    folder.mkdir(exist_ok=True)
    lines: dict[str, list[bytes]] = {}
    for resource in resources:
        lines.setdefault(resource["resourceType"], []).append(json.dumps(resource).encode())
    for kind, further in raw.items():
        lines.setdefault(kind, []).extend(further)
    for kind, own in lines.items():
        (folder / f"{kind}.ndjson").write_bytes(b"\n".join(own) + b"\n")
    return folder


def counts(result: dict[str, Any]) -> dict[tuple[str, str], int]:
    return {(pair["partner"], pair["indicator"]): pair["patients"] for pair in result["pairs"]}


def test_every_patient_who_is_known_to_be_on_a_combination_is_counted(
    export: tuple[Path, Known], screened: Screen
) -> None:
    folder, known = export
    result = screened(folder)
    found = counts(result)
    assert found["infliximab", "info"] + found["infliximab", "warning"] == known.with_pair("infliximab")
    assert found["infliximab", "warning"] == known.records["upadacitinib + infliximab, sepsis"] > 0
    for partner in ("adalimumab", "azathioprine", "tofacitinib"):
        assert found[partner, "info"] == known.with_pair(partner) > 0
    assert result["patients"]["inExport"] == known.records.total() == 600
    assert result["subjects"][0]["patients"] == result["patients"]["onSubjectDrug"] == known.on_upadacitinib
    assert result["patients"]["notFullyChecked"] == known.records["local code"] > 0
    assert result["export"]["lines"] == known.lines
    assert whole(result)


def test_a_patient_with_two_partners_is_in_two_rows_and_once_in_the_totals(tmp_path: Path, screened: Screen) -> None:
    folder = write(tmp_path / "x", [*on_both("a"), of("a", dispense("a-3", "adalimumab", "2026-02-20", 28))])
    result = screened(folder)
    assert counts(result) == {("infliximab", "info"): 1, ("adalimumab", "info"): 1}
    assert [rule["patients"] for rule in result["rules"]] == [1, 0, 0]
    assert result["patients"]["withCombination"] == {
        "patients": 1,
        "of": 1,
        "share": 1.0,
        "low": pytest.approx(0.2065, abs=1e-4),
        "high": 1.0,
    }


def test_the_same_export_compressed_or_in_memory_gives_the_same_patients(tmp_path: Path, screened: Screen) -> None:
    plain, packed = tmp_path / "plain", tmp_path / "packed"
    assert write_export(plain, 200) == write_export(packed, 200, compressed=True)
    memory = fsspec.filesystem("memory")
    memory.put(str(plain), "/screened", recursive=True)
    try:
        results = [screened(address) for address in (plain, packed, "memory://screened", f"file://{plain}")]
    finally:
        memory.rm("/screened", recursive=True)
    for result in results[1:]:
        assert result["patients"] == results[0]["patients"]
        assert result["pairs"] == results[0]["pairs"]
        assert result["export"]["lines"] == results[0]["export"]["lines"]


def test_how_the_export_is_cut_changes_nothing(export: tuple[Path, Known], screened: Screen) -> None:
    folder, _ = export
    assert screened(folder, chunk_bytes=10_000) == screened(folder, chunk_bytes=10_000_000)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_ends_marks_and_blank_lines_of_other_systems_are_read(
    end: bytes, mark: bytes, tmp_path: Path, screened: Screen
) -> None:
    lines = [json.dumps(item).encode() for item in on_both("a")]
    file = tmp_path / "mixed.ndjson"
    file.write_bytes(mark + end.join([lines[0], b"", *lines[1:]]))
    result = screened(file)
    assert counts(result) == {("infliximab", "info"): 1}
    assert result["export"]["lines"] == 4
    assert whole(result)


def test_orders_that_refer_to_a_medication_are_looked_up_wherever_it_lies(tmp_path: Path, screened: Screen) -> None:
    order = of("a", medication_request("a-1", "upadacitinib"))
    named = order.pop("medicationCodeableConcept")
    order["medicationReference"] = {"reference": "https://ehr.example.org/fhir/Medication/m/_history/3"}
    medication = {"resourceType": "Medication", "id": "m", "code": named}
    others = [order, of("a", administration("a-2", "infliximab", "2026-02-20"))]
    assert counts(screened(write(tmp_path / "with", [*others, medication]))) == {("infliximab", "info"): 1}
    without = screened(write(tmp_path / "without", others))
    assert counts(without) == {}
    assert without["patients"]["why"] == {"medication-unidentified": 1}


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (b'{"resourceType": "MedicationRequest", "id": "x", "stat', "is not a JSON object"),
        (b"[]", "is not a JSON object"),
        (b'"\xff\xfe"', "is not a JSON object"),
        (b'{"id": "x"}', "is no FHIR resource"),
        (b'{"resourceType": "Observation", "id": "x"}', "is of another type than its file"),
        (b'{"resourceType": "MedicationRequest", "id": "x"}', "names no patient"),
    ],
)
def test_a_line_that_is_not_what_it_should_be_is_told_by_file_and_number(
    line: bytes, fault: str, tmp_path: Path, screened: Screen
) -> None:
    folder = write(tmp_path / "x", on_both("a"), MedicationRequest=[line])
    result = screened(folder)
    assert result["export"]["faults"] == [
        {"file": "MedicationRequest.ndjson", "fault": fault, "count": 1, "lines": [2]}
    ]
    assert counts(result) == {("infliximab", "info"): 1}
    assert not whole(result)


def test_line_numbers_count_from_the_beginning_of_the_file_however_it_is_cut(tmp_path: Path, screened: Screen) -> None:
    lines = [json.dumps(of(f"p{n}", medication_request(f"m{n}", "upadacitinib"))).encode() for n in range(50)]
    broken = {7, 8, 23, 50}
    told = [b"{" if number in broken else line for number, line in enumerate(lines, start=1)]
    folder = write(tmp_path / "x", [], MedicationRequest=told)
    for chunk_bytes in (150, 999, 10**6):
        [fault] = screened(folder, chunk_bytes=chunk_bytes)["export"]["faults"]
        assert (fault["count"], set(fault["lines"])) == (4, broken)


def test_a_broken_medicine_leaves_a_doubt_with_the_patient_whom_it_still_names(
    tmp_path: Path, screened: Screen
) -> None:
    cut = json.dumps(of("b", medication_request("b-1", "infliximab"))).encode()[:-2]
    result = screened(write(tmp_path / "x", [*on_both("a"), patient("b")], MedicationRequest=[cut]))
    assert result["patients"]["why"] == {"medication-unreadable": 1}
    assert result["patients"]["fullyChecked"] == 1


def test_a_medicine_with_a_repeated_key_is_a_fault_and_a_doubt(tmp_path: Path, screened: Screen) -> None:
    twice = json.dumps(of("a", medication_request("a-9", "adalimumab")))[:-1] + ', "status": "stopped"}'
    result = screened(write(tmp_path / "x", on_both("a"), MedicationRequest=[twice.encode()]))
    [fault] = result["export"]["faults"]
    assert "read in two ways" in fault["fault"]
    assert result["patients"]["why"] == {"medication-unreadable": 1}
    assert counts(result) == {("infliximab", "info"): 1}


def test_a_compressed_file_that_breaks_off_is_told_and_its_whole_lines_count(tmp_path: Path, screened: Screen) -> None:
    folder = write(tmp_path / "x", on_both("a"))
    packed = gzip.compress((folder / "MedicationRequest.ndjson").read_bytes() + b"\n" * 10**6)
    (folder / "MedicationRequest.ndjson").unlink()
    (folder / "MedicationRequest.ndjson.gz").write_bytes(packed[:-40])
    result = screened(folder)
    assert [fault["fault"][:30] for fault in result["export"]["faults"]] == ["is where the file breaks off: "]
    assert counts(result) == {("infliximab", "info"): 1}


def test_a_resource_that_lies_in_two_files_counts_once(tmp_path: Path, screened: Screen) -> None:
    folder = write(tmp_path / "x", on_both("a"))
    (folder / "MedicationRequest.2.ndjson").write_bytes((folder / "MedicationRequest.ndjson").read_bytes())
    assert screened(folder)["patients"] == screened(write(tmp_path / "y", on_both("a")))["patients"]


def test_files_of_other_types_are_left_out_and_said_to_be(tmp_path: Path, screened: Screen) -> None:
    folder = write(tmp_path / "x", [*on_both("a"), {"resourceType": "Observation", "id": "o"}])
    export = screened(folder)["export"]
    assert export["leftOut"] == {"Observation": 1}
    assert export["notHeld"] == ["conditions-absent", "allergies-absent"]


def test_an_active_infection_counts_only_if_the_export_holds_problems(tmp_path: Path, screened: Screen) -> None:
    sepsis = of("a", condition("a-9", "sepsis", recordedDate="2026-03-01"))
    assert counts(screened(write(tmp_path / "x", [*on_both("a"), sepsis]))) == {("infliximab", "warning"): 1}


def test_the_rules_and_the_ceilings_of_the_site_hold(tmp_path: Path, screened: Screen) -> None:
    sepsis = of("a", condition("a-9", "sepsis", recordedDate="2026-03-01"))
    folder = write(tmp_path / "x", [*on_both("a"), sepsis, of("b", statement("b-1", "azathioprine"))])
    lowered = Settings(indicator_ceiling={"upadacitinib-biologic": "info"}, silent_rules=("upadacitinib-biologic",))
    result = screened(folder, settings=lowered)
    assert counts(result) == {("infliximab", "info"): 1}
    assert result["rules"][0]["silent"] is True
    assert counts(screened(folder, settings=Settings(disabled_rules=("upadacitinib-biologic",)))) == {}


def test_a_manifest_is_followed_and_says_what_is_missing(tmp_path: Path, screened: Screen) -> None:
    folder = write(tmp_path / "x", on_both("a"))
    (folder / "stray.ndjson").write_text("{")
    output = [
        {"type": file.stem, "url": f"https://ehr.example.org/files/{file.name}?signed=1"}
        for file in sorted(folder.glob("[A-Z]*.ndjson"))
    ]
    manifest = {"output": [*output, {"type": "Claim", "url": "https://ehr.example.org/c.ndjson"}]}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    for address in (folder, folder / "manifest.json"):
        result = screened(address)
        assert counts(result) == {("infliximab", "info"): 1}
        assert result["export"]["leftOut"] == {"Claim": 1}
        assert whole(result)
    further = {**manifest, "error": [{"url": "e"}], "deleted": [{"url": "d"}], "link": [{"relation": "next"}]}
    (folder / "manifest.json").write_text(json.dumps(further))
    result = screened(folder)
    assert len(result["export"]["notes"]) == 3
    assert not whole(result)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is no manifest of a bulk export"),
        ('{"output": [{"type": "MedicationRequest", "url": "gone.ndjson"}]}', "cannot be read"),
        (
            '{"output": [{"type": "MedicationRequest", "url": "nowhere://h/gone.ndjson"}]}',
            "the manifest names this file",
        ),
        ('{"output": []}', "holds no medication list"),
    ],
)
def test_a_manifest_that_leads_nowhere_is_refused(content: str, message: str, tmp_path: Path, screened: Screen) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(InvalidRequest, match=message):
        screened(tmp_path)


@pytest.mark.parametrize("address", ["missing", "nowhere://user:secret@host/path"])
def test_an_address_that_cannot_be_read_is_refused_without_its_password(
    address: str, tmp_path: Path, screened: Screen
) -> None:
    with pytest.raises(InvalidRequest, match="cannot be read") as raised:
        screened(tmp_path / address if "://" not in address else address)
    assert "secret" not in raised.value.message


def test_an_export_without_medicines_is_refused_and_not_answered_with_zero(tmp_path: Path, screened: Screen) -> None:
    with pytest.raises(InvalidRequest, match="holds no medication list"):
        screened(write(tmp_path / "x", [patient("a"), of("a", condition("c", "crohn"))]))


def test_the_list_of_patients_names_those_with_a_combination_and_those_with_a_doubt(
    tmp_path: Path, screened: Screen
) -> None:
    unknown = of("c", {**medication_request("c-1", ""), "medicationCodeableConcept": {"coding": [{"code": "7"}]}})
    folder = write(tmp_path / "x", [*on_both("b"), *on_both("a"), unknown, patient("d")])
    listed = tmp_path / "patients.csv"
    listed.touch(mode=0o644)
    screened(folder, patients=listed)
    head, *rows = listed.read_text().splitlines()
    assert head == "patient,result,rule,subject,partner,indicator,fully_checked"
    assert sorted(rows) == [
        "a,combination,upadacitinib-biologic,upadacitinib,infliximab,info,yes",
        "b,combination,upadacitinib-biologic,upadacitinib,infliximab,info,yes",
        "c,not fully checked,,,,,no",
    ]
    assert stat.S_IMODE(listed.stat().st_mode) == 0o600


def test_no_result_holds_an_identifier_of_a_patient(tmp_path: Path, screened: Screen) -> None:
    from service.screen.text import as_csv, as_text

    folder = write(tmp_path / "x", on_both("canary"), MedicationRequest=[b'{"subject": {"reference": "Patient/canary"'])
    result = screened(folder)
    assert "canary" not in json.dumps(result) + as_text(result) + as_csv(result)


def test_an_error_of_ours_over_one_patient_is_said_and_costs_nobody_else_the_answer(
    tmp_path: Path, screened: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(resources: Any, patient: str, *others: Any) -> Any:
        if patient == "b":
            raise ZeroDivisionError
        return read_chart(resources, patient, *others)

    monkeypatch.setattr("service.screen.assess.read_chart", failing)
    result = screened(write(tmp_path / "x", [*on_both("a"), *on_both("b")]))
    assert counts(result) == {("infliximab", "info"): 1}
    assert result["patients"]["why"] == {"failed": 1}
    assert not whole(result)
