import io
from pathlib import Path

import pytest

from cards import KnowledgeError
from service.app import application_factory, create_app
from service.errors import SettingsError
from service.settings import Settings
from tests.fakes import SELECT, Shell


@pytest.mark.parametrize("path", ["/nowhere", "/cds-services/other", SELECT, "/livez"])
def test_a_refusal_reads_the_whole_body_first_so_that_the_connection_stays_usable(shell: Shell, path: str) -> None:
    body = io.BytesIO(b"x" * 300_000)
    response = shell.client().post(path, input_stream=body, content_type="text/plain", content_length=300_000)
    assert response.status_code >= 400
    assert body.tell() == 300_000


def test_too_long_a_body_is_read_to_its_end_too(shell: Shell) -> None:
    body = io.BytesIO(b"x" * 300_000)
    client = shell.client(max_body_bytes=1000)
    response = client.post(SELECT, input_stream=body, content_type="application/json", content_length=300_000)
    assert response.status_code == 413
    assert body.tell() == 300_000


def test_every_answer_forbids_sniffing_and_storing(shell: Shell) -> None:
    response = shell.client().get("/nowhere")
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "no-store"


def test_a_misspelt_rule_in_the_settings_stops_the_start(shell: Shell) -> None:
    with pytest.raises(SettingsError, match="Did you mean upadacitinib-jak"):
        shell.client(disabled_rules=["upadacitinib-jack"])


def test_a_process_that_must_be_ready_does_not_start_on_bad_knowledge(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError):
        create_app(Settings(data_dir=tmp_path, knowledge=tmp_path), ready=True)


def test_any_wsgi_server_gets_the_application_from_the_environment(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UPA_CDS_JURISDICTION", "eu")
    monkeypatch.setattr("service.app.telemetry.configure_logging", lambda level: None)
    assert application_factory().test_client().get("/readyz").get_json()["jurisdiction"] == "eu"
