"""The sandbox page: where it is, what it is given, and that its what-if answers are the service's own."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from cards import KnowledgeError, Recogniser
from cards.model import Code, System
from service.app import create_app
from service.cases import case_names, read_case
from service.sandbox.record import record_of, synthetic_patients
from service.settings import Settings
from tests.fakes import SELECT
from tests.packaged import CATALOGUE
from tests.trust import BASE, client

NOW = datetime(2026, 3, 16, 12, tzinfo=UTC)
RECOGNISER = Recogniser(CATALOGUE)
KEYED = [client()]
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
CROHN = "order-select__upadacitinib-beside-current-infliximab"

# What to order for each patient, and the indicators of its loudest cards.
TO_SEE = [
    (CROHN, "2596960", "warning"),
    ("order-select__options-instead-of-upadacitinib", "853356", "warning"),
    ("order-select__options-instead-of-upadacitinib-with-a-perianal-fistula", "1872980", "warning"),
    ("order-select__history-lack-of-efficacy-after-56-days-of-maintenance", "2596960", "warning"),
    ("order-select__history-biologics-by-class", "2604628", "warning"),
    ("order-select__options-in-ulcerative-colitis", "2596960", "warning"),
    ("order-select__adalimumab-order-stopped-20-days-ago", "2596960", "info"),
    ("order-select__three-rules-at-once", "2596960", "warning warning warning"),
    ("order-select__active-tuberculosis", "2596960", "critical"),
    ("order-sign__tacrolimus-with-a-kidney-transplant", "108513", "warning"),
    ("order-select__methotrexate-in-atopic-dermatitis", "2196900", "warning"),
    ("patient-view__nothing-of-ours", "2596960", ""),
]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    return create_app(Settings(data_dir=tmp_path_factory.mktemp("data")), clock=lambda: NOW).test_client()


@pytest.fixture(scope="module")
def data(page: FlaskClient) -> Any:
    return page.get("/sandbox/data").get_json()


def statuses(site: Settings) -> set[int]:
    served = create_app(site, clock=lambda: NOW).test_client()
    return {served.get(path).status_code for path in ("/sandbox", "/sandbox/data", "/sandbox/cases")} | {
        served.post("/sandbox/explain", data=read_case(CROHN).body).status_code
    }


class TestWhereItIs:
    """On where only this machine is served; elsewhere only if the site says so."""

    @pytest.mark.parametrize(
        ("settings", "there"),
        [
            ({}, True),
            ({"sandbox": "off"}, False),
            ({"clients": KEYED}, True),
            ({"public_base_url": "http://localhost:9000/upa"}, True),
            ({"public_base_url": BASE}, False),
            ({"public_base_url": BASE, "sandbox": "on"}, True),
            ({"host": "0.0.0.0", "clients": KEYED}, False),
            ({"host": "0.0.0.0", "clients": KEYED, "sandbox": "on"}, True),
        ],
    )
    def test_each_address_of_it_is_there_or_none(self, settings: dict[str, Any], there: bool, tmp_path: Path) -> None:
        site = Settings.model_validate({"data_dir": tmp_path, **settings})
        assert statuses(site) == ({200} if there else {404})

    def test_the_menu_names_it_where_it_is(self, page: FlaskClient) -> None:
        named = '<a href="./sandbox">Sandbox</a>'
        assert named in page.get("/evidence").get_data(as_text=True)
        without = create_app(Settings(sandbox="off")).test_client()
        assert named not in without.get("/evidence").get_data(as_text=True)

    def test_it_may_run_our_scripts_and_call_us_and_nothing_else(self, page: FlaskClient) -> None:
        policy = page.get("/sandbox").headers["Content-Security-Policy"].split("; ")
        assert policy[0] == "default-src 'none'"
        assert {"script-src 'self'", "connect-src 'self'", "form-action 'none'"} <= set(policy)

    @pytest.mark.parametrize(
        ("settings", "calls"),
        [
            ({}, "yes"),
            ({"clients": KEYED}, "yes"),
            ({"public_base_url": BASE, "clients": KEYED, "sandbox": "on"}, "no"),
        ],
    )
    def test_it_knows_whether_the_public_addresses_answer_it(
        self, settings: dict[str, Any], calls: str, tmp_path: Path
    ) -> None:
        site = Settings.model_validate({"data_dir": tmp_path, **settings})
        body = create_app(site).test_client().get("/sandbox").get_data(as_text=True)
        assert f'data-calls="{calls}"' in body

    def test_where_others_reach_it_the_page_asks_for_synthetic_data(self) -> None:
        said = "Use synthetic data only"
        exposed = create_app(Settings(sandbox="on", public_base_url=BASE)).test_client()
        assert said in exposed.get("/sandbox").get_data(as_text=True)
        assert said not in create_app(Settings()).test_client().get("/sandbox").get_data(as_text=True)

    def test_without_knowledge_its_data_are_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(settings: Settings) -> None:
            raise KnowledgeError(("rules.yaml: is empty; restore its content",))

        monkeypatch.setattr("service.site.build_engine", refuse)
        served = create_app(Settings()).test_client()
        assert served.get("/sandbox/data").status_code == 503
        assert served.post("/sandbox/explain", data=read_case(CROHN).body).status_code == 503


class TestPatients:
    """Synthetic records, moved to today."""

    @pytest.mark.parametrize("patient", synthetic_patients(), ids=lambda patient: patient.case)
    def test_each_record_has_a_patient_problems_and_medicines(self, patient: Any) -> None:
        kinds = {resource["resourceType"] for resource in record_of(patient.case, NOW.date())}
        assert {"Patient", "Condition", "MedicationRequest"} <= kinds
        assert patient.title
        assert patient.look

    def test_the_dates_of_a_record_move_with_the_day(self) -> None:
        then, later = (record_of(CROHN, day) for day in (date(2026, 3, 16), date(2026, 4, 16)))
        infusions = [
            next(item for item in record if item["resourceType"] == "MedicationAdministration")["effectivePeriod"]
            for record in (then, later)
        ]
        assert [item["start"][:10] for item in infusions] == ["2026-02-23", "2026-03-26"]

    def test_the_day_is_that_of_the_site(self, data: Any) -> None:
        assert data["today"] == "2026-03-16"
        evening = datetime(2026, 3, 16, 23, 30, tzinfo=UTC)
        berlin = create_app(Settings(timezone="Europe/Berlin"), clock=lambda: evening).test_client()
        assert berlin.get("/sandbox/data").get_json()["today"] == "2026-03-17"

    @pytest.mark.parametrize(("case", "code", "shown"), TO_SEE)
    def test_what_the_page_says_there_is_to_see_is_seen(
        self, page: FlaskClient, data: Any, case: str, code: str, shown: str
    ) -> None:
        record = next(item["record"] for item in data["patients"] if item["case"] == case)
        order = next(item for item in data["orders"] if item.get("code") == code)
        answer = page.post(SELECT, json=request_of(record, order)).get_json()
        loudest = [card["indicator"] for card in answer["cards"] if "topic" in card["source"]]
        assert [item for item in loudest if item in shown.split()] == shown.split()
        assert bool(answer["cards"]) == bool(shown)

    def test_each_patient_has_something_to_see(self) -> None:
        assert [case for case, _, _ in TO_SEE] == [patient.case for patient in synthetic_patients()]


def request_of(record: list[dict[str, Any]], order: dict[str, Any]) -> dict[str, Any]:
    """Make the request that the page makes of a record and an order."""
    patient = next(item for item in record if item["resourceType"] == "Patient")
    coding = {"system": RXNORM, "code": order["code"], "display": order["text"]}
    draft = {
        "resourceType": "MedicationRequest",
        "id": "draft-1",
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": {"coding": [coding], "text": order["text"]},
        "subject": {"reference": f"Patient/{patient['id']}"},
    }
    bundle = {"resourceType": "Bundle", "entry": [{"resource": item} for item in record if item is not patient]}
    return {
        "hook": "order-select",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": {
            "userId": "Practitioner/sandbox-page",
            "patientId": patient["id"],
            "selections": ["MedicationRequest/draft-1"],
            "draftOrders": {"resourceType": "Bundle", "entry": [{"resource": draft}]},
        },
        "prefetch": {"patient": patient, "everything": bundle},
    }


class TestOrders:
    """What can be ordered: the catalogue's medicines, and plain drugs."""

    def test_each_coded_order_is_the_medicine_that_it_is_found_by(self, data: Any) -> None:
        coded = [item for item in data["orders"] if "code" in item]
        assert len(coded) > 80
        for item in coded:
            found = RECOGNISER.medication([Code(System.RXNORM, item["code"])], [item["text"]]).recognised
            assert [CATALOGUE.ingredients[one.ingredient].name for one in found] == [item["names"][0]], item

    def test_every_medicine_of_the_catalogue_is_offered(self, data: Any) -> None:
        offered = {item["names"][0] for item in data["orders"] if "names" in item}
        assert offered == {item.name for item in CATALOGUE.ingredients.values()}

    def test_a_plain_drug_is_none_of_the_catalogue(self, data: Any) -> None:
        plain = [item["text"] for item in data["orders"] if "names" not in item]
        assert len(plain) >= 10
        assert not [text for text in plain if RECOGNISER.medication([], [text]).recognised]


