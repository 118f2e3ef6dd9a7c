"""Builders of R4 resources and hook requests: complete by default, so that a test writes only what it is about.

Every builder returns plain JSON. `others` are further elements by their FHIR name (`authoredOn="2026-01-05"`); an
element that is None is left out. The patient is `PATIENT` unless a test says otherwise, and no value is that of a
real person.
"""

from collections.abc import Iterable, Mapping
from typing import Any

Json = dict[str, Any]

PATIENT = "patient-1"
PRACTITIONER = "practitioner-1"
ENCOUNTER = "encounter-1"
HOOK_INSTANCE = "3a1c8f52-6a0e-4c8e-9d0b-6f2f6b0f4d01"
SERVER = "https://ehr.example.org/fhir"

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ATC = "http://www.whocc.no/atc"
HCPCS = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
SNOMED = "http://snomed.info/sct"
ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
_UNITS = "http://unitsofmeasure.org"
_HL7 = "http://terminology.hl7.org/CodeSystem/"

# Medicines by short name: system, code, name. A medicine without a code is written as text, as some records do.
MEDICINES: Mapping[str, tuple[str, str, str]] = {
    "upadacitinib": (RXNORM, "2196900", "24 HR upadacitinib 15 MG Extended Release Oral Tablet [Rinvoq]"),
    "upadacitinib 30": (RXNORM, "2590054", "24 HR upadacitinib 30 MG Extended Release Oral Tablet [Rinvoq]"),
    "upadacitinib 45": (RXNORM, "2596960", "24 HR upadacitinib 45 MG Extended Release Oral Tablet [Rinvoq]"),
    "upadacitinib generic name": (RXNORM, "2196894", "24 HR upadacitinib 15 MG Extended Release Oral Tablet"),
    "infliximab": (RXNORM, "213361", "infliximab 100 MG Injection [Remicade]"),
    "infliximab sc": (RXNORM, "2675749", "1 ML infliximab-dyyb 120 MG/ML Pen Injector [Zymfentra]"),
    "adalimumab": (RXNORM, "1872980", "0.4 ML adalimumab 100 MG/ML Auto-Injector [Humira]"),
    "adalimumab biosimilar": (RXNORM, "2639657", "0.4 ML adalimumab-aaty 100 MG/ML Auto-Injector [Yuflyma]"),
    "certolizumab": (RXNORM, "849599", "1 ML certolizumab pegol 200 MG/ML Prefilled Syringe [Cimzia]"),
    "golimumab": (RXNORM, "1653144", "0.5 ML golimumab 100 MG/ML Auto-Injector [Simponi]"),
    "etanercept": (RXNORM, "1653225", "1 ML etanercept 50 MG/ML Auto-Injector [Enbrel]"),
    "natalizumab": (RXNORM, "603541", "15 ML natalizumab 20 MG/ML Injection [Tysabri]"),
    "vedolizumab": (RXNORM, "1538142", "vedolizumab 300 MG Injection [Entyvio]"),
    "ustekinumab": (RXNORM, "853356", "1 ML ustekinumab 90 MG/ML Prefilled Syringe [Stelara]"),
    "risankizumab": (RXNORM, "2604628", "2.4 ML risankizumab-rzaa 150 MG/ML Cartridge [Skyrizi]"),
    "guselkumab": (RXNORM, "2118741", "1 ML guselkumab 100 MG/ML Auto-Injector [Tremfya]"),
    "mirikizumab": (RXNORM, "2668410", "1 ML mirikizumab-mrkz 100 MG/ML Auto-Injector [Omvoh]"),
    "secukinumab": (RXNORM, "1653243", "1 ML secukinumab 150 MG/ML Auto-Injector [Cosentyx]"),
    "tocilizumab": (RXNORM, "2106075", "0.9 ML tocilizumab 180 MG/ML Auto-Injector [Actemra]"),
    "rituximab": (RXNORM, "1657868", "50 ML rituximab 10 MG/ML Injection [Rituxan]"),
    "omalizumab": (RXNORM, "2058946", "1 ML omalizumab 150 MG/ML Prefilled Syringe [Xolair]"),
    "dupilumab": (RXNORM, "1876406", "2 ML dupilumab 150 MG/ML Prefilled Syringe [Dupixent]"),
    "tofacitinib": (RXNORM, "1357541", "tofacitinib 5 MG Oral Tablet"),
    "baricitinib": (RXNORM, "2047247", "baricitinib 2 MG Oral Tablet [Olumiant]"),
    "filgotinib": (ATC, "L04AF04", "filgotinib 200 mg tablet"),
    "ruxolitinib": (RXNORM, "1193337", "ruxolitinib 10 MG Oral Tablet [Jakafi]"),
    "fedratinib": (RXNORM, "2197501", "fedratinib 100 MG Oral Capsule [Inrebic]"),
    "pacritinib": (RXNORM, "2595254", "pacritinib 100 MG Oral Capsule [Vonjo]"),
    "momelotinib": (RXNORM, "2665220", "momelotinib 150 MG Oral Tablet [Ojjaara]"),
    "abrocitinib": (RXNORM, "2591487", "abrocitinib 100 MG Oral Tablet [Cibinqo]"),
    "ritlecitinib": (RXNORM, "2641607", "ritlecitinib 50 MG Oral Capsule [Litfulo]"),
    "deuruxolitinib": (RXNORM, "2716569", "deuruxolitinib 8 MG Oral Tablet [Leqselvi]"),
    "deucravacitinib": (RXNORM, "2612098", "deucravacitinib 6 MG Oral Tablet [Sotyktu]"),
    "azathioprine": (RXNORM, "197388", "azathioprine 50 MG Oral Tablet"),
    "mercaptopurine": (RXNORM, "197931", "mercaptopurine 50 MG Oral Tablet"),
    "cyclosporine": (RXNORM, "212810", "cyclosporine 25 MG Oral Capsule [Sandimmune]"),
    "tacrolimus": (RXNORM, "108513", "tacrolimus 1 MG Oral Capsule [Prograf]"),
    "mycophenolate": (RXNORM, "616435", "mycophenolate mofetil 500 MG Oral Tablet [Cellcept]"),
    "sirolimus": (RXNORM, "351989", "sirolimus 1 MG Oral Tablet [Rapamune]"),
    "everolimus": (RXNORM, "1119402", "everolimus 7.5 MG Oral Tablet [Afinitor]"),
    "voclosporin": (RXNORM, "2475406", "voclosporin 7.9 MG Oral Capsule [Lupkynis]"),
    "cyclophosphamide": (RXNORM, "1437969", "cyclophosphamide 50 MG Oral Capsule"),
    "methotrexate": (RXNORM, "105585", "methotrexate 2.5 MG Oral Tablet"),
    "leflunomide": (RXNORM, "205285", "leflunomide 20 MG Oral Tablet"),
    "ozanimod": (RXNORM, "2288412", "ozanimod 0.92 MG Oral Capsule [Zeposia]"),
    "prednisone": (RXNORM, "8640", "prednisone"),
    "budesonide": (RXNORM, "19831", "budesonide"),
}

