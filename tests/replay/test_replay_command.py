"""The command `replay`: what differs is shown card by card, and the exit code says whether anything does."""

import json
import shutil
from collections.abc import Callable
from datetime import date
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
import requests

from service.answer import answer, build_engine
from service.cases import case_names, read_case
from service.discovery import SERVICES
from service.errors import ServiceError, Unreachable, operation_outcome
from service.replay import against, differences, in_process, replay
from service.replay.effect import effect
from service.settings import Settings

Run = Callable[..., tuple[object, str, str]]

THREE_RULES = "order-select__three-rules-at-once"
SILENT = "order-select__cancelled-draft"
REFUSED = "order-select__context-missing"
DATED = (
    "order-select__secukinumab-43-days-ago",
    "order-sign__upadacitinib-starts-when-infliximab-ends",
    "order-select__adalimumab-order-stopped-20-days-ago",
)


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    """Copy three packaged cases into a folder of one's own."""
    folder = tmp_path / "cases"
    for name in (THREE_RULES, SILENT, REFUSED):
        with as_file(files("fhir_fixtures") / "cases" / name) as place:
            shutil.copytree(place, folder / name)
    return folder


def _change(folder: Path, name: str, change: Callable[[Any], object]) -> None:
    file = folder / name / "expected.json"
    body = json.loads(file.read_text(encoding="utf-8"))
    change(body)
    file.write_text(json.dumps(body), encoding="utf-8")


def _summary_line(out: str) -> str:
    return out.splitlines()[-1]


def test_the_packaged_cases_are_all_answered_as_recorded(upa_cds: Run) -> None:
    count = len(case_names())
    assert upa_cds("replay") == (0, f"{count} cases: {count} same, 0 differ, 0 left out\n", "")


def test_an_unchanged_copy_is_the_same(upa_cds: Run, cases: Path) -> None:
    assert upa_cds("replay", str(cases)) == (0, "3 cases: 3 same, 0 differ, 0 left out\n", "")


def test_the_answer_to_a_new_case_is_shown_whole_and_recorded_on_demand_only(upa_cds: Run, cases: Path) -> None:
    recorded = cases / THREE_RULES / "expected.json"
    before = recorded.read_bytes()
    recorded.unlink()
    code, out, err = upa_cds("replay", str(cases))
    lines = out.splitlines()
    assert (code, err) == (1, "")
    assert lines[:2] == [
        f"{THREE_RULES}: {read_case(THREE_RULES).title}",
        "  no answer is recorded yet; this one is 200",
    ]
    for card in json.loads(before)["cards"]:
        assert any(line.endswith(f"{card['indicator']}, {card['summary']}") for line in lines)
        assert all(f"    {line}" in lines for line in card["detail"].splitlines() if line)
        assert all(f"    [{item['label']}]" in lines for item in card.get("suggestions", ()))
    assert _summary_line(out) == "3 cases: 2 same, 1 differ, 0 left out"
    assert not recorded.exists()
    assert upa_cds("replay", str(cases), "--update")[0] == 0
    assert json.loads(recorded.read_bytes()) == json.loads(before)


@pytest.mark.parametrize(("name", "told"), [(SILENT, '  {"cards": []}'), (REFUSED, "context is missing")])
def test_the_answer_to_a_new_case_is_shown_also_where_it_has_no_card(
    upa_cds: Run, cases: Path, name: str, told: str
) -> None:
    (cases / name / "expected.json").unlink()
    code, out, _ = upa_cds("replay", str(cases / name))
    assert code == 1
    assert told in out
    assert _summary_line(out) == "1 cases: 0 same, 1 differ, 0 left out"


def test_one_case_can_be_replayed_alone(upa_cds: Run, cases: Path) -> None:
    assert upa_cds("replay", str(cases / SILENT)) == (0, "1 cases: 1 same, 0 differ, 0 left out\n", "")


@pytest.mark.parametrize("more", [[], ["--update"]])
def test_an_answer_that_its_author_did_not_expect_is_told_and_is_exit_code_1(
    upa_cds: Run, cases: Path, more: list[str]
) -> None:
    file = cases / THREE_RULES / "case.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("indicator: warning", "indicator: critical", 1), encoding="utf-8")
    code, out, _ = upa_cds("replay", str(cases), *more)
    assert code == 1
    assert out.splitlines()[1:] == [
        "  card 1, indicator: expected critical, came warning",
        "3 cases: 3 same, 0 differ, 0 left out, 1 not as expected",
    ]


def test_a_case_whose_author_says_nothing_of_the_cards_is_compared_with_its_recording_alone(
    upa_cds: Run, cases: Path
) -> None:
    file = cases / THREE_RULES / "case.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.partition("expect:")[0], encoding="utf-8")
    assert upa_cds("replay", str(cases))[0] == 0


