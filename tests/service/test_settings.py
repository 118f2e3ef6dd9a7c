from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from service.errors import SettingsError
from service.settings import Settings, check_options, check_rules, default_data_dir, effective_settings, load_settings
from service.settings_table import settings_table, shown


def toml(tmp_path: Path, text: str) -> dict[str, str]:
    file = tmp_path / "site.toml"
    file.write_text(text, encoding="utf-8")
    return {"UPA_CDS_CONFIG": str(file)}


def problems(flags: dict[str, object], environ: dict[str, str]) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load_settings(flags, environ)
    return caught.value.problems


def test_without_anything_given_the_service_listens_on_loopback_in_utc_for_the_us_label() -> None:
    settings = load_settings({}, {})
    assert (settings.host, settings.port, settings.workers) == ("127.0.0.1", 8000, 2)
    assert (settings.timezone, settings.jurisdiction, settings.max_body_bytes) == ("UTC", "us", 10_485_760)


def test_a_flag_beats_the_environment_which_beats_the_file(tmp_path: Path) -> None:
    environ = toml(tmp_path, 'port = 1001\nworkers = 3\njurisdiction = "eu"') | {
        "UPA_CDS_PORT": "1002",
        "UPA_CDS_WORKERS": "4",
    }
    effective = effective_settings({"port": "1003", "workers": None}, environ)
    assert effective.settings.port == 1003
    assert effective.settings.workers == 4
    assert effective.settings.jurisdiction == "eu"
    assert effective.sources["port"] == "--port"
    assert effective.sources["workers"] == "environment variable UPA_CDS_WORKERS"
    assert effective.sources["jurisdiction"].endswith("site.toml, key jurisdiction")


def test_the_config_flag_beats_the_config_variable(tmp_path: Path) -> None:
    chosen = tmp_path / "chosen.toml"
    chosen.write_text("port = 1234", encoding="utf-8")
    assert load_settings({"config": str(chosen)}, toml(tmp_path, "port = 1")).port == 1234


def test_lists_and_tables_come_from_the_file(tmp_path: Path) -> None:
    environ = toml(
        tmp_path,
        """
disabled_rules = ["upadacitinib-jak"]
[indicator_ceiling]
upadacitinib-biologic = "info"
[[clients]]
id = "ehr"
origins = ["https://EHR.example.org/"]
""",
    )
    settings = load_settings({}, environ)
    assert settings.disabled_rules == ("upadacitinib-jak",)
    assert settings.indicator_ceiling == {"upadacitinib-biologic": "info"}
    assert settings.clients[0].origins == ("https://ehr.example.org",)


def test_every_problem_is_reported_at_once(tmp_path: Path) -> None:
    environ = toml(tmp_path, "prot = 1") | {"UPA_CDS_WORKERS": "0", "UPA_CDS_TIMEZONE": "Europe/Berin"}
    found = problems({"port": "80x0"}, environ)
    assert len(found) == 4
    assert any("key prot: no setting has this name. Did you mean port?" in line for line in found)
    assert any("for example Europe/Berlin" in line for line in found)


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"UPA_CDS_PROT": "1"}, "UPA_CDS_PROT: no setting has this name. Did you mean UPA_CDS_PORT?"),
        ({"UPA_CDS_port": "1"}, "UPA_CDS_port: no setting has this name. Did you mean UPA_CDS_PORT?"),
        ({"UPA_CDS_QQQQQ": "1"}, "UPA_CDS_QQQQQ: no setting has this name."),
        ({"UPA_CDS_CLIENTS": "x"}, "UPA_CDS_CLIENTS: set clients in the TOML file; it is not a scalar."),
    ],
)
def test_a_misspelt_variable_is_an_error_that_names_the_nearest(environ: dict[str, str], said: str) -> None:
    assert problems({}, environ) == (said,)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[clients]]\nid = 'ehr'\norigin = 'x'", "clients.0.origin: no such key. Did you mean origins?"),
        ("[[clients]]\nid = 'ehr'\norigins = ['*']", "give an absolute http or https address"),
        ("[[clients]]\nid = 'ehr'\norigins = ['https://a.org/page']", "give scheme, host and port only"),
        ("[indicator_ceiling]\na = 'critical'", "indicator_ceiling.a: the value 'critical' is not accepted"),
        ("port = [", "this is not TOML"),
    ],
)
def test_a_wrong_file_is_an_error_that_names_the_place(tmp_path: Path, text: str, said: str) -> None:
    (found,) = problems({}, toml(tmp_path, text))
    assert said in found
    assert "site.toml" in found


def test_a_missing_file_is_an_error() -> None:
    (found,) = problems({"config": "nowhere.toml"}, {})
    assert found == "--config: nowhere.toml cannot be read (No such file or directory). Give a readable TOML file."


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    (found,) = problems({}, {"UPA_CDS_PUBLIC_BASE_URL": "https://me:hunter2@cds.example.org"})
    assert "hunter2" not in found
    assert "leave user name and password out" in found


@pytest.mark.parametrize(("host", "loopback"), [("127.0.0.1", True), ("localhost", True), ("::1", True)])
def test_loopback_addresses_are_known(host: str, loopback: bool) -> None:
    assert load_settings({"host": host}, {}).loopback is loopback


def test_all_interfaces_are_not_loopback() -> None:
    assert not load_settings({"host": "0.0.0.0"}, {}).loopback


