"""Each way to be refused leaves its word in the log, since many clients do not show what they are answered."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from service.app import create_app
from service.errors import Cause, Overloaded, ReplayStoreUnavailable, StoreUnavailable
from service.settings import Settings
from tests import builders as make
from tests.fakes import SELECT, Shell

LogLines = Callable[[], list[dict[str, Any]]]
FEEDBACK = f"{SELECT}/feedback"
CALL = make.order_select([make.draft("draft-1", "upadacitinib")])
JSON = {"Content-Type": "application/json"}
MANY = json.dumps({"feedback": [{}] * 1001}).encode()


def _call(**changed: Any) -> bytes:
    return json.dumps({key: value for key, value in (CALL | changed).items() if value is not None}).encode()


def _context(**changed: Any) -> bytes:
    return _call(context={key: value for key, value in (CALL["context"] | changed).items() if value is not None})


def _of_another() -> bytes:
    return _context(patientId="somebody-else")


REFUSED = [
    (SELECT, b" ", JSON, 400, Cause.BODY_EMPTY),
    (SELECT, b"{", JSON, 400, Cause.BODY_NOT_JSON),
    (SELECT, b'{"a":1e999}', JSON, 400, Cause.BODY_NOT_JSON),
    (SELECT, b"[]", JSON, 400, Cause.BODY_NOT_AN_OBJECT),
    (SELECT, b'{"hook":"\xe9"}', JSON, 400, Cause.BODY_NOT_UTF8),
    (SELECT, '{"hook":"x"}'.encode("utf-16"), JSON, 400, Cause.BODY_NOT_UTF8),
    (SELECT, b'{"hook":"x","hook":"x"}', JSON, 400, Cause.KEY_REPEATED),
    (SELECT, b'{"a":' + b"[" * 99 + b"]" * 99 + b"}", JSON, 400, Cause.TOO_DEEP),
    (SELECT, _call(hook=None), JSON, 400, Cause.HOOK_MISSING),
    (SELECT, _call(hook="order-sign"), JSON, 400, Cause.HOOK_OF_ANOTHER_SERVICE),
    (SELECT, _call(hookInstance=None), JSON, 400, Cause.HOOK_INSTANCE_MISSING),
    (SELECT, _call(context="x"), JSON, 400, Cause.CONTEXT_MISSING),
    (SELECT, _context(patientId=7), JSON, 400, Cause.PATIENT_MISSING),
    (SELECT, _context(draftOrders=None), JSON, 400, Cause.DRAFTS_MISSING),
    (SELECT, _context(draftOrders="x"), JSON, 400, Cause.DRAFTS_NOT_A_BUNDLE),
    (SELECT, _of_another(), JSON, 400, Cause.DRAFT_OF_ANOTHER_PATIENT),
    (SELECT, _call(prefetch=None), JSON, 412, Cause.NOT_OBTAINABLE),
    (SELECT, b" " * 5000, JSON, 413, Cause.BODY_TOO_LONG),
    (SELECT, b"{}", {"Content-Type": "text/plain"}, 415, Cause.MEDIA_TYPE),
    (SELECT, b"{}", {"Content-Type": "application/json; charset=latin-1"}, 415, Cause.CHARSET),
    (SELECT, b"{}", JSON | {"Content-Encoding": "gzip"}, 415, Cause.COMPRESSED),
    (FEEDBACK, b'{"feedback":[]}', JSON, 400, Cause.FEEDBACK_FAULTY),
    (FEEDBACK, b'{"feedback":[{}]}', JSON, 400, Cause.FEEDBACK_FAULTY),
    ("/cds-services/other", b"{}", JSON, 404, Cause.ADDRESS_UNKNOWN),
    ("/nowhere", b"{}", JSON, 404, Cause.ADDRESS_UNKNOWN),
    ("/cds-services", b"{}", JSON, 405, Cause.METHOD),
]


@pytest.mark.parametrize(("path", "body", "headers", "status", "cause"), REFUSED)
def test_a_call_that_is_refused_says_in_the_log_why(
    site: Settings, log_lines: LogLines, path: str, body: bytes, headers: dict[str, str], status: int, cause: Cause
) -> None:
    client = create_app(site.model_copy(update={"max_body_bytes": 4000})).test_client()
    assert client.post(path, data=body, headers=headers).status_code == status
    (line,) = (item for item in log_lines() if item["event"] == "call")
    assert (line["status"], line["refusal"]) == (status, cause)


def test_without_usable_knowledge_the_log_says_so_of_each_call(site: Settings, log_lines: LogLines) -> None:
    client = create_app(site.model_copy(update={"knowledge": site.data_dir / "none"})).test_client()
    assert client.post(SELECT, json=CALL).status_code == 503
    assert [line["refusal"] for line in log_lines() if line["event"] == "call"] == [Cause.KNOWLEDGE]


LACKING = [
    (Overloaded(), Cause.OVERLOADED),
    (ReplayStoreUnavailable("x"), Cause.USED_TOKENS),
    (StoreUnavailable("x"), Cause.DATABASE),
]


@pytest.mark.parametrize(("error", "cause"), LACKING, ids=lambda item: str(item))
def test_what_the_service_lacks_is_said_in_the_log_too(
    shell: Shell, log_lines: LogLines, error: Exception, cause: Cause
) -> None:
    shell.fails = error
    assert shell.client().post(SELECT, json=CALL).status_code == 503
    assert [line["refusal"] for line in log_lines() if line["event"] == "call"] == [cause]


def test_each_word_is_left_by_some_call() -> None:
    assert {cause for *_, cause in (*REFUSED, *LACKING)} == set(Cause) - {Cause.KNOWLEDGE}


def test_a_call_that_is_answered_has_no_such_word(site: Settings, log_lines: LogLines) -> None:
    assert create_app(site).test_client().post(SELECT, json=CALL).status_code == 200
    assert ["refusal" in line for line in log_lines() if line["event"] == "call"] == [False]


@pytest.mark.parametrize("body", [b'{"feedback":"' + b"x" * (2 * 1024**2) + b'"}', MANY])
def test_a_post_of_feedback_that_is_too_long_is_to_be_sent_in_parts(site: Settings, body: bytes) -> None:
    answer = create_app(site).test_client().post(FEEDBACK, data=body, headers=JSON)
    assert answer.status_code == 413
    assert "in several posts" in answer.get_data(as_text=True)
    assert "max_body_bytes" not in answer.get_data(as_text=True)