def test_a_changed_text_is_shown_with_its_topic_and_field_and_both_versions(upa_cds: Run, cases: Path) -> None:
    _change(cases, THREE_RULES, lambda body: body["cards"][1].update(summary="Something else."))
    code, out, err = upa_cds("replay", str(cases))
    lines = out.splitlines()
    assert (code, err) == (1, "")
    assert lines[0] == f"{THREE_RULES}: {read_case(THREE_RULES).title}"
    assert lines[1:4] == [
        "  card UPADACITINIBJAK, summary:",
        "    -Something else.",
        "    +Upadacitinib + tofacitinib: the US label does not recommend this combination.",
    ]
    assert _summary_line(out) == "3 cases: 2 same, 1 differ, 0 left out"


def test_of_a_long_detail_only_the_changed_line_is_shown(upa_cds: Run, cases: Path) -> None:
    _change(cases, THREE_RULES, lambda body: body["cards"][0].update(detail="Gone.\n" + body["cards"][0]["detail"]))
    _, out, _ = upa_cds("replay", str(cases))
    assert out.splitlines()[1:-1] == ["  card UPADACITINIBBIOLOGIC, detail:", "    -Gone."]


def test_a_changed_indicator_is_shown(upa_cds: Run, cases: Path) -> None:
    _change(cases, THREE_RULES, lambda body: body["cards"][0].update(indicator="info"))
    code, out, _ = upa_cds("replay", str(cases))
    assert code == 1
    assert out.splitlines()[1:4] == ["  card UPADACITINIBBIOLOGIC, indicator:", "    -info", "    +warning"]


def test_a_card_that_was_not_recorded_is_new(upa_cds: Run, cases: Path) -> None:
    _change(cases, THREE_RULES, lambda body: body["cards"].pop(1))
    code, out, _ = upa_cds("replay", str(cases))
    assert code == 1
    assert out.splitlines()[1] == (
        "  card UPADACITINIBJAK is new: warning, "
        "Upadacitinib + tofacitinib: the US label does not recommend this combination."
    )


def test_a_recorded_card_that_does_not_come_is_missing(upa_cds: Run, cases: Path) -> None:
    card = read_case(THREE_RULES).expected["cards"][0]
    _change(cases, SILENT, lambda body: body["cards"].append(card))
    code, out, _ = upa_cds("replay", str(cases))
    assert code == 1
    assert out.splitlines()[1] == f"  card UPADACITINIBBIOLOGIC is missing: warning, {card['summary']}"


def test_another_order_of_the_cards_is_a_difference(upa_cds: Run, cases: Path) -> None:
    _change(cases, THREE_RULES, lambda body: body["cards"].reverse())
    code, out, _ = upa_cds("replay", str(cases))
    assert code == 1
    assert out.splitlines()[1:-1] == ["  the cards come in another order"]


def test_a_changed_status_is_shown(upa_cds: Run, cases: Path) -> None:
    file = cases / REFUSED / "case.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("status: 400", "status: 412"), encoding="utf-8")
    code, out, _ = upa_cds("replay", str(cases))
    assert code == 1
    assert out.splitlines()[1:-1] == ["  status: recorded 412, now 400"]


def test_a_changed_refusal_is_shown_as_a_difference_of_the_body(upa_cds: Run, cases: Path) -> None:
    _change(cases, REFUSED, lambda body: body["issue"][0].update(code="exception"))
    code, out, _ = upa_cds("replay", str(cases))
    assert code == 1
    assert out.splitlines()[1] == "  body:"
    assert '    -   "code": "exception",' in out.splitlines()
    assert '    +   "code": "invalid",' in out.splitlines()


def test_a_new_key_beside_the_cards_is_a_difference() -> None:
    case = read_case(THREE_RULES)
    assert list(differences(case, 200, {**case.expected, "systemActions": []}))


def test_a_card_that_comes_twice_is_a_difference() -> None:
    case = read_case(THREE_RULES)
    cards = case.expected["cards"]
    assert list(differences(case, 200, {**case.expected, "cards": [*cards, cards[0]]}))


def test_update_writes_the_answer_over_the_recording_and_then_nothing_differs(upa_cds: Run, cases: Path) -> None:
    packaged = (cases / THREE_RULES / "expected.json").read_bytes()
    untouched = (cases / SILENT / "expected.json").read_bytes()
    _change(cases, THREE_RULES, lambda body: body["cards"].pop(2))
    code, out, _ = upa_cds("replay", "--update", str(cases))
    assert code == 0
    assert "card UPADACITINIBIMMUNOSUPPRESSANT is new" in out
    assert json.loads((cases / THREE_RULES / "expected.json").read_bytes()) == json.loads(packaged)
    assert (cases / SILENT / "expected.json").read_bytes() == untouched
    assert upa_cds("replay", str(cases)) == (0, "3 cases: 3 same, 0 differ, 0 left out\n", "")


