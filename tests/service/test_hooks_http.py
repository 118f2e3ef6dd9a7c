import json
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest

from service.errors import DataUnavailable, InvalidRequest
from service.notes import notes
from tests.fakes import SELECT, SIGN, Shell

CANARY = "Canary-Name-4711"


def outcome_of(response: Any) -> dict[str, Any]:
    body: dict[str, Any] = response.get_json()
    assert body["resourceType"] == "OperationOutcome"
    (issue,) = body["issue"]
    assert issue["severity"] == "error"
    return dict(issue)


def test_the_bytes_of_the_engine_are_the_bytes_of_the_response(shell: Shell, answer_with: Callable[..., None]) -> None:
    answer_with(body='{"cards":[],"x":"é"}'.encode())
    response = shell.client().post(SELECT, data=b'{"hook":"order-select"}', content_type="application/json")
    assert response.status_code == 200
    assert response.data == '{"cards":[],"x":"é"}'.encode()
    assert response.headers["Content-Type"] == "application/json"
    assert shell.asked[0][0] == b'{"hook":"order-select"}'


class _Ended(BytesIO):
    """A body of which nobody may ask for more than there is: at a server's that would mean to wait for it."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Read, unless all of it was read."""
        assert self.tell() < len(self.getvalue())
        return super().read(size)


def test_a_body_is_read_to_the_end_that_it_states_and_no_further(shell: Shell) -> None:
    response = shell.client().post(
        SELECT,
        input_stream=_Ended(b'{"hook":"order-select"}'),
        content_length=23,
        content_type="application/json",
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert response.status_code == 200
    assert shell.asked[0][0] == b'{"hook":"order-select"}'


def test_what_was_found_at_an_address_changes_nothing_for_another_method_address_or_application(shell: Shell) -> None:
    with_helper = shell.client(order_helper=True)
    helper = SELECT.rpartition("/")[0] + "/order-helper"
    for _ in range(2):
        assert with_helper.post(SELECT, json={}).status_code == 200
        assert with_helper.get(SELECT).status_code == 405
        assert with_helper.post(f"{SELECT}/feedback/x", json={}).status_code == 404
        assert with_helper.post(helper, data=b"x", content_type="text/plain").status_code == 415
        assert shell.client().post(helper, json={}).status_code == 404


def test_nothing_is_noted_of_a_request_once_it_is_answered(shell: Shell) -> None:
    shell.client().post(SELECT, json={})
    with pytest.raises(LookupError):
        notes()


@pytest.mark.parametrize(("path", "hook"), [(SELECT, "order-select"), (SIGN, "order-sign")])
def test_the_address_chooses_the_service(shell: Shell, path: str, hook: str) -> None:
    shell.client().post(path, json={})
    assert shell.asked[0][1].hook == hook


def test_a_double_slash_from_a_discovery_address_with_a_trailing_slash_is_served(shell: Shell) -> None:
    assert shell.client().post(SELECT.replace("services/", "services//"), json={}).status_code == 200


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "application/fhir+json",
        "application/json+fhir",
        "application/json; charset=utf-8",
        "application/json; charset=UTF-8; fhirVersion=4.0",
    ],
)
def test_json_in_utf_8_is_read_under_each_of_its_names(shell: Shell, kind: str) -> None:
    assert shell.client().post(SELECT, data=b"{}", content_type=kind).status_code == 200


@pytest.mark.fault(33)
@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/xml"},
        {"Content-Type": "nonsense"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        {"Content-Type": "application/json", "Content-Encoding": "br"},
    ],
    ids=str,
)
def test_another_type_charset_or_encoding_is_refused_with_an_outcome(shell: Shell, headers: dict[str, str]) -> None:
    response = shell.client().post(SELECT, data=b"{}", headers=headers)
    assert response.status_code == 415
    assert outcome_of(response)["code"] == "not-supported"
    assert shell.asked == []


def test_a_missing_type_is_served_and_counted(shell: Shell, log_lines: Callable[[], list[Any]]) -> None:
    assert shell.client().post(SELECT, data=b"{}").status_code == 200
    assert log_lines()[0]["deviations"] == ["content-type-missing"]


@pytest.mark.parametrize(("length", "status"), [(100, 200), (101, 413)])
def test_the_limit_of_the_body_is_inclusive(shell: Shell, length: int, status: int) -> None:
    response = shell.client(max_body_bytes=100).post(SELECT, data=b" " * length, content_type="application/json")
    assert response.status_code == status


def test_too_long_a_body_is_refused_with_an_outcome(shell: Shell) -> None:
    response = shell.client().post(SELECT, data=b" " * (10 * 1024**2 + 1), content_type="application/json")
    assert outcome_of(response)["code"] == "too-long"