# Problems by short name: ICD-10-CM code and name.
PROBLEMS: Mapping[str, tuple[str, str]] = {
    "crohn": ("K50.90", "Crohn's disease, unspecified, without complications"),
    "colitis": ("K51.90", "Ulcerative colitis, unspecified, without complications"),
    "indeterminate colitis": ("K52.3", "Indeterminate colitis"),
    "rheumatoid arthritis": ("M06.9", "Rheumatoid arthritis, unspecified"),
    "psoriatic arthritis": ("L40.50", "Arthropathic psoriasis, unspecified"),
    "ankylosing spondylitis": ("M45.9", "Ankylosing spondylitis of unspecified sites in spine"),
    "nr-axspa": ("M45.A0", "Non-radiographic axial spondyloarthritis of unspecified sites in spine"),
    "pjia": ("M08.3", "Juvenile rheumatoid polyarthritis (seronegative)"),
    "atopic dermatitis": ("L20.9", "Atopic dermatitis, unspecified"),
    "giant cell arteritis": ("M31.6", "Other giant cell arteritis"),
    "tuberculosis": ("A15.0", "Tuberculosis of lung"),
    "latent tuberculosis": ("Z22.7", "Latent tuberculosis"),
    "sepsis": ("A41.9", "Sepsis, unspecified organism"),
    "pneumonia": ("J18.9", "Pneumonia, unspecified organism"),
    "pneumocystosis": ("B59", "Pneumocystosis"),
    "allergic aspergillosis": ("B44.81", "Allergic bronchopulmonary aspergillosis"),
    "kidney transplant": ("Z94.0", "Kidney transplant status"),
    "perianal fistula": ("K60.3", "Anal fistula"),
    "anal fissure": ("K60.2", "Anal fissure, unspecified"),
    "pregnancy": ("Z33.1", "Pregnant state, incidental"),
}