def test_after_an_update_of_a_changed_status_nothing_differs(upa_cds: Run, cases: Path) -> None:
    file = cases / REFUSED / "case.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("status: 400", "status: 412"), encoding="utf-8")
    upa_cds("replay", "--update", str(cases))
    assert upa_cds("replay", str(cases))[0] == 0


def test_without_update_nothing_is_written(upa_cds: Run, cases: Path) -> None:
    _change(cases, THREE_RULES, lambda body: body["cards"].pop())
    before = (cases / THREE_RULES / "expected.json").read_bytes()
    upa_cds("replay", str(cases))
    assert (cases / THREE_RULES / "expected.json").read_bytes() == before


@pytest.mark.parametrize("arguments", [["--update"], ["--update", "CASES", "--url", "http://127.0.0.1:8000"]])
def test_update_is_only_for_a_folder_and_this_build(upa_cds: Run, cases: Path, arguments: list[str]) -> None:
    code, out, err = upa_cds("replay", *(str(cases) if item == "CASES" else item for item in arguments))
    assert (code, out) == (64, "")
    assert "--update needs a folder CASES of your own and no --url" in err


def test_an_unknown_folder_is_one_line(upa_cds: Run, tmp_path: Path) -> None:
    code, out, err = upa_cds("replay", str(tmp_path / "nowhere"))
    assert (code, out) == (65, "")
    assert err == f"upa-cds: {tmp_path / 'nowhere'}: there is no such folder. Give a folder of recorded cases.\n"


def test_a_case_without_its_request_is_one_line_that_names_the_file(upa_cds: Run, cases: Path) -> None:
    (cases / SILENT / "request.json").unlink()
    code, _, err = upa_cds("replay", str(cases))
    assert code == 65
    assert err.startswith(f"upa-cds: {cases / SILENT / 'request.json'}: cannot be read")
    assert err.count("\n") == 1


def test_the_junit_report_counts_what_differs_and_says_how(upa_cds: Run, cases: Path, tmp_path: Path) -> None:
    _change(cases, THREE_RULES, lambda body: body["cards"][0].update(indicator="info", summary="<&>"))
    report = tmp_path / "report.xml"
    assert upa_cds("replay", str(cases), "--junit", str(report))[0] == 1
    suite = ElementTree.fromstring(report.read_bytes())
    assert {key: suite.get(key) for key in ("tests", "failures", "skipped")} == {
        "tests": "3",
        "failures": "1",
        "skipped": "0",
    }
    assert sorted(str(item.get("name")) for item in suite) == sorted((THREE_RULES, SILENT, REFUSED))
    (failure,) = suite.iter("failure")
    assert "card UPADACITINIBBIOLOGIC, indicator:" in str(failure.text)
    assert "-<&>" in str(failure.text)


@pytest.mark.parametrize(
    ("name", "needs"),
    [
        ("order-select__ceiling-info", "settings"),
        ("order-sign__documented-exception", "documented exceptions"),
    ],
)
def test_against_a_url_a_case_that_needs_a_site_of_its_own_is_left_out_and_said_to_be(
    upa_cds: Run, tmp_path: Path, name: str, needs: str
) -> None:
    with as_file(files("fhir_fixtures") / "cases" / name) as place:
        shutil.copytree(place, tmp_path / "cases" / name)
    report = tmp_path / "report.xml"
    code, out, _ = upa_cds("replay", str(tmp_path / "cases"), "--url", "http://service.example", "--junit", str(report))
    assert code == 0
    assert out.splitlines() == [
        f"{name}: left out, it needs {needs} of its own",
        "1 cases: 0 same, 0 differ, 1 left out",
    ]
    assert ElementTree.fromstring(report.read_bytes()).get("skipped") == "1"


@pytest.mark.parametrize(
    ("url", "code"), [("not-a-url", 65), ("http://service.example", 69)], ids=["no address", "nobody there"]
)
def test_a_service_that_does_not_answer_is_one_line(
    upa_cds: Run, cases: Path, monkeypatch: pytest.MonkeyPatch, url: str, code: int
) -> None:
    def nobody(*_: Any, **__: Any) -> Any:
        raise requests.ConnectionError

    if code == Unreachable.exit_code:
        monkeypatch.setattr("requests.Session.post", nobody)
    found, out, err = upa_cds("replay", str(cases), "--url", url)
    assert (found, out) == (code, "")
    assert "no usable answer" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("today", [date(2026, 3, 17), date(2027, 2, 11), date(2024, 2, 29)])
