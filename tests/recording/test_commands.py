import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from service import __version__
from service.cases import case_names, read_case
from service.cli import cli, main
from service.recording.format import RecordingError, read_recording
from service.recording.key import FILE

CASE = "order-select__upadacitinib-beside-current-infliximab"


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments], catch_exceptions=True)


def _requests(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for name in names:
        (folder / f"{name}.json").write_bytes(read_case(name).body)
    return folder


def _imported(tmp_path: Path) -> Path:
    names = [name for name in case_names() if name.startswith("order-sign__")][:3]
    output = tmp_path / "calls.ndjson.gz"
    source = _requests(tmp_path / "requests", *names)
    (source / "other.json").write_text("[]", encoding="utf-8")
    made = _run("record", "import", source, "-o", output, "--on", "2026-03-16")
    assert made.exit_code == 0, made.output
    assert "left out: 1 x no request of a hook that is served" in made.stderr
    assert f"{output}: 3 calls, de-identified with the key " in made.stdout
    return output


def test_importing_makes_a_clean_recording_with_a_key_of_the_data_folder(tmp_path: Path) -> None:
    output = _imported(tmp_path)
    assert (tmp_path / "state" / "upa-cds" / FILE).exists()
    exchanges = read_recording(output)
    assert exchanges.header.deidentified
    assert exchanges.header.made_by == f"upa-cds {__version__}"
    assert all(item.status == 0 and item.response == b"" for item in exchanges)
    proven = _run("record", "lint", output, "--canary", "synthetic-42")
    assert proven.exit_code == 0
    assert proven.stderr == "1 files: no findings\n"


def test_the_same_patient_has_the_same_pseudonym_in_two_imports(tmp_path: Path) -> None:
    patients = set()
    for number in range(2):
        source, output = _requests(tmp_path / f"requests-{number}", CASE), tmp_path / f"{number}.ndjson"
        assert _run("record", "import", source, "-o", output, "--on", "2026-03-16").exit_code == 0
        (exchange,) = read_recording(output)
        patients.add(json.loads(exchange.request)["context"]["patientId"])
    assert len(patients) == 1


def test_info_tells_header_hooks_answers_and_days(tmp_path: Path) -> None:
    output = _imported(tmp_path)
    said = json.loads(_run("record", "info", tmp_path, "--json").stdout)
    assert [item["file"] for item in said] == [str(output)]
    assert said[0]["hooks"] == {"order-sign": 3}
    assert said[0]["statuses"] == {"none on record": 3}
    assert said[0]["firstDay"] <= said[0]["lastDay"] < "2026-03-16"
    text = _run("record", "info", output).stdout
    assert text.startswith(f"{output}: 3 calls, de-identified\n")
    assert "hooks: order-sign 3" in text


def test_info_says_where_the_end_of_a_file_is_missing(tmp_path: Path) -> None:
    output = _imported(tmp_path)
    output.write_bytes(output.read_bytes()[:-12])
    assert "the end is missing" in _run("record", "info", output).stdout


def test_a_leak_makes_lint_exit_with_5_and_is_named_by_its_place(tmp_path: Path) -> None:
    output = _imported(tmp_path)
    listed = tmp_path / "canaries.txt"
    listed.write_text("Rinvoq\n", encoding="utf-8")
    found = _run("record", "lint", output, "--canaries", listed)
    assert found.exit_code == 5
    assert f"{output}, line 2, request." in found.stdout
    assert "Rinvoq" not in found.output


def test_a_file_that_is_no_recording_makes_lint_exit_with_65(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.ndjson"
    path.write_text("{}\n", encoding="utf-8")
    monkeypatch.setattr("sys.argv", ["upa-cds", "record", "lint", str(path)])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 65
    assert capsys.readouterr().err.startswith(f"upa-cds: {path}, line 1: is no header of a recording")


def test_a_recording_is_never_written_over(tmp_path: Path) -> None:
    output = _imported(tmp_path)
    before = output.read_bytes()
    again = _run("record", "import", tmp_path / "requests", "-o", output)
    assert isinstance(again.exception, RecordingError)
    assert "exists already" in str(again.exception)
    assert output.read_bytes() == before


def test_a_source_without_a_call_makes_no_file(tmp_path: Path) -> None:
    source = _requests(tmp_path / "requests")
    (source / "other.json").write_text("[]", encoding="utf-8")
    output = tmp_path / "calls.ndjson"
    made = _run("record", "import", source, "-o", output)
    assert isinstance(made.exception, RecordingError)
    assert "holds no hook call (1 x no request" in str(made.exception)
    assert not output.exists()


def test_a_place_that_cannot_be_written_and_a_day_that_is_none_are_said(tmp_path: Path) -> None:
    source = _requests(tmp_path / "requests", CASE)
    elsewhere = _run("record", "import", source, "-o", tmp_path / "no" / "calls.ndjson")
    assert "cannot be written" in str(elsewhere.exception)
    assert _run("record", "import", source, "-o", tmp_path / "x.ndjson", "--on", "16.3.2026").exit_code == 2


def test_words_of_the_site_are_kept_and_known_to_lint(tmp_path: Path) -> None:
    source = tmp_path / "requests"
    source.mkdir()
    body = read_case(CASE).body.replace(b"Rinvoq 45 mg", b"Rinvoq Examplecoat 45 mg")
    (source / "a.json").write_bytes(body)
    words, config = tmp_path / "words.txt", tmp_path / "site.toml"
    words.write_text("Examplecoat  # a coating of the house\n", encoding="utf-8")
    config.write_text(f'record_words = "{words}"\n', encoding="utf-8")
    output = tmp_path / "calls.ndjson"
    assert _run("record", "import", source, "-o", output, "--config", config).exit_code == 0
    assert "Examplecoat" in output.read_text(encoding="utf-8")
    assert _run("record", "lint", output, "--config", config).exit_code == 0
    assert _run("record", "lint", output).exit_code == 5