def coding(system: str, code: str, display: str | None = None) -> Json:
    """Make a Coding."""
    return _present({"system": system, "code": code, "display": display})


def concept(text: str, *codings: Json) -> Json:
    """Make a CodeableConcept; without codings it is text only."""
    return {**({"coding": list(codings)} if codings else {}), "text": text}


def medicine(name: str) -> Json:
    """Make the concept of one of `MEDICINES`; any other name becomes text."""
    known = MEDICINES.get(name)
    return concept(known[2], coding(*known)) if known else concept(name)


def problem(name: str) -> Json:
    """Make the concept of one of `PROBLEMS`; any other name becomes text."""
    known = PROBLEMS.get(name)
    return concept(known[1], coding(ICD10CM, *known)) if known else concept(name)


def patient(key: str = PATIENT, **others: Any) -> Json:
    """Make an adult without a name."""
    return _present({"resourceType": "Patient", "id": key, "gender": "female", "birthDate": "1984-02-11", **others})


def condition(key: str, what: str, **others: Any) -> Json:
    """Make an active, confirmed problem. `clinical` and `verification` set its status, None leaves it out."""
    clinical, verification = others.pop("clinical", "active"), others.pop("verification", "confirmed")
    return _present(
        {
            "resourceType": "Condition",
            "id": key,
            "clinicalStatus": _status("condition-clinical", clinical),
            "verificationStatus": _status("condition-ver-status", verification),
            "category": [{"coding": [coding(_HL7 + "condition-category", "problem-list-item")]}],
            "code": problem(what),
            "subject": reference("Patient", PATIENT),
            **others,
        }
    )


def allergy(key: str, what: str, **others: Any) -> Json:
    """Make an active, confirmed allergy to a medicine."""
    clinical, verification = others.pop("clinical", "active"), others.pop("verification", "confirmed")
    return _present(
        {
            "resourceType": "AllergyIntolerance",
            "id": key,
            "clinicalStatus": _status("allergyintolerance-clinical", clinical),
            "verificationStatus": _status("allergyintolerance-verification", verification),
            "code": medicine(what),
            "patient": reference("Patient", PATIENT),
            **others,
        }
    )


def dosage(
    text: str,
    *,
    every: tuple[int, str] = (1, "d"),
    start: str | None = None,
    end: str | None = None,
    dose: tuple[float, str] | None = None,
    route: str | None = None,
) -> Json:
    """Make a Dosage: once every so many days ("d") or weeks ("wk"), within the bounds of `start` and `end`."""
    period, unit = every
    bounds = _present({"start": start, "end": end})
    repeat = {"boundsPeriod": bounds or None, "frequency": 1, "period": period, "periodUnit": unit}
    return _present(
        {
            "text": text,
            "timing": {"repeat": _present(repeat)},
            "route": {"text": route} if route else None,
            "doseAndRate": [{"doseQuantity": quantity(*dose)}] if dose else None,
        }
    )


def dispense_request(days: int | None = None, repeats: int | None = None, **others: Any) -> Json:
    """Make a dispenseRequest with its expected supply and its number of refills."""
    supply = quantity(days, "d") if days is not None else None
    return _present({"numberOfRepeatsAllowed": repeats, "expectedSupplyDuration": supply, **others})


def quantity(value: float, unit: str) -> Json:
    """Make a Quantity in a UCUM unit."""
    return {"value": value, "unit": unit, "system": _UNITS, "code": unit}


def medication_request(key: str, what: str, **others: Any) -> Json:
    """Make an active order of a medicine."""
    return _present(
        {
            "resourceType": "MedicationRequest",
            "id": key,
            "status": "active",
            "intent": "order",
            "medicationCodeableConcept": medicine(what),
            "subject": reference("Patient", PATIENT),
            "requester": reference("Practitioner", PRACTITIONER),
            **others,
        }
    )


def draft(key: str, what: str, **others: Any) -> Json:
    """Make an order of this session, not signed yet."""
    return medication_request(key, what, **{"status": "draft", **others})


def statement(key: str, what: str, **others: Any) -> Json:
    """Make an active entry of the medication list."""
    return _medication_event("MedicationStatement", key, what, {"status": "active", **others})