@pytest.mark.parametrize("name", DATED)
def test_a_running_service_on_another_day_gives_the_recorded_answer(name: str, today: date) -> None:
    engine = build_engine(Settings())
    asked: list[str] = []
    said: list[str] = []

    def post(url: str, body: bytes) -> tuple[int, Any]:
        asked.append(url)
        service = next(item for item in SERVICES if urlsplit(url).path == f"/cds-services/{item.id}")
        try:
            given = answer(body, service, engine=engine, on=today)
        except ServiceError as error:
            return error.status, operation_outcome(error)
        said.append(given.body.decode())
        return 200, json.loads(given.body)

    case = read_case(name)
    (outcome,) = replay([case], against("http://service.example/", today, post))
    assert (outcome.status, outcome.body) == in_process(case) == (case.status, case.expected)
    assert outcome.same
    assert asked[0].startswith("http://service.example/cds-services/")
    assert case.expected["cards"][0]["summary"] not in said[0]


def test_a_running_service_that_takes_no_notice_of_the_day_is_found_out() -> None:
    case = read_case(DATED[0])
    (outcome,) = replay(
        [case], against("http://service.example", date(2027, 2, 11), lambda _, __: (200, case.expected))
    )
    assert not outcome.same


def test_a_request_with_a_key_sent_twice_is_posted_as_such() -> None:
    case = read_case("order-select__repeated-key-in-a-draft")
    posted: list[bytes] = []

    def post(_: str, body: bytes) -> tuple[int, Any]:
        posted.append(body)
        return 400, case.expected

    list(replay([case], against("http://service.example", date(2027, 2, 11), post)))
    assert posted[0].count(b'"status"') == case.body.count(b'"status"')


@pytest.fixture
def knowledge(tmp_path: Path) -> Path:
    """Copy the packaged knowledge into a folder that a pharmacist may change."""
    folder = tmp_path / "knowledge"
    with as_file(files("cards") / "knowledge") as place:
        shutil.copytree(place, folder)
    return folder


def _edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_another_version_number_alone_is_no_effect(upa_cds: Run, knowledge: Path, cases: Path) -> None:
    for name in case_names():
        if "overlay" in name:
            with as_file(files("fhir_fixtures") / "cases" / name) as place:
                shutil.copytree(place, cases / name)
    _edit(knowledge / "knowledge.yaml", 'version: "1.0.0"', 'version: "1.0.1"')
    code, out, _ = upa_cds("replay", str(cases), "--knowledge", str(knowledge))
    assert code == 0
    # An overlay says which version it was written for.
    laid = [line for line in out.splitlines() if ": left out, its overlay does not fit: " in line]
    assert laid
    assert f", 0 differ, {len(laid)} left out" in out


def test_the_effect_of_an_edit_is_counted_rule_by_rule(upa_cds: Run, knowledge: Path, cases: Path) -> None:
    _edit(knowledge / "rules.yaml", "classes: [jak-inhibitor, tyk2-inhibitor]}", "classes: [tyk2-inhibitor]}")
    _edit(knowledge / "wording.yaml", "Combining is off-label", "To combine is off-label")
    code, out, _ = upa_cds("replay", str(cases), "--knowledge", str(knowledge))
    assert code == 1
    assert "UPADACITINIBJAK: card gone 1" in out
    assert "UPADACITINIBBIOLOGIC: other words 1" in out


def test_an_effect_is_shown_and_never_recorded(upa_cds: Run, knowledge: Path, cases: Path) -> None:
    code, _, error = upa_cds("replay", str(cases), "--knowledge", str(knowledge), "--update")
    assert code == 64
    assert "without --update" in error


def test_knowledge_with_problems_is_refused_before_any_case_runs(upa_cds: Run, knowledge: Path) -> None:
    (knowledge / "rules.yaml").unlink()
    code, out, error = upa_cds("replay", "--knowledge", str(knowledge))
    assert (code, out) == (1, "")
    assert "rules.yaml: cannot be read" in error


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (None, {"indicator": "info"}, "new card 1"),
        ({"indicator": "info"}, None, "card gone 1"),
        ({"indicator": "info"}, {"indicator": "warning"}, "louder 1"),
        ({"indicator": "critical"}, {"indicator": "warning"}, "quieter 1"),
        ({"indicator": "info"}, {"indicator": "info", "suggestions": [{}]}, "other suggestions 1"),
        ({"indicator": "info"}, {"indicator": "info", "detail": "x"}, "other words 1"),
    ],
)
def test_every_kind_of_change_has_its_name(before: Any, after: Any, told: str) -> None:
    sides = [{} if card is None else {"TOPIC": card} for card in (before, after)]
    assert list(effect([(sides[0], sides[1])])) == [f"TOPIC: {told}"]
