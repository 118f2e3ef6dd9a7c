"""The recorded cases are the specification: every response is compared whole, byte for byte."""

import json

import pytest

from service.cases import case_names, read_case
from service.replay import in_process
from service.replay.author import departures


@pytest.mark.parametrize("name", case_names())
def test_a_case_is_answered_as_recorded_and_again_with_the_same_bytes(name: str) -> None:
    case = read_case(name)
    status, body = in_process(case)
    assert (status, body) == (case.status, case.expected)
    assert json.dumps(in_process(case)) == json.dumps((status, body))


@pytest.mark.parametrize("name", case_names())
def test_a_recorded_answer_is_what_the_author_of_the_case_expected(name: str) -> None:
    case = read_case(name)
    assert case.expect is not None
    assert list(departures(case, case.expected)) == []
