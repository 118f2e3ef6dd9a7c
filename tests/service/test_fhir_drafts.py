"""Which drug a draft orders, wherever and however it says so."""

from typing import Any

import pytest

from cards import Recogniser, load_catalogue
from cards.model import Kind, Origin
from service.fhir import Drafts, MedicationLibrary, draft_facts, scan_drafts
from service.fhir.library import Inside
from service.fhir.scan import MedicationScan
from tests import builders as make
from tests.builders import Json

RECOGNISER = Recogniser(load_catalogue())
RXNORM = make.RXNORM
INGREDIENT, BRANDED = make.coding(RXNORM, "2196092"), make.coding(RXNORM, "2196900")
RINVOQ = {"resourceType": "Medication", "id": "m1", "code": {"coding": [INGREDIENT, BRANDED]}}


def _order(**drug: Any) -> Json:
    return make.draft("draft-1", "", **{"medicationCodeableConcept": None, **drug})


def _scanned(*resources: Json, urls: tuple[str | None, ...] = ()) -> Drafts:
    return scan_drafts(resources, make.PATIENT, MedicationLibrary.of_drafts(resources, urls), RECOGNISER)


def _ingredients(*resources: Json, urls: tuple[str | None, ...] = ()) -> set[str]:
    return set(_scanned(*resources, urls=urls).ingredients)


@pytest.mark.fault(37)
@pytest.mark.parametrize(
    "drug",
    [
        {"medicationCodeableConcept": {"coding": [make.coding(RXNORM, "2196900")]}},
        {"medicationCodeableConcept": {"coding": [make.coding("urn:local", "1"), make.coding(RXNORM, "2196900")]}},
        {"medicationCodeableConcept": {"coding": [make.coding("urn:oid:2.16.840.1.113883.6.88", "2196900")]}},
        {"medicationCodeableConcept": {"coding": [make.coding("http://hl7.org/fhir/sid/ndc", "0074-2306-30")]}},
        {"medicationCodeableConcept": {"coding": [make.coding("http://hl7.org/fhir/sid/ndc", "0074230630")]}},
        {"medicationCodeableConcept": {"coding": [make.coding(make.ATC, "L04AF03")]}},
        {"medicationCodeableConcept": {"coding": [make.coding("http://fdasis.nlm.nih.gov", "4RA0KN46E0")]}},
        {"medicationCodeableConcept": {"coding": [{"display": "RINVOQ 15 MG ER TABLET"}]}},
        {"medicationCodeableConcept": {"text": "upadacitinib"}},
        {"medicationCodeableConcept": {"coding": make.coding(RXNORM, "2196900")}},
        {"medicationCodeableConcept": [{"coding": [make.coding(RXNORM, "2196900")]}]},
        {"medicationCodeableConcept": {"coding": [{"system": RXNORM, "code": 2196900}]}},
        {"medicationCodeableConcept": "upadacitinib 15 mg"},
        {"medicationReference": {"display": "RINVOQ 15 MG PO TB24"}},
        {"medicationReference": {"reference": "Medication/gone", "display": "RINVOQ 15 MG PO TB24"}},
        {"medication": {"concept": {"coding": [make.coding(RXNORM, "2196900")]}}},
        {"medication": {"coding": [make.coding(RXNORM, "2196900")]}},
        {"medication": {"reference": {"reference": "Medication/gone", "display": "Rinvoq"}}},
        {"medicationReference": {"reference": "#m1"}, "contained": [RINVOQ]},
        {"medicationReference": {"reference": "#m1"}, "contained": RINVOQ},
        {"medication": {"reference": {"reference": "#m1"}}, "contained": [RINVOQ]},
    ],
)
def test_upadacitinib_is_found_wherever_it_is_written(drug: Json) -> None:
    assert _ingredients(_order(**drug)) == {"upadacitinib"}


@pytest.mark.fault(37)
@pytest.mark.parametrize(
    ("reference", "url"),
    [
        ("Medication/m1", None),
        ("https://ehr.example.org/fhir/Medication/m1", None),
        ("Medication/m1/_history/3", None),
        ("urn:uuid:7c4a", "urn:uuid:7c4a"),
        ("https://other.example.org/Medication/x", "https://other.example.org/Medication/x"),
    ],
)
def test_a_sibling_medication_is_found_by_any_reference(reference: str, url: str | None) -> None:
    order = _order(medicationReference={"reference": reference})
    assert _ingredients(order, RINVOQ, urls=(None, url)) == {"upadacitinib"}