def administration(key: str, what: str, on: str | None, **others: Any) -> Json:
    """Make a dose given on a day."""
    given = {"status": "completed", "effectiveDateTime": on, **others}
    return _medication_event("MedicationAdministration", key, what, given)


def dispense(key: str, what: str, on: str | None, days: int | None = None, **others: Any) -> Json:
    """Make a supply handed over on a day, for so many days."""
    supply = quantity(days, "d") if days is not None else None
    given = {"status": "completed", "whenHandedOver": on, "daysSupply": supply, **others}
    return _medication_event("MedicationDispense", key, what, given)


def reference(kind: str, key: str) -> Json:
    """Make a relative reference."""
    return {"reference": f"{kind}/{key}"}


def bundle(*resources: Json) -> Json:
    """Make the searchset of a server that found these resources."""
    entries = [
        {
            "fullUrl": f"{SERVER}/{resource['resourceType']}/{resource['id']}",
            "resource": resource,
            "search": {"mode": "match"},
        }
        for resource in resources
    ]
    found = {"resourceType": "Bundle", "type": "searchset", "total": len(entries)}
    return {**found, "entry": entries} if entries else found


_KEYS = {
    "conditions": "Condition",
    "medicationRequests": "MedicationRequest",
    "medicationStatements": "MedicationStatement",
    "medicationAdministrations": "MedicationAdministration",
    "medicationDispenses": "MedicationDispense",
    "allergies": "AllergyIntolerance",
}


def prefetch(chart: Iterable[Json] = (), *, without: Iterable[str] = ()) -> Json:
    """Sort the resources of a chart into the keys of our prefetch; the keys in `without` did not arrive."""
    held = list(chart)
    people = [item for item in held if item["resourceType"] == "Patient"]
    keys: Json = {"patient": people[0] if people else patient()}
    for key, kind in _KEYS.items():
        keys[key] = bundle(*(item for item in held if item["resourceType"] == kind))
    return {key: value for key, value in keys.items() if key not in set(without)}


def order_select(
    drafts: Iterable[Json],
    chart: Iterable[Json] = (),
    *,
    selections: Iterable[str] | None = None,
    without: Iterable[str] = (),
    **others: Any,
) -> Json:
    """Make a call of order-select. `selections` are ids of drafts; by default every draft is selected.

    `others` are members of the request; `context` is merged into the context, where None removes a member.
    """
    orders = list(drafts)
    picked = None if selections is None else set(selections)
    named = [f"{item['resourceType']}/{item['id']}" for item in orders if picked is None or item["id"] in picked]
    context = {"selections": named, **others.pop("context", {})}
    return _call("order-select", orders, prefetch(chart, without=without), {**others, "context": context})


def order_sign(
    drafts: Iterable[Json], chart: Iterable[Json] = (), *, without: Iterable[str] = (), **others: Any
) -> Json:
    """Make a call of order-sign; see `order_select`."""
    return _call("order-sign", list(drafts), prefetch(chart, without=without), others)


def patient_view(chart: Iterable[Json] = (), *, without: Iterable[str] = (), **others: Any) -> Json:
    """Make a call of patient-view: a chart is opened, and there are no drafts."""
    context = {"draftOrders": None, **others.pop("context", {})}
    return _call("patient-view", [], prefetch(chart, without=without), {**others, "context": context})


def _call(hook: str, orders: list[Json], fetched: Json, others: Json) -> Json:
    context = {
        "userId": f"Practitioner/{PRACTITIONER}",
        "patientId": PATIENT,
        "encounterId": ENCOUNTER,
        **others.pop("context", {}),
    }
    context.setdefault(
        "draftOrders",
        {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": item} for item in orders]},
    )
    head = {"hook": hook, "hookInstance": HOOK_INSTANCE}
    return _present({**head, "context": _present(context), "prefetch": fetched, **others})


def _medication_event(kind: str, key: str, what: str, others: Json) -> Json:
    base = {
        "resourceType": kind,
        "id": key,
        "medicationCodeableConcept": medicine(what),
        "subject": reference("Patient", PATIENT),
    }
    return _present({**base, **others})


def _status(system: str, code: str | None) -> Json | None:
    return {"coding": [coding(_HL7 + system, code)]} if code else None


def _present(elements: Mapping[str, Any]) -> Json:
    return {name: value for name, value in elements.items() if value is not None}