def test_data_live_under_xdg_state_home_if_it_is_absolute() -> None:
    assert default_data_dir({"XDG_STATE_HOME": "/state"}) == Path("/state/upa-cds")
    assert default_data_dir({"XDG_STATE_HOME": "relative"}) == Path.home() / ".local/state/upa-cds"
    assert load_settings({}, {"XDG_STATE_HOME": "/state"}).data_dir == Path("/state/upa-cds")


def test_a_rule_that_the_knowledge_does_not_have_is_an_error_that_names_the_nearest() -> None:
    settings = Settings(disabled_rules=("upadacitinib-jack",), indicator_ceiling={"other": "info"})
    with pytest.raises(SettingsError) as caught:
        check_rules(settings, ["upadacitinib-jak", "upadacitinib-biologic"])
    assert caught.value.problems == (
        "disabled_rules: the knowledge has no rule upadacitinib-jack. Did you mean upadacitinib-jak?",
        "indicator_ceiling: the knowledge has no rule other.",
    )


def test_an_option_that_the_knowledge_does_not_have_is_an_error_that_names_the_nearest() -> None:
    settings = Settings(options=("risankizumab", "inflixmab"))
    with pytest.raises(SettingsError) as caught:
        check_options(settings, ["risankizumab", "infliximab"])
    assert caught.value.problems == ("options: the knowledge has no option inflixmab. Did you mean infliximab?",)


def test_options_are_left_to_the_knowledge_unless_the_file_lists_them(tmp_path: Path) -> None:
    assert load_settings({}, {}).options is None
    assert load_settings({}, toml(tmp_path, "options = []")).options == ()
    assert load_settings({}, toml(tmp_path, 'options = ["infliximab"]')).options == ("infliximab",)
    check_options(Settings(), [])
    check_options(Settings(options=()), [])


def test_settings_survive_the_way_to_a_worker(tmp_path: Path) -> None:
    environ = toml(tmp_path, '[[clients]]\nid = "ehr"\n[indicator_ceiling]\na = "info"')
    settings = load_settings({"port": "8123"}, environ)
    assert Settings.model_validate_json(settings.model_dump_json()) == settings


def test_the_password_of_the_database_travels_to_a_worker_and_is_never_shown() -> None:
    settings = load_settings({}, {"UPA_CDS_DATABASE_URL": "postgresql://cds:hunter2@db.example.org/cds"})
    travelled = Settings.model_validate_json(settings.model_dump_json())
    assert travelled == settings
    assert travelled.database_url is not None
    assert travelled.database_url.get_secret_value() == "postgresql://cds:hunter2@db.example.org/cds"
    assert "hunter2" not in f"{settings} {settings!r} {shown(settings)}"


@pytest.mark.parametrize(
    "url", ["mysql://cds:hunter2@db/cds", "sqlite:///x.db?hunter2", "postgresql://cds:hunter2@db", "hunter2", ""]
)
def test_a_database_that_is_no_postgresql_is_refused_and_not_repeated(url: str) -> None:
    (found,) = problems({}, {"UPA_CDS_DATABASE_URL": url})
    assert "give a URL as postgresql://user:password@host/database" in found
    assert "hunter2" not in found


def test_the_table_has_a_row_for_every_setting() -> None:
    rows = settings_table().splitlines()[2:]
    assert [row.split("`")[1] for row in rows] == [*Settings.model_fields, "config"]
    assert "| `port` | whole number | `8000` | `UPA_CDS_PORT` | TCP port to listen on. |" in rows


def test_secrets_are_shown_as_stars() -> None:
    class WithSecret(Settings):
        key: SecretStr = SecretStr("hunter2")

    written: dict[str, Any] = shown(WithSecret())
    assert "hunter2" not in str(written)


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("port = 'eighty'", "key port: the value 'eighty' is not accepted: give a whole number."),
        ("port = 80.5", "key port: the value 80.5 is not accepted: give a whole number."),
        ("drain_seconds = 'soon'", "key drain_seconds: the value 'soon' is not accepted: give a number."),
        ("order_helper = 'please'", "key order_helper: the value 'please' is not accepted: give true or false."),
        ("disabled_rules = 'x'", "key disabled_rules: the value 'x' is not accepted: give a list."),
        ("indicator_ceiling = 'x'", "key indicator_ceiling: the value 'x' is not accepted: give a table."),
        ("timezone = 7", "key timezone: the value 7 is not accepted: give a text."),
        ("[[clients]]", "key clients.0.id: the value is not accepted: it is needed, and is not there."),
    ],
)
def test_a_value_of_another_kind_is_refused_with_the_kind_to_give(tmp_path: Path, text: str, remedy: str) -> None:
    (problem,) = problems({}, toml(tmp_path, text))
    assert problem.endswith(remedy)


@pytest.mark.parametrize(
    ("ids", "hint"), [((), "They have none."), (("ehr",), "Did you mean ehr?"), (("portal",), "Known are portal.")]
)
def test_a_client_that_is_not_there_is_refused_with_those_that_are(ids: tuple[str, ...], hint: str) -> None:
    settings = Settings.model_validate({"clients": [{"id": one} for one in ids]})
    with pytest.raises(SettingsError, match=f"^client ehrr: the settings have no client of this id. {hint[:-1]}"):
        settings.client("ehrr")
