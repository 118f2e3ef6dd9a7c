"""R4 resources and hook requests as the other FHIR versions write them.

Elements and codes are those of the published definitions (fhir.resources for STU3 and R5, FHIR 1.0.2 for DSTU2). What a
version cannot say is `Untranslatable`: nothing is lost on the way.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from service.wire import FhirVersion

Json = dict[str, Any]
_Translate = Callable[[Json], Json]


class Untranslatable(Exception):
    """A resource that says what the other version has no element or code for, or that is no good R4."""


TYPES: Mapping[FhirVersion, Mapping[str, str]] = {
    FhirVersion.DSTU2: {"MedicationRequest": "MedicationOrder", "ServiceRequest": "ProcedureRequest"},
    FhirVersion.STU3: {"ServiceRequest": "ProcedureRequest"},
    FhirVersion.R4: {},
    FhirVersion.R5: {},
}


def translated(resource: Json, version: FhirVersion) -> Json:
    """Write an R4 resource in another version; raises Untranslatable."""
    try:
        return _TRANSLATE[version].get(resource["resourceType"], dict)(dict(resource))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Untranslatable(repr(error)) from error


def translated_request(request: Json, version: FhirVersion, where: frozenset[str]) -> Json:
    """Write a hook request in another version: its drafts, its record, or both; raises Untranslatable."""
    told: Json = dict(request)
    renamed = TYPES[version]
    if len(where) == 1 and _shared(request, frozenset(renamed)):
        raise Untranslatable("a draft is, or replaces, an order of the record that has another type now")
    if "record" in where:
        told["prefetch"] = _walked(request["prefetch"], version)
    if "drafts" in where:
        if not isinstance(request["context"], dict):
            raise Untranslatable("context")
        told["context"] = _walked(request["context"], version)
        if isinstance(selections := told["context"].get("selections"), list):
            told["context"]["selections"] = [_named(item, renamed) for item in selections]
    followed: Json = _referring(told, renamed if len(where) > 1 else {})
    return followed


def resources(value: Any) -> Iterator[Json]:
    """Yield every resource in a request that is not a Bundle, contained ones left out."""
    if isinstance(value, list):
        for item in value:
            yield from resources(item)
    elif isinstance(value, dict):
        if isinstance(kind := value.get("resourceType"), str) and kind != "Bundle":
            yield value
            return
        for item in value.values():
            yield from resources(item)


def _shared(request: Json, kinds: frozenset[str]) -> bool:
    """Say whether drafts and record name the same resource of a type."""
    drafts = [item for item in resources(request.get("context")) if item["resourceType"] in kinds]
    named = {f"{item['resourceType']}/{item.get('id')}" for item in drafts}
    named |= {str(item.get("priorPrescription", {}).get("reference")) for item in drafts}
    held = {f"{item['resourceType']}/{item.get('id')}" for item in resources(request["prefetch"])}
    return any(each.endswith(f"/{one}") or each == one for each in named for one in held)


def _walked(value: Any, version: FhirVersion) -> Any:
    if isinstance(value, list):
        return [_walked(item, version) for item in value]
    if not isinstance(value, dict):
        return value
    if isinstance(kind := value.get("resourceType"), str) and kind != "Bundle":
        return translated(value, version)
    return {key: _walked(item, version) for key, item in value.items()}


def _named(text: Any, renamed: Mapping[str, str]) -> Any:
    if isinstance(text, str):
        for kind, new in renamed.items():
            if f"/{text}".find(f"/{kind}/") >= 0:
                return f"/{text}".replace(f"/{kind}/", f"/{new}/")[1:]
    return text


def _referring(value: Any, renamed: Mapping[str, str]) -> Any:
    """Follow renamed types in references and addresses."""
    if isinstance(value, list):
        return [_referring(item, renamed) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _named(item, renamed) if key in {"reference", "fullUrl"} else _referring(item, renamed)
        for key, item in value.items()
    }


def _moved(resource: Json, **names: str) -> Json:
    """Rename elements; `old=new`, and an empty new name drops what has no meaning for the answer."""
    return {names.get(key, key): value for key, value in resource.items() if names.get(key, key)}


def _only(value: Any, *allowed: Any) -> Any:
    if value not in allowed:
        raise Untranslatable(f"{value!r}")
    return value


def _refuse(resource: Json, *names: str) -> Json:
    if found := [name for name in names if resource.get(name) not in (None, False)]:
        raise Untranslatable(", ".join(found))
    return {key: value for key, value in resource.items() if key not in names}


def _each(resource: Json, name: str, translate: _Translate) -> Json:
    """Translate every item of a list, if it is there."""
    if name not in resource:
        return resource
    return {**resource, name: [translate(dict(item)) for item in resource[name]]}


def _with_contained(translate: _Translate, of_contained: Mapping[str, _Translate]) -> _Translate:
    def both(resource: Json) -> Json:
        told = translate(resource)
        return _each(told, "contained", lambda item: of_contained.get(item["resourceType"], dict)(item))

    return both


# R5


def _r5_drug(resource: Json) -> Json:
    told = dict(resource)
    medication: Json = {}
    for name, part in (("medicationCodeableConcept", "concept"), ("medicationReference", "reference")):
        if name in told:
            medication[part] = told.pop(name)
    if medication:
        if not all(isinstance(part, dict) for part in medication.values()) or len(medication) > 1:
            raise Untranslatable("medication")
        told["medication"] = medication
    reasons = [{"concept": item} for item in _items(told.pop("reasonCode", []))]
    reasons += [{"reference": item} for item in _items(told.pop("reasonReference", []))]
    return {**told, **({"reason": reasons} if reasons else {})}


def _items(value: Any) -> list[Json]:
    if not isinstance(value, list):
        raise Untranslatable("an object where R4 has a list")
    return value


def _r5_dosage(dosage: Json) -> Json:
    told = dict(dosage)
    if "asNeededBoolean" in told:
        told["asNeeded"] = told.pop("asNeededBoolean")
    if "asNeededCodeableConcept" in told:
        told["asNeededFor"] = [told.pop("asNeededCodeableConcept")]
    return _refuse(told, "doseQuantity")


def _r5_request(resource: Json) -> Json:
    told = _moved(_r5_drug(resource), reportedBoolean="reported", performer="")
    return _each(_refuse(told, "taken", "reportedReference"), "dosageInstruction", _r5_dosage)


_ADHERENCE = {"stopped": "stopped", "on-hold": "on-hold", "not-taken": "not-taking", "unknown": "unknown"}


def _r5_statement(resource: Json) -> Json:
    told = _moved(_r5_drug(resource), context="encounter")
    status = _only(told.get("status"), "active", "entered-in-error", *_ADHERENCE)
    told["status"] = status if status == "entered-in-error" else "recorded"
    reason = told.pop("statusReason", None)
    if status in _ADHERENCE:
        code = {"system": "http://hl7.org/fhir/CodeSystem/medication-statement-adherence", "code": _ADHERENCE[status]}
        told["adherence"] = {"code": {"coding": [code]}, **({"reason": _items(reason)[0]} if reason else {})}
    return _each(_refuse(told, "taken"), "dosage", _r5_dosage)


def _r5_administration(resource: Json) -> Json:
    moved = _moved(
        _r5_drug(resource),
        effectiveDateTime="occurenceDateTime",
        effectivePeriod="occurencePeriod",
        context="encounter",
    )
    return _refuse(moved, "effectiveTimeDateTime")


def _r5_dispense(resource: Json) -> Json:
    told = _moved(_r5_drug(resource), context="encounter")
    if "statusReasonCodeableConcept" in told:
        told["notPerformedReason"] = {"concept": told.pop("statusReasonCodeableConcept")}
    return _each(told, "dosageInstruction", _r5_dosage)


def _r5_service(resource: Json) -> Json:
    told = _r5_drug(resource)
    return {**told, **({"code": {"concept": told["code"]}} if "code" in told else {})}


def _r5_condition(resource: Json) -> Json:
    _object(resource, "clinicalStatus", "verificationStatus")
    return _refuse(
        _moved(resource, asserter="", recorder=""), "abatementBoolean", "assertedDate", "dateRecorded", "context"
    )


def _object(resource: Json, *names: str) -> None:
    if any(not isinstance(resource.get(name, {}), dict) for name in names):
        raise Untranslatable("a status that is no CodeableConcept")


def _r5_allergy(resource: Json) -> Json:
    _object(resource, "clinicalStatus", "verificationStatus")
    told = _moved(resource, asserter="", recorder="")
    return {**told, **({"type": {"coding": [{"code": told["type"]}]}} if "type" in told else {})}


def _r5_medication(resource: Json) -> Json:
    told = _moved(resource, form="doseForm", manufacturer="", amount="")
    return _each(told, "ingredient", _r5_ingredient)


def _r5_ingredient(ingredient: Json) -> Json:
    told = dict(ingredient)
    for name, part in (("itemCodeableConcept", "concept"), ("itemReference", "reference")):
        if name in told:
            told["item"] = {part: told.pop(name)}
    return told


# STU3 and DSTU2


def _stu3_dosage(dosage: Json) -> Json:
    told = dict(dosage)
    rates = told.pop("doseAndRate", [])
    if len(rates) > 1:
        raise Untranslatable("two doses")
    return {**told, **(_moved(rates[0], type="") if rates else {})}


# Elements of an order that STU3 and DSTU2 have not.
_NOT_BEFORE_R4 = ("statusReason", "doNotPerform", "statusChanged", "medication", "instantiatesUri")


def _stu3_request(resource: Json) -> Json:
    told = _refuse(_moved(resource, encounter="context"), *_NOT_BEFORE_R4)
    told = {key: value for key, value in told.items() if key not in {"reportedBoolean", "courseOfTherapyType"}}
    _only(told.get("intent"), "proposal", "plan", "order", "instance-order", None)
    if "category" in told:
        told["category"] = _items(told["category"])[0]
    if "requester" in told:
        told["requester"] = {"agent": told["requester"]}
    _items(told.get("reasonCode", []))
    return _each(told, "dosageInstruction", _stu3_dosage)


def _stu3_statement(resource: Json) -> Json:
    told = _refuse(resource, "statusReason", "adherence", "medication")
    taken = told.pop("taken", "n" if told.get("status") == "not-taken" else "y")
    if told.get("status") == "not-taken":
        told["status"] = "active"
    _only(told.get("status"), "active", "completed", "entered-in-error", "intended", "stopped", "on-hold")
    return _each({**told, "taken": taken}, "dosage", _stu3_dosage)


def _stu3_administration(resource: Json) -> Json:
    told = _refuse(_moved(resource, request="prescription"), "statusReason", "medication", "occurenceDateTime")
    told = _refuse(told, "occurencePeriod", "effectiveTimeDateTime")
    if told.get("status") == "not-done":
        told |= {"status": "completed", "notGiven": True}
    return told


def _stu3_dispense(resource: Json) -> Json:
    told = _refuse(resource, "statusReasonCodeableConcept", "medication")
    if told.get("status") == "declined":
        told |= {"status": "stopped", "notDone": True}
    _only(told.get("status"), "preparation", "in-progress", "on-hold", "completed", "entered-in-error", "stopped", None)
    return _each(told, "dosageInstruction", _stu3_dosage)


def _stu3_service(resource: Json) -> Json:
    told = _moved(resource, encounter="context")
    if "requester" in told:
        told["requester"] = {"agent": told["requester"]}
    _only(told.get("status"), "draft", "active", "completed", "entered-in-error")
    return {**told, "resourceType": "ProcedureRequest"}


def _code(resource: Json, name: str) -> Json:
    """Write the code of a CodeableConcept in its place."""
    if name not in resource:
        return resource
    (coding,) = resource[name]["coding"]
    return {**resource, name: coding["code"]}


def _stu3_condition(resource: Json) -> Json:
    told = _code(_code(resource, "clinicalStatus"), "verificationStatus")
    told = _moved(told, recordedDate="assertedDate", encounter="context", recorder="")
    _only(
        told.get("verificationStatus"), "provisional", "differential", "confirmed", "refuted", "entered-in-error", None
    )
    _only(told.get("clinicalStatus"), "active", "recurrence", "inactive", "remission", "resolved", None)
    return _refuse(told, "dateRecorded")


def _stu3_allergy(resource: Json) -> Json:
    told = _code(_code(resource, "clinicalStatus"), "verificationStatus")
    return _refuse(_moved(told, recordedDate="assertedDate"), "encounter", "substance", "status")


def _dstu2_dosage(dosage: Json) -> Json:
    told = _refuse(_stu3_dosage(dosage), "sequence")
    if "timing" in told and "repeat" in told["timing"]:
        repeat = _refuse(told["timing"]["repeat"], "dayOfWeek")
        told["timing"] = {
            **told["timing"],
            "repeat": _moved(repeat, periodUnit="periodUnits", boundsDuration="boundsQuantity"),
        }
    return _moved(told, additionalInstruction="", patientInstruction="", site="siteCodeableConcept")


def _dstu2_request(resource: Json) -> Json:
    told = _moved(
        resource, subject="patient", authoredOn="dateWritten", statusReason="reasonEnded", requester="prescriber"
    )
    told = _moved(told, reportedBoolean="", courseOfTherapyType="", category="")
    told = _refuse(told, *set(_NOT_BEFORE_R4) - {"statusReason"})
    _only(told.pop("intent", None), "order", "instance-order", None)
    _only(told.get("status"), "active", "on-hold", "completed", "entered-in-error", "stopped", "draft", None)
    reasons = _items(told.pop("reasonCode", []))
    references = _items(told.pop("reasonReference", []))
    if len(reasons) + len(references) > 1:
        raise Untranslatable("two reasons")
    told |= {"reasonCodeableConcept": reasons[0]} if reasons else {}
    told |= {"reasonReference": references[0]} if references else {}
    return _each({**told, "resourceType": "MedicationOrder"}, "dosageInstruction", _dstu2_dosage)


def _dstu2_statement(resource: Json) -> Json:
    told = _refuse(_moved(resource, subject="patient"), "statusReason", "adherence", "medication", "taken", "context")
    if told.get("status") == "not-taken":
        told |= {"status": "active", "wasNotTaken": True}
    _only(told.get("status"), "active", "completed", "entered-in-error", "intended")
    reasons = _items(told.pop("reasonCode", []))
    if len(reasons) > 1 or "reasonReference" in told:
        raise Untranslatable("two reasons")
    told |= {"reasonForUseCodeableConcept": reasons[0]} if reasons else {}
    return _each(told, "dosage", lambda item: _moved(_dstu2_dosage(item), doseQuantity="quantityQuantity"))


def _dstu2_administration(resource: Json) -> Json:
    names = {
        "effectiveDateTime": "effectiveTimeDateTime",
        "effectivePeriod": "effectiveTimePeriod",
        "context": "encounter",
    }
    told = _moved(resource, subject="patient", reasonCode="reasonGiven", request="prescription", **names)
    told = _refuse(told, "statusReason", "medication", "reasonReference", "occurenceDateTime", "occurencePeriod")
    if told.get("status") == "not-done":
        told |= {"status": "completed", "wasNotGiven": True}
    _only(told.get("status"), "in-progress", "on-hold", "completed", "entered-in-error", "stopped")
    if "dosage" in told:
        told["dosage"] = _moved(told["dosage"], dose="quantity", site="siteCodeableConcept")
    return told


def _dstu2_dispense(resource: Json) -> Json:
    told = _refuse(
        _moved(resource, subject="patient", performer=""), "statusReasonCodeableConcept", "medication", "context"
    )
    _only(told.get("status"), "in-progress", "on-hold", "completed", "entered-in-error", "stopped", None)
    return _each(told, "dosageInstruction", _dstu2_dosage)


def _dstu2_service(resource: Json) -> Json:
    told = _refuse(_moved(resource, authoredOn="orderedOn", requester="orderer"), "doNotPerform", "reasonReference")
    told.pop("intent", None)
    reasons = _items(told.pop("reasonCode", []))
    _only(told.get("status"), "draft")
    _only(len(reasons), 0, 1)
    told |= {"reasonCodeableConcept": reasons[0]} if reasons else {}
    return {**told, "resourceType": "ProcedureRequest"}


def _dstu2_condition(resource: Json) -> Json:
    told = _code(_code(resource, "clinicalStatus"), "verificationStatus")
    told = _moved(told, subject="patient", recordedDate="dateRecorded", recorder="", category="")
    _only(
        told.get("verificationStatus"), "provisional", "differential", "confirmed", "refuted", "entered-in-error", None
    )
    _only(told.get("clinicalStatus"), "active", "relapse", "remission", "resolved", None)
    _only(len(told.get("dateRecorded", "2026-01-01")), 4, 7, 10)
    return _refuse(told, "assertedDate", "context")


def _dstu2_allergy(resource: Json) -> Json:
    told = _moved(_code(_code(resource, "clinicalStatus"), "verificationStatus"), code="substance")
    clinical, verified = told.pop("clinicalStatus", None), told.pop("verificationStatus", None)
    told["status"] = verified if verified in {"refuted", "entered-in-error"} or clinical == "active" else clinical
    if told["status"] is None:
        raise Untranslatable("no status")
    return told


def _dstu2_medication(resource: Json) -> Json:
    told = _refuse(resource, "status")
    product: Json = {"form": told.pop("form")} if "form" in told else {}
    if "ingredient" in told:
        product["ingredient"] = [
            {"item": _refuse(dict(item), "itemCodeableConcept").pop("itemReference")} for item in told.pop("ingredient")
        ]
    return {**told, **({"product": product} if product else {})}


_OF_R5: Mapping[str, _Translate] = {
    "MedicationRequest": _r5_request,
    "MedicationStatement": _r5_statement,
    "MedicationAdministration": _r5_administration,
    "MedicationDispense": _r5_dispense,
    "ServiceRequest": _r5_service,
    "Condition": _r5_condition,
    "AllergyIntolerance": _r5_allergy,
    "Medication": _r5_medication,
}
_OF_STU3: Mapping[str, _Translate] = {
    "MedicationRequest": _stu3_request,
    "MedicationStatement": _stu3_statement,
    "MedicationAdministration": _stu3_administration,
    "MedicationDispense": _stu3_dispense,
    "ServiceRequest": _stu3_service,
    "Condition": _stu3_condition,
    "AllergyIntolerance": _stu3_allergy,
    "Medication": dict,
}
_OF_DSTU2: Mapping[str, _Translate] = {
    "MedicationRequest": _dstu2_request,
    "MedicationStatement": _dstu2_statement,
    "MedicationAdministration": _dstu2_administration,
    "MedicationDispense": _dstu2_dispense,
    "ServiceRequest": _dstu2_service,
    "Condition": _dstu2_condition,
    "AllergyIntolerance": _dstu2_allergy,
    "Medication": _dstu2_medication,
}
_TRANSLATE: Mapping[FhirVersion, Mapping[str, _Translate]] = {
    version: {kind: _with_contained(translate, table) for kind, translate in table.items()}
    for version, table in ((FhirVersion.R5, _OF_R5), (FhirVersion.STU3, _OF_STU3), (FhirVersion.DSTU2, _OF_DSTU2))
} | {FhirVersion.R4: {}}