def test_ingredients_of_a_medication_are_found_by_concept_and_by_reference() -> None:
    mixture = {
        "resourceType": "Medication",
        "id": "m2",
        "ingredient": [
            {"itemCodeableConcept": make.medicine("azathioprine")},
            {"itemReference": {"reference": "Medication/m1"}},
            {"item": {"concept": {"coding": [make.coding(RXNORM, "42316")]}}},
        ],
    }
    order = _order(medicationReference={"reference": "Medication/m2"})
    assert _ingredients(order, RINVOQ, mixture) == {"upadacitinib", "azathioprine", "tacrolimus"}


ITEM = {"reference": "#product"}
PRODUCT = {"resourceType": "Medication", "id": "product", "product": {"ingredient": [{"item": {"reference": "#s1"}}]}}
SUBSTANCE = {"resourceType": "Substance", "id": "s1", "code": {"coding": [INGREDIENT]}}


@pytest.mark.parametrize(
    "made",
    [
        {"package": {"content": [{"item": {"reference": "Medication/m1"}}]}},
        {"package": {"content": [{"itemReference": {"reference": "Medication/m1"}}]}},
        {"package": {"content": [{"itemCodeableConcept": {"coding": [BRANDED]}}]}},
        {"package": {"content": {"item": {"display": "Rinvoq 15 mg"}}}},
        {"package": {"content": [{"item": ITEM}]}, "contained": [PRODUCT, SUBSTANCE]},
        {"ingredient": [{"itemReference": ITEM}], "contained": [SUBSTANCE, PRODUCT]},
        {"ingredient": [{"itemReference": {"reference": "Substance/s2"}}]},
        {"ingredient": [{"item": {"reference": {"reference": "#s1"}}}], "contained": [SUBSTANCE]},
        {"package": {"content": [{"item": {"reference": "Medication/inner"}}]}},
    ],
)
def test_what_a_kit_or_a_mixture_is_made_of_is_found_in_every_version(made: Json) -> None:
    kit = {"resourceType": "Medication", "id": "kit", **made}
    inner = {
        "resourceType": "Medication",
        "id": "inner",
        "ingredient": [{"itemReference": {"reference": "Medication/m1"}}],
    }
    delivered = (RINVOQ, inner, SUBSTANCE | {"id": "s2"}, kit)
    assert _ingredients(_order(medicationReference={"reference": "Medication/kit"}), *delivered) == {"upadacitinib"}
    order = _order(medicationReference={"reference": "#kit"}, contained=[kit, PRODUCT, SUBSTANCE])
    assert _ingredients(order, *delivered) == {"upadacitinib"}


def test_what_one_medication_contains_is_not_looked_for_from_another() -> None:
    box = {"resourceType": "Medication", "id": "box", "contained": [SUBSTANCE]}
    kit = {"resourceType": "Medication", "id": "kit", "ingredient": [{"itemReference": {"reference": "#s1"}}]}
    mixed = {
        "resourceType": "Medication",
        "id": "m2",
        "ingredient": [{"itemReference": {"reference": "Medication/kit"}}],
    }
    assert _scanned(_order(medicationReference={"reference": "Medication/m2"}), box, kit, mixed).items[0].unresolved


def test_a_kit_without_a_name_is_called_by_what_is_in_it() -> None:
    items = [{"itemCodeableConcept": {"text": text, "coding": [{"display": "x"}]}} for text in ("pad", "Rinvoq", "pad")]
    kit = {"resourceType": "Medication", "id": "kit", "package": {"content": items}}
    (draft,) = _scanned(_order(medicationReference={"reference": "Medication/kit"}), kit).items
    assert draft.drug.text == "pad + Rinvoq"
    named = kit | {"code": {"text": "Starter pack"}}
    (draft,) = _scanned(_order(medicationReference={"reference": "Medication/kit"}), named).items
    assert draft.drug.text == "Starter pack"


class _Counted(MedicationLibrary):
    looked_up = 0

    def find(self, reference: str, inside: Inside) -> MedicationScan | None:
        self.looked_up += 1
        return super().find(reference, inside)


def test_medications_that_all_refer_to_all_are_each_read_once() -> None:
    names = [f"Medication/m{number}" for number in range(30)]
    addresses = [f"https://ehr.example.org/fhir/{name}" for name in names]
    items = [{"itemReference": {"reference": reference}} for reference in (*names, *addresses)]
    known = _Counted()
    library = known.of_drafts([{"resourceType": "Medication", "id": name[11:], "ingredient": items} for name in names])
    scan_drafts([_order(medicationReference={"reference": names[0]})], make.PATIENT, library, RECOGNISER)
    assert isinstance(library, _Counted)
    assert library.looked_up == 1 + len(names) * len(items)


