from collections.abc import Callable
from pathlib import Path

import pytest

from cards import load_catalogue
from service import __version__

Run = Callable[..., tuple[object, str, str]]


def test_version_names_the_package_the_knowledge_and_its_hash(upa_cds: Run) -> None:
    catalogue = load_catalogue()
    expected = f"upa-cds {__version__}, knowledge {catalogue.version} (sha256 {catalogue.sha256})\n"
    assert upa_cds("--version") == (0, expected, "")


def test_the_packaged_knowledge_is_valid(upa_cds: Run) -> None:
    code, out, _ = upa_cds("validate")
    assert code == 0
    assert out.startswith(f"knowledge {load_catalogue().version} (sha256 ")


def test_bad_knowledge_is_exit_code_1_with_one_line_per_problem(upa_cds: Run, tmp_path: Path) -> None:
    code, out, err = upa_cds("validate", str(tmp_path))
    assert (code, out) == (1, "")
    assert err
    assert all(line.startswith("upa-cds: ") for line in err.splitlines())


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda _: None, "there is no such folder"),
        (lambda place: place.mkdir(), "it holds no knowledge"),
        (lambda place: place.write_text("x", encoding="utf-8"), "it is no folder"),
    ],
)
def test_a_path_that_is_no_folder_of_knowledge_is_one_line_that_names_it(
    upa_cds: Run, tmp_path: Path, make: Callable[[Path], object], what: str
) -> None:
    place = tmp_path / "mine"
    make(place)
    code, out, err = upa_cds("validate", str(place))
    assert (code, out) == (1, "")
    assert err.startswith(f"upa-cds: {place}: {what}; give a folder with knowledge.yaml, ingredients.yaml, ")
    assert err.count("\n") == 1


def test_one_file_that_is_missing_is_named(upa_cds: Run, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    assert upa_cds("export", "knowledge", str(mine))[0] == 0
    (mine / "wording.yaml").unlink()
    code, _, err = upa_cds("validate", str(mine))
    assert (code, err.count("\n")) == (1, 1)
    assert err.startswith("upa-cds: wording.yaml: cannot be read")


def test_a_copy_of_the_knowledge_is_the_knowledge(upa_cds: Run, tmp_path: Path) -> None:
    mine, again = tmp_path / "mine", tmp_path / "again"
    assert upa_cds("export", "knowledge", str(mine))[0] == 0
    assert load_catalogue(mine).sha256 == load_catalogue().sha256
    assert (mine / "README.md").is_file()
    changed = (mine / "knowledge.yaml").read_text(encoding="utf-8").replace('version: "', 'version: "9', 1)
    (mine / "knowledge.yaml").write_text(changed, encoding="utf-8")
    site = tmp_path / "site.toml"
    site.write_text(f'knowledge = "{mine}"\n', encoding="utf-8")
    assert upa_cds("export", "knowledge", str(again), "--config", str(site))[0] == 0
    assert (again / "knowledge.yaml").read_text(encoding="utf-8") == changed


def test_what_is_there_is_not_written_over(upa_cds: Run, tmp_path: Path) -> None:
    (tmp_path / "ingredients.yaml").write_text("mine", encoding="utf-8")
    code, out, err = upa_cds("export", "knowledge", str(tmp_path))
    assert (code, out, err) == (65, "", f"upa-cds: {tmp_path}: is there already. Give a new folder.\n")
    assert (tmp_path / "ingredients.yaml").read_text(encoding="utf-8") == "mine"


def test_settings_shows_each_value_and_where_it_comes_from(upa_cds: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPA_CDS_JURISDICTION", "eu")
    code, out, _ = upa_cds("settings", "--port", "8123")
    assert code == 0
    assert "port = 8123  (--port)" in out.splitlines()
    assert "jurisdiction = eu  (environment variable UPA_CDS_JURISDICTION)" in out.splitlines()
    assert "workers = 2  (default)" in out.splitlines()


def test_a_misspelt_setting_is_exit_code_2(upa_cds: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPA_CDS_JURISDICTON", "eu")
    expected = "upa-cds: UPA_CDS_JURISDICTON: no setting has this name. Did you mean UPA_CDS_JURISDICTION?\n"
    assert upa_cds("settings") == (2, "", expected)


def test_serving_other_machines_without_clients_is_exit_code_2_and_one_line(upa_cds: Run) -> None:
    code, out, err = upa_cds("serve", "--host", "0.0.0.0")
    assert (code, out) == (2, "")
    assert err.startswith("upa-cds: host 0.0.0.0: this address is reachable from other machines")
    assert err.count("\n") == 1


@pytest.mark.parametrize("arguments", [["--help"], ["serve", "--help"], ["demo", "--help"], ["validate", "-h"]])
def test_every_command_explains_itself(upa_cds: Run, arguments: list[str]) -> None:
    code, out, _ = upa_cds(*arguments)
    assert code == 0
    assert out.startswith("Usage: ")


def test_the_help_says_of_each_command_the_whole_sentence(upa_cds: Run) -> None:
    code, out, _ = upa_cds("--help")
    assert code == 0
    assert "..." not in out.partition("Commands:")[2]
    told = " ".join(out.split())
    assert "explain Say what was read from a hook request, as what, and which dates and windows decided." in told
    assert "serve Serve CDS Hooks over HTTP, in the foreground, until Ctrl-C or SIGTERM." in told


def test_an_unknown_command_is_exit_code_2(upa_cds: Run) -> None:
    assert upa_cds("sevre")[0] == 2