class TestWhatIf:
    """The answer under other conditions comes from the same code."""

    # The page asks no FHIR server, so what is said of one differs.
    @pytest.mark.parametrize("name", [name for name in case_names()[::23] if b"fhirServer" not in read_case(name).body])
    def test_without_conditions_it_is_the_answer_of_the_public_address(self, page: FlaskClient, name: str) -> None:
        case = read_case(name)
        service = {"order-select": "select", "order-sign": "sign", "patient-view": "view"}[case.hook]
        public = page.post(f"/cds-services/upadacitinib-combination-{service}", data=case.body)
        asked = page.post("/sandbox/explain", data=case.body)
        assert asked.status_code == public.status_code
        if asked.status_code == 200:
            assert asked.get_json()["response"] == public.get_json()
        else:
            assert asked.data == public.data

    @pytest.mark.parametrize(
        ("jurisdiction", "profile"), [("us", "epic"), ("eu", "spec"), ("au", "sandbox"), ("eu", "epic")]
    )
    def test_jurisdiction_and_profile_are_those_of_a_site_that_chose_them(
        self, page: FlaskClient, jurisdiction: Any, profile: Any
    ) -> None:
        body = read_case(CROHN).body
        chosen = create_app(Settings(jurisdiction=jurisdiction, profile=profile), clock=lambda: NOW).test_client()
        asked = page.post(f"/sandbox/explain?jurisdiction={jurisdiction}&profile={profile}", data=body).get_json()
        assert asked["response"] == chosen.post(SELECT, data=body).get_json()
        assert asked["explanation"]["jurisdiction"] == jurisdiction
        assert asked["explanation"]["profile"]["name"] == profile
        assert f"jurisdiction {jurisdiction}" in asked["text"]

    def test_on_another_day_what_counted_is_over(self, page: FlaskClient) -> None:
        body = read_case("order-select__adalimumab-order-stopped-20-days-ago").body
        cards = {
            day: page.post(f"/sandbox/explain?on={day}", data=body).get_json()["response"]["cards"]
            for day in ("2026-03-16", "2026-12-01")
        }
        assert [len(shown) for shown in cards.values()] == [1, 0]

    @pytest.mark.parametrize(
        ("query", "says"),
        [
            ("jurisdiction=jp", "us, eu, au"),
            ("profile=oracle", "spec, epic, sandbox"),
            ("on=16.03.2026", "YYYY-MM-DD"),
            ("on=", "YYYY-MM-DD"),
            ("juristiction=eu", "no such condition"),
        ],
    )
    def test_a_condition_that_there_is_not_is_a_400_that_says_what_there_is(
        self, page: FlaskClient, query: str, says: str
    ) -> None:
        answer = page.post(f"/sandbox/explain?{query}", data=read_case(CROHN).body)
        assert answer.status_code == 400
        assert says in answer.get_json()["issue"][0]["diagnostics"]

    @pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"hook": "order-dispatch"}', b"{"])
    def test_what_is_no_request_is_a_400(self, page: FlaskClient, body: bytes) -> None:
        assert page.post("/sandbox/explain", data=body).status_code == 400

    def test_a_body_that_is_too_long_is_refused(self, tmp_path: Path) -> None:
        served = create_app(Settings(data_dir=tmp_path, max_body_bytes=100)).test_client()
        assert served.post("/sandbox/explain", data=read_case(CROHN).body).status_code == 413

    def test_nothing_is_read_from_a_fhir_server_that_a_request_names(self, tmp_path: Path) -> None:
        request = json.loads(read_case(CROHN).body)
        del request["prefetch"]
        request["fhirServer"] = "http://127.0.0.1:9/fhir"
        server = {"base": "http://127.0.0.1:9/fhir", "private": True}
        site = Settings.model_validate({"data_dir": tmp_path, "fhir_servers": [server]})
        # A read would fail in tests, and make a card of it.
        assert create_app(site).test_client().post("/sandbox/explain", json=request).status_code == 412


class TestRecordedCases:
    """Each recorded case can be taken, moved to today."""

    def test_the_names_are_those_of_the_package(self, page: FlaskClient) -> None:
        assert page.get("/sandbox/cases").get_json()["cases"] == list(case_names())

    def test_a_case_is_given_as_it_was_posted_on_its_day(self, page: FlaskClient) -> None:
        assert page.get(f"/sandbox/cases/{CROHN}").data == read_case(CROHN).body

    @pytest.mark.parametrize("name", ["nothing", "..", "%2e%2e", "..%2f..%2fpyproject.toml", f"{CROHN}%2fserver", "__"])
    def test_no_other_name_gives_anything(self, page: FlaskClient, name: str) -> None:
        assert page.get(f"/sandbox/cases/{name}").status_code == 404