def test_medications_that_refer_to_each_other_come_to_an_end() -> None:
    circle = {
        "resourceType": "Medication",
        "id": "m2",
        "ingredient": [{"itemReference": {"reference": "Medication/m2"}}],
    }
    assert _scanned(_order(medicationReference={"reference": "Medication/m2"}), circle).items[0].unresolved


@pytest.mark.fault(37)
@pytest.mark.parametrize("kind", ["reference", "contained"])
def test_a_reference_to_nothing_is_unresolved(kind: str) -> None:
    text = "#gone" if kind == "contained" else "Medication/gone"
    (draft,) = _scanned(_order(medicationReference={"reference": text})).items
    assert draft.unresolved
    assert draft.recognised == ()


def test_a_later_delivery_resolves_what_was_unresolved() -> None:
    drafts = [_order(medicationReference={"reference": "Medication/gone"}), RINVOQ]
    assert _scanned(*drafts).unresolved
    known = MedicationLibrary.of_drafts([RINVOQ | {"id": "gone"}])
    assert scan_drafts(drafts, make.PATIENT, known, RECOGNISER).ingredients == {"upadacitinib"}


@pytest.mark.parametrize(
    "drug",
    [
        {},
        {"medicationCodeableConcept": {"text": "metformin"}},
        {"medicationCodeableConcept": {"coding": [{"system": "urn:local", "code": "17"}]}},
    ],
)
def test_a_draft_without_a_drug_of_ours_is_neither_recognised_nor_unresolved(drug: Json) -> None:
    (draft,) = _scanned(_order(**drug)).items
    assert draft.recognised == ()
    assert not draft.unresolved


def test_medications_are_no_orders() -> None:
    assert _scanned(RINVOQ).items == ()


@pytest.mark.parametrize(
    "place",
    [
        {"dosageInstruction": [{"route": {"text": "Topical route"}}]},
        {"dosageInstruction": {"route": {"coding": [make.coding(make.SNOMED, "6064005")]}}},
    ],
)
def test_a_topical_route_makes_the_draft_not_systemic(place: Json) -> None:
    concept = {"coding": [make.coding(RXNORM, "42316")]}
    drafts = _scanned(_order(medicationCodeableConcept=concept, **place))
    assert [item.ingredient for item in drafts.items[0].recognised] == ["tacrolimus"]
    assert drafts.ingredients == frozenset()


def test_an_ingredient_without_a_route_is_systemic() -> None:
    assert _ingredients(_order(medicationCodeableConcept={"coding": [make.coding(RXNORM, "42316")]})) == {"tacrolimus"}


def test_the_form_of_a_medication_says_where_it_goes() -> None:
    ointment = {"resourceType": "Medication", "id": "m1", "code": {"text": "tacrolimus"}, "form": {"text": "Ointment"}}
    assert _ingredients(_order(medicationReference={"reference": "Medication/m1"}), ointment) == set()


def _service_request(**others: Any) -> Json:
    base = {"resourceType": "ServiceRequest", "id": "s1", "status": "draft", "intent": "order"}
    return {**base, "subject": make.reference("Patient", make.PATIENT), **others}


@pytest.mark.parametrize(
    "code",
    [
        {"coding": [make.coding(make.HCPCS, "J1745")]},
        {"coding": [make.coding(make.HCPCS, "j1745", "Infliximab not biosimil 10mg")]},
        {"concept": {"coding": [make.coding(make.HCPCS, "J1745")]}},
    ],
)
def test_a_service_request_with_a_drug_code_is_an_order_of_the_drug(code: Json) -> None:
    drafts = _scanned(_service_request(code=code, authoredOn="2026-11-23"))
    assert drafts.ingredients == {"infliximab"}
    (fact,) = draft_facts(drafts).medications
    assert fact.kind is Kind.REQUEST
    assert str(fact.authored) == "2026-11-23"


@pytest.mark.parametrize("code", [{"text": "infliximab level"}, {"coding": [{"display": "Infliximab antibody"}]}, {}])
def test_the_words_of_a_service_request_order_nothing(code: Json) -> None:
    (draft,) = _scanned(_service_request(code=code)).items
    assert draft.recognised == ()
    assert not draft.unresolved


def test_a_dstu2_order_is_read_as_a_request() -> None:
    order = {
        "resourceType": "MedicationOrder",
        "id": "o1",
        "status": "draft",
        "patient": make.reference("Patient", make.PATIENT),
        "dateWritten": "2026-11-20",
        "medicationCodeableConcept": make.medicine("upadacitinib"),
    }
    (fact,) = draft_facts(_scanned(order)).medications
    assert (fact.ref, fact.kind, str(fact.authored)) == ("MedicationOrder/o1", Kind.REQUEST, "2026-11-20")


