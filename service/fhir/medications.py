"""Medication resources to medication facts: second look at what the first one found to be of interest."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import msgspec

from cards.model import Code, DoseStep, Kind, MedicationFact, Origin, StatedOutcome
from cards.recognise import Named, Recogniser
from service.fhir import systems
from service.fhir.dates import first_day, is_partial, last_day
from service.fhir.dosage import Timing, days_of, number, timing
from service.fhir.dose import dose_steps, given_step, supplied_step
from service.fhir.library import Drug
from service.fhir.modifiers import MODIFIED, is_modified
from service.fhir.negation import is_not_taken, stated_status, status_word
from service.fhir.parse import Parsed, parse
from service.fhir.references import is_of_other_patient, subject_is_unclear, target
from service.fhir.scan import Scan
from service.fhir.versions import Writing
from service.wire import Deviation, resource_id

KINDS: Mapping[str, Kind] = {
    "MedicationRequest": Kind.REQUEST,
    "MedicationOrder": Kind.REQUEST,
    "MedicationStatement": Kind.STATEMENT,
    "MedicationAdministration": Kind.ADMINISTRATION,
    "MedicationDispense": Kind.DISPENSE,
}
# What was recorded with one of these was no therapy.
NEVER = frozenset({"entered-in-error", "cancelled", "not-done", "declined"})
# A ProcedureRequest is what a ServiceRequest was before R4. A DSTU2 DiagnosticOrder orders tests only, no drug.
DRAFT_KINDS: Mapping[str, Kind] = {**KINDS, "ServiceRequest": Kind.REQUEST, "ProcedureRequest": Kind.REQUEST}
_ENDED = frozenset({"stopped", "ended"})
# A reason explains the status that it stands beside; on an order in force it is a leftover of another status.
_EXPLAINED = _ENDED | {"completed", "on-hold"}
_DATES = ("effectiveDateTime", "whenHandedOver", "whenPrepared", "dateAsserted")


class Reading(msgspec.Struct, frozen=True):
    """A fact and what was odd about its resource."""

    fact: MedicationFact
    deviations: tuple[Deviation, ...] = ()


def status_of(scan: Scan) -> str | None:
    """Return the status as the first look sees it, in the words of the medication statuses."""
    status = scan.status.strip() or None if isinstance(scan.status, str) else None
    return status_word(status, scan.resource_type)


def medication_fact(
    resource: Mapping[str, Any],
    scan: Scan,
    drug: Drug,
    named: Named,
    ref: str,
    origin: Origin,
    patient: str,
    recogniser: Recogniser,
    writing: Writing,
) -> Reading:
    """Read a medication resource through its model in the version that `writing` says.

    `scan`, `drug` and `named` are the first look at it. A resource that the model refuses even when repaired becomes a
    fact of its drug and status only.
    """
    parsed = parse(resource, writing.shape)
    members = _members(parsed, resource, scan) if parsed.model is not None else _Members(_bare(resource, scan))
    goes = drug.goes()
    recognition = recogniser.placed(named, goes.codes, goes.texts, members.values.get("interval_days"))
    reasons = tuple(dict.fromkeys((*members.values.pop("reasons", ()), *_contained_reasons(parsed, scan))))
    single = recognition.recognised[0].ingredient if len(recognition.recognised) == 1 else None
    doubts = (
        *parsed.doubts,
        *members.doubts,
        *((MODIFIED,) if drug.modified or is_modified(resource) else ()),
        *(("subject cannot be compared with the patient",) if subject_is_unclear(scan, patient) else ()),
    )
    fact = MedicationFact(
        ref=ref,
        kind=DRAFT_KINDS[scan.resource_type or ""],
        origin=origin,
        recognised=recognition.recognised,
        id=resource_id(resource),
        other_patient=is_of_other_patient(scan, patient),
        text=drug.text,
        disagreement=recognition.disagreement,
        reasons=reasons,
        reason_groups=recogniser.condition(reasons)[0],
        steps=_steps(parsed, recogniser.strength(single, drug.codes, drug.names), members.values)
        if single and recogniser.followed in (None, single)
        else (),
        outcomes=_outcomes(parsed, members.values.get("status"), reasons, recogniser),
        doubts=tuple(dict.fromkeys(doubts)),
        **members.values,
    )
    return Reading(fact, deviations_of(parsed))


def deviations_of(parsed: Parsed) -> tuple[Deviation, ...]:
    """Name what had to be done to read a resource."""
    if parsed.model is None:
        return (Deviation.RESOURCE_CODES_ONLY,)
    repaired = (Deviation.RESOURCE_REPAIRED,) if parsed.doubts else ()
    return (*repaired, Deviation.RESOURCE_TYPES) if parsed.reshaped else repaired


class _Members(msgspec.Struct, frozen=True):
    values: dict[str, Any]
    doubts: tuple[str, ...] = ()


def _bare(resource: Mapping[str, Any], scan: Scan) -> dict[str, Any]:
    status = stated_status(resource, status_of(scan))
    return {
        "status": status,
        "intent": scan.intent,
        "do_not_perform": bool(scan.do_not_perform),
        "not_taken": is_not_taken(resource, status),
    }


def _members(parsed: Parsed, resource: Mapping[str, Any], scan: Scan) -> _Members:
    special = _READERS[scan.resource_type or ""](parsed, resource)
    status = stated_status(resource, parsed.get("status"))
    reasons = [concept for concept in parsed.get("reasonCode") or () if concept is not None]
    values = {
        "status": status,
        "not_taken": is_not_taken(resource, status),
        "do_not_perform": bool(scan.do_not_perform),
        "last_updated": first_day(getattr(parsed.get("meta"), "lastUpdated", None)),
        "reasons": codes_in(reasons),
        "reason_refs": tuple(ref for ref in map(target, parsed.get("reasonReference") or ()) if ref),
        **special,
    }
    return _Members(values, tuple(f"{name} states no day" for name in _DATES if is_partial(parsed.get(name))))


def _contained_reasons(parsed: Parsed, scan: Scan) -> tuple[Code, ...]:
    """Return the codes of reasons that are contained in the resource itself."""
    wanted = {str(item.reference)[1:] for item in parsed.get("reasonReference") or () if _is_local(item)}
    found = [item for item in scan.contained or () if item.id and item.id.lstrip("#") in wanted]
    return tuple(code for item in found for code in systems.concept_codes(item.code))


def _is_local(reference: Any) -> bool:
    return str(getattr(reference, "reference", None) or "").startswith("#")


def _steps(parsed: Parsed, strength: float | None, members: Mapping[str, Any]) -> tuple[DoseStep, ...]:
    """Return the dose levels of a resource of one ingredient; empty means unknown."""
    if (dosage := parsed.get("dosage")) is not None and not isinstance(dosage, list):
        return given_step(dosage.dose, strength, members.get("given"))
    stated = dose_steps(parsed.get("dosageInstruction") or dosage or (), strength)
    if stated or parsed.get("dosageInstruction"):
        return stated
    return supplied_step(parsed.get("quantity"), members.get("supply_days"), strength)


def _outcomes(
    parsed: Parsed, status: str | None, reasons: Sequence[Code], recogniser: Recogniser
) -> tuple[StatedOutcome, ...]:
    """Return what the reasons of a status say; that of an order counts, by its code, only once it is stopped."""
    if status not in _EXPLAINED:
        return ()
    stated: Any = parsed.get("statusReason") or parsed.get("statusReasonCodeableConcept")
    concepts = [item for item in (stated if isinstance(stated, list) else [stated]) if item is not None]
    codings = [coding for item in concepts for coding in item.coding or () if coding is not None]
    texts = [text for text in (*(item.text for item in concepts), *(item.display for item in codings)) if text]
    ended = reasons if status in _ENDED else ()
    return recogniser.stated_outcomes((*codes_in(concepts), *ended), texts)


def codes_in(concepts: Sequence[Any]) -> tuple[Code, ...]:
    """Return the codes of CodeableConcepts that are of a system of ours, each once."""
    codings = [coding for concept in concepts if concept is not None for coding in concept.coding or () if coding]
    return tuple(dict.fromkeys(code for coding in codings for code in systems.codes(coding.system, coding.code)))


def _request(parsed: Parsed, resource: Mapping[str, Any]) -> dict[str, Any]:
    supply = parsed.get("dispenseRequest")
    authored = first_day(parsed.get("authoredOn"))
    quantity = getattr(supply, "quantity", None)
    dosage = timing(parsed.get("dosageInstruction") or (), authored, quantity)
    return {
        **_ordered(parsed, authored),
        **_timed(dosage, last_day(resource.get("dateEnded"))),
        "status_changed": first_day(resource.get("statusChanged") or resource.get("dateEnded")),
        "validity_end": last_day(getattr(getattr(supply, "validityPeriod", None), "end", None)),
        "supply_days": days_of(getattr(supply, "expectedSupplyDuration", None)),
        "repeats": getattr(supply, "numberOfRepeatsAllowed", None) or 0,
        "quantity": number(quantity),
        "daily_units": dosage.daily_units,
        "prior_prescription": target(parsed.get("priorPrescription")),
    }


def _ordered(parsed: Parsed, authored: date | None) -> dict[str, Any]:
    return {
        "intent": parsed.get("intent"),
        "authored": authored,
    }


def _timed(dosage: Timing, ended: date | None) -> dict[str, Any]:
    """Return start, end and interval; DSTU2 states beside the dosages when the prescription ended."""
    return {"start": dosage.start, "end": ended or dosage.end, "interval_days": dosage.interval_days}


def _service_request(parsed: Parsed, _: Mapping[str, Any]) -> dict[str, Any]:
    return _ordered(parsed, first_day(parsed.get("authoredOn")))


def _statement(parsed: Parsed, _: Mapping[str, Any]) -> dict[str, Any]:
    period = parsed.get("effectivePeriod")
    stated = period.start if period is not None else parsed.get("effectiveDateTime")
    return {
        "start": first_day(stated),
        "end": last_day(period.end) if period is not None else None,
        "asserted": last_day(parsed.get("dateAsserted")),
        "interval_days": timing(parsed.get("dosage") or (), None).interval_days,
    }


def _administration(parsed: Parsed, _: Mapping[str, Any]) -> dict[str, Any]:
    period = parsed.get("effectivePeriod")
    # A dose dated to a month counts from the first day: the last could lie in the future, and then it would not count.
    during = last_day(period.end) or first_day(period.start) if period is not None else None
    return {"given": during or first_day(parsed.get("effectiveDateTime"))}


def _dispense(parsed: Parsed, _: Mapping[str, Any]) -> dict[str, Any]:
    quantity = parsed.get("quantity")
    dosage = timing(parsed.get("dosageInstruction") or (), None, quantity)
    return {
        "given": first_day(parsed.get("whenHandedOver")) or first_day(parsed.get("whenPrepared")),
        "supply_days": days_of(parsed.get("daysSupply")),
        "quantity": number(quantity),
        "daily_units": dosage.daily_units,
        "interval_days": dosage.interval_days,
    }


_READERS: Mapping[str, Callable[[Parsed, Mapping[str, Any]], dict[str, Any]]] = {
    "MedicationRequest": _request,
    "MedicationOrder": _request,
    "MedicationStatement": _statement,
    "MedicationAdministration": _administration,
    "MedicationDispense": _dispense,
    "ServiceRequest": _service_request,
    "ProcedureRequest": _service_request,
}
