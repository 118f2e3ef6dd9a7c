"""`upa-cds screen` as a person or a script calls it."""

import csv
import json
import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from service.cli import cli
from service.errors import InvalidRequest
from tests.screen.exports import ON, Known


def call(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["screen", *map(str, arguments)])


def test_a_pharmacist_reads_patients_rules_pairs_and_what_was_left_unsaid(export: tuple[Path, Known]) -> None:
    folder, known = export
    done = call(folder, "--on", ON)
    assert done.exit_code == 0
    text = done.stdout
    assert "Combinations in force on 2026-03-02 (US label, knowledge " in text
    assert re.search(rf"^  on upadacitinib +{known.on_upadacitinib}$", text, flags=re.MULTILINE)
    assert "upadacitinib + infliximab" in text
    assert "suppressed" in text
    assert "CMS cell size suppression policy" in text


def test_json_csv_and_text_hold_the_same_counts(export: tuple[Path, Known]) -> None:
    folder, _ = export
    asked = (folder, "--on", ON, "--min-cell", 1)
    result: dict[str, Any] = json.loads(call(*asked, "--json").stdout)
    rows = list(csv.DictReader(StringIO(call(*asked, "--csv").stdout)))
    text = call(*asked).stdout
    pairs = [row for row in rows if row["count"] == "pair"]
    assert len(pairs) == len(result["pairs"]) > 3
    for row, pair in zip(pairs, result["pairs"], strict=True):
        assert row["patients"] == str(pair["patients"])
        assert row["partner"] == pair["partner"]
        assert f"{pair['share'] * 100:.1f}%" in text
    assert "suppressed" not in text


def test_a_suppressed_count_is_null_in_json_and_empty_in_csv(export: tuple[Path, Known]) -> None:
    folder, _ = export
    result: dict[str, Any] = json.loads(call(folder, "--on", ON, "--json").stdout)
    unseen = [pair for pair in result["pairs"] if pair["patients"] is None]
    assert unseen
    assert all(pair["share"] is pair["low"] is pair["high"] is None for pair in unseen)
    rows = csv.DictReader(StringIO(call(folder, "--on", ON, "--csv").stdout))
    assert sum(row["count"] == "pair" and row["patients"] == "" for row in rows) == len(unseen)


def test_the_list_of_patients_is_written_on_request_and_said_to_hold_identifiers(
    export: tuple[Path, Known], tmp_path: Path
) -> None:
    folder, _ = export
    done = call(folder, "--on", ON, "--patients", tmp_path / "p.csv")
    assert "holds patient identifiers" in done.stderr
    assert (tmp_path / "p.csv").stat().st_size > 0
    assert "patients" not in call(folder, "--on", ON).stderr


def test_a_line_that_could_not_be_read_makes_exit_code_1_and_is_named(tmp_path: Path) -> None:
    (tmp_path / "MedicationRequest.ndjson").write_text('\n{"resourceType": "Medica')
    done = call(tmp_path, "--on", ON)
    assert done.exit_code == 1
    assert "MedicationRequest.ndjson, 1 line(s), each is not a JSON object: 2" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("--resume",),
        ("--scheduler", "tcp://127.0.0.1:1"),
        ("--json", "--csv"),
        ("--on", "today"),
        ("--min-cell", "0"),
        ("--jobs", "0"),
    ],
)
def test_a_call_that_makes_no_sense_is_a_usage_error(arguments: tuple[str, ...], tmp_path: Path) -> None:
    assert call(tmp_path, *arguments).exit_code == 2


def test_ctrl_c_says_how_to_go_on_and_the_work_folder_can_be_resumed(
    export: tuple[Path, Known], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = export
    asked = (folder, "--on", ON, "--work", tmp_path / "work")
    with monkeypatch.context() as pressed:
        pressed.setattr("service.screen.run.assessing", _interrupted)
        done = call(*asked)
    assert done.exit_code == 130
    assert f"go on with --work {tmp_path / 'work'} --resume" in done.stderr
    assert call(*asked, "--resume").stdout == call(folder, "--on", ON).stdout


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_list_of_patients_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    done = call(tmp_path, "--patients", tmp_path / "none" / "p.csv")
    assert isinstance(done.exception, InvalidRequest)
    assert "there is no such folder" in done.exception.message