@pytest.mark.fault(39)
@pytest.mark.parametrize(
    ("subject", "other"),
    [
        (None, False),
        ({}, False),
        ({"display": "someone"}, False),
        ({"reference": ""}, False),
        ({"reference": "Patient/patient-1"}, False),
        ({"reference": "https://ehr.example.org/fhir/Patient/patient-1"}, False),
        ({"reference": "Patient/patient-1/_history/2"}, False),
        ("Patient/patient-1", False),
        ({"reference": "patient-1"}, False),
        ({"reference": "#p"}, False),
        ({"reference": "urn:uuid:patient-1"}, False),
        ({"reference": "Patient/patient-2"}, True),
        ({"reference": "https://ehr.example.org/fhir/Patient/patient-2"}, True),
        ({"reference": "Group/patient-1"}, True),
    ],
)
def test_only_a_subject_that_is_someone_else_is_another_patient(subject: object, other: bool) -> None:
    (draft,) = _scanned(make.draft("draft-1", "upadacitinib", subject=subject)).items
    assert draft.other_patient is other


def test_a_draft_without_an_id_is_named_by_its_place() -> None:
    drafts = _scanned(make.draft("draft-1", "upadacitinib"), make.draft("x", "adalimumab", id=None))
    assert [(draft.ref, draft.id) for draft in drafts.items] == [
        ("MedicationRequest/draft-1", "draft-1"),
        ("MedicationRequest/#1", None),
    ]
    assert [fact.ref for fact in draft_facts(drafts).medications] == [
        "MedicationRequest/draft-1",
        "MedicationRequest/#1",
    ]


@pytest.mark.fault(38)
@pytest.mark.parametrize(
    ("change", "orders"),
    [
        ({"status": "draft"}, True),
        ({"status": "active"}, True),
        ({"status": None}, True),
        ({"status": "cancelled"}, False),
        ({"status": "stopped"}, False),
        ({"status": "entered-in-error"}, False),
        ({"doNotPerform": True}, False),
    ],
)
def test_a_withdrawn_draft_orders_nothing(change: Json, orders: bool) -> None:
    assert _scanned(make.draft("draft-1", "upadacitinib", **change)).items[0].orders is orders


def test_facts_of_drafts_are_of_the_session_and_only_of_the_catalogue() -> None:
    facts = draft_facts(_scanned(make.draft("d1", "upadacitinib"), make.draft("d2", "metformin"))).medications
    assert [(fact.ref, fact.origin) for fact in facts] == [("MedicationRequest/d1", Origin.DRAFT)]


LOCAL = make.coding("urn:formulary", "778123")


@pytest.mark.parametrize(
    ("drug", "unidentified"),
    [
        ({"medicationCodeableConcept": {"coding": [LOCAL]}}, True),
        ({"medicationCodeableConcept": {"coding": [{"code": "778123"}]}}, True),
        ({"medication": {"concept": {"coding": [LOCAL]}}}, True),
        ({"medicationReference": {"reference": "#m1"}, "contained": [{**RINVOQ, "code": {"coding": [LOCAL]}}]}, True),
        ({"medicationReference": {"reference": "Medication/gone"}}, True),
        ({"medicationCodeableConcept": {"coding": [{**LOCAL, "display": "cetirizine 10 mg tablet"}]}}, False),
        ({"medicationCodeableConcept": {"coding": [LOCAL], "text": "cetirizine"}}, False),
        ({"medicationCodeableConcept": {"coding": [LOCAL, make.coding(RXNORM, "861007")]}}, False),
        ({"medicationCodeableConcept": {"coding": [{"system": "urn:formulary", "code": ""}]}}, False),
        ({"medicationCodeableConcept": {"coding": []}}, False),
        ({"medicationCodeableConcept": {}}, False),
        ({}, False),
    ],
)
def test_a_draft_is_unidentified_where_a_drug_was_chosen_that_nothing_names(drug: Json, unidentified: bool) -> None:
    drafts = _scanned(_order(**drug))
    assert [draft.ref for draft in drafts.unidentified] == (["MedicationRequest/draft-1"] if unidentified else [])


def test_an_unidentified_draft_of_another_patient_is_none_of_this_session() -> None:
    drug = {"medicationCodeableConcept": {"coding": [LOCAL]}}
    assert _scanned(_order(**drug, subject=make.reference("Patient", "other"))).unidentified == ()


def test_a_service_without_a_drug_code_orders_no_drug_at_all() -> None:
    service = {"resourceType": "ServiceRequest", "id": "s1", "status": "draft", "code": {"coding": [LOCAL]}}
    assert _scanned(service).unidentified == ()