def test_an_unknown_service_is_not_found(shell: Shell) -> None:
    response = shell.client().post("/cds-services/other", json={})
    assert response.status_code == 404
    assert outcome_of(response)["code"] == "not-found"


@pytest.mark.parametrize("path", ["/", "/nowhere", "//livez"])
def test_an_unknown_address_is_not_found_and_never_a_redirect(shell: Shell, path: str) -> None:
    response = shell.client().get(path)
    assert response.status_code == 404
    assert outcome_of(response)["code"] == "not-found"


@pytest.mark.parametrize(("method", "path"), [("GET", SELECT), ("PUT", SELECT), ("POST", "/cds-services")])
def test_a_wrong_method_names_the_right_ones(shell: Shell, method: str, path: str) -> None:
    response = shell.client().open(path, method=method)
    assert response.status_code == 405
    assert outcome_of(response)["code"] == "not-supported"
    assert "POST" in response.headers["Allow"] or "GET" in response.headers["Allow"]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [(InvalidRequest("no context"), 400, "invalid"), (DataUnavailable("no medication data"), 412, "incomplete")],
)
def test_a_named_failure_is_its_status_and_its_code(shell: Shell, error: Exception, status: int, code: str) -> None:
    shell.fails = error
    response = shell.client().post(SELECT, json={})
    assert response.status_code == status
    assert outcome_of(response) == {"severity": "error", "code": code, "diagnostics": str(error)}


@pytest.mark.parametrize("error", [KeyError(CANARY), RecursionError(CANARY), MemoryError(CANARY), ValueError(CANARY)])
def test_an_unforeseen_failure_is_a_500_that_quotes_nothing(
    shell: Shell, error: Exception, log_lines: Callable[[], list[Any]]
) -> None:
    shell.fails = error
    response = shell.client().post(SELECT, json={"name": CANARY})
    assert response.status_code == 500
    assert outcome_of(response)["code"] == "exception"
    (line,) = log_lines()
    assert line["level"] == "error"
    assert line["error"] == type(error).__name__
    assert line["at"].startswith("fakes.py:")
    assert CANARY not in response.text + json.dumps(line)


def test_a_call_leaves_one_log_line_of_allowlisted_fields(
    shell: Shell, answer_with: Callable[..., None], log_lines: Callable[[], list[Any]]
) -> None:
    answer_with(rules=("upadacitinib-biologic",), indicators=("warning",), unidentified=1)
    shell.client().post(SELECT, json={"name": CANARY}, headers={"X-Request-ID": "abc-1", "Authorization": CANARY})
    (line,) = log_lines()
    assert line.pop("duration_ms") >= 0
    assert line.pop("time")
    assert line == {
        "level": "info",
        "event": "call",
        "request_id": "abc-1",
        "service": "upadacitinib-combination-select",
        "hook": "order-select",
        "method": "POST",
        "status": 200,
        "outcome": "complete",
        "rules": ["upadacitinib-biologic"],
        "indicators": ["warning"],
        "gaps": [],
        "unidentified": 1,
        "deviations": [],
    }


@pytest.mark.parametrize("sent", ["abc-1", "A.b_9", "x" * 64])
def test_a_plain_request_id_of_the_caller_comes_back_in_the_header(shell: Shell, sent: str) -> None:
    response = shell.client().post(SELECT, json={}, headers={"X-Request-ID": sent})
    assert response.headers["X-Request-ID"] == sent


@pytest.mark.parametrize("sent", ["", "x" * 65, "a b", "<script>", "é"])
def test_any_other_request_id_is_replaced(shell: Shell, sent: str) -> None:
    response = shell.client().post(SELECT, json={}, headers={"X-Request-ID": sent})
    assert response.headers["X-Request-ID"] not in ("", sent)


def test_a_body_never_carries_the_request_id(shell: Shell) -> None:
    shell.fails = InvalidRequest("no")
    response = shell.client().post(SELECT, json={}, headers={"X-Request-ID": "abc-1"})
    assert "abc-1" not in response.text


def test_each_answer_to_a_call_names_its_knowledge_and_no_refusal_of_a_stranger_does(shell: Shell) -> None:
    client = shell.client()
    assert client.post(SELECT, json={}).headers["X-Knowledge"] == "1.0.0+abababab"
    shell.fails = DataUnavailable("none")
    assert client.post(SELECT, json={}).headers["X-Knowledge"] == "1.0.0+abababab"
    stranger = client.post(SELECT, json={}, environ_base={"REMOTE_ADDR": "192.0.2.1"})
    assert (stranger.status_code, "X-Knowledge" in stranger.headers) == (401, False)
    assert "X-Knowledge" not in client.get("/cds-services").headers
