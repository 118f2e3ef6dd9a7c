"""Problems, allergies and the patient: resources to facts."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import msgspec

from cards.model import AllergyFact, Code, ConditionFact
from cards.recognise import Recogniser
from service.fhir import r4, systems
from service.fhir.dates import first_day, last_day
from service.fhir.medications import deviations_of
from service.fhir.modifiers import MODIFIED, is_modified
from service.fhir.parse import Parsed, parse
from service.fhir.references import is_of_other_patient
from service.fhir.scan import Concept, EitherMedication, Scan
from service.fhir.versions import Writing
from service.wire import Deviation, last_two

_ABATED = ("abatementBoolean", "abatementString", "abatementAge", "abatementRange")
_INACTIVE = frozenset({"inactive", "resolved"})
_UNTRUE = frozenset({"refuted", "entered-in-error"})


def problem_codes(scan: Scan) -> tuple[Code, ...]:
    """Return the codes of a problem that are of a system of ours."""
    return systems.concept_codes(scan.code)


def _names(concept: Concept | EitherMedication | None) -> list[str]:
    if concept is None:
        return []
    if isinstance(concept, EitherMedication) and concept.concept is not None:
        return _names(concept.concept)
    texts = (concept.text, *(item.display for item in concept.coding or ()))
    return [text for text in texts if text]


class ConditionReading(msgspec.Struct, frozen=True):
    """A problem and what was odd about its resource."""

    fact: ConditionFact
    deviations: tuple[Deviation, ...] = ()


def condition_fact(
    resource: Mapping[str, Any],
    scan: Scan,
    ref: str,
    patient: str,
    groups: tuple[str, ...],
    by: Code | None,
    writing: Writing,
) -> ConditionReading:
    """Read a problem through its model in the version that `writing` says; the first look found its groups."""
    parsed = parse(resource, writing.shape)
    unknown_end = any(resource.get(name) not in (None, False) for name in _ABATED)
    doubts = (
        *parsed.doubts,
        *(("abated, date not stated",) if unknown_end else ()),
        *((MODIFIED,) if is_modified(resource) else ()),
    )
    encounter = getattr(parsed.get("encounter"), "reference", None)
    fact = ConditionFact(
        ref=ref,
        groups=groups,
        clinical_status=_status(parsed, resource, "clinicalStatus"),
        verification_status=_status(parsed, resource, "verificationStatus"),
        onset=_onset(parsed),
        abated=_abated(parsed),
        recorded=first_day(parsed.get("recordedDate")),
        encounter=last_two(encounter).rpartition("/")[2] or None if encounter else None,
        by=by,
        other_patient=is_of_other_patient(scan, patient),
        doubts=doubts,
    )
    return ConditionReading(fact, deviations_of(parsed))


def _status(parsed: Parsed, resource: Mapping[str, Any], name: str) -> str | None:
    """Return the code of a status; a plain text is the code itself, as before R4."""
    if isinstance(plain := resource.get(name), str) and plain:
        return plain
    concept = parsed.get(name)
    if isinstance(concept, str):
        return concept
    codes = [coding.code for coding in concept.coding or () if coding and coding.code] if concept else []
    return codes[0] if codes else None


def _onset(parsed: Parsed) -> date | None:
    period = parsed.get("onsetPeriod")
    return first_day(period.start if period is not None else parsed.get("onsetDateTime"))


def _abated(parsed: Parsed) -> date | None:
    period = parsed.get("abatementPeriod")
    return last_day(period.end if period is not None else parsed.get("abatementDateTime"))


def allergy_fact(
    resource: Mapping[str, Any], scan: Scan, ref: str, ingredients: tuple[str, ...], writing: Writing
) -> tuple[AllergyFact, tuple[Deviation, ...]]:
    """Read an allergy to ingredients of the catalogue; refuted, resolved and erroneous ones are not active."""
    parsed = parse(resource, writing.shape)
    clinical = _status(parsed, resource, "clinicalStatus")
    # Before STU3 one status said both.
    known = {
        clinical,
        _status(parsed, resource, "verificationStatus"),
        resource.get("status") if _plain(scan) else None,
    }
    active = known.isdisjoint(_INACTIVE | _UNTRUE)
    return AllergyFact(ref, ingredients, active), deviations_of(parsed)


def _plain(scan: Scan) -> bool:
    return isinstance(scan.status, str)


def allergy_ingredients(scan: Scan, recogniser: Recogniser) -> tuple[str, ...]:
    """Return the ingredients of the catalogue that an allergy names, in its code or in a reaction."""
    concepts: list[Concept | EitherMedication | None] = [scan.code, scan.substance]
    for reaction in scan.reaction or ():
        concepts += reaction.substance if isinstance(reaction.substance, list) else [reaction.substance]
    found = [
        recogniser.medication(systems.concept_codes(item, recogniser.local), _names(item)).recognised
        for item in concepts
        if item is not None
    ]
    return tuple(dict.fromkeys(item.ingredient for group in found for item in group))


def birth_date(resource: Mapping[str, Any]) -> date | None:
    """Read a birth date; a partial one is the last possible day, so that nobody is taken to be of age too early."""
    return last_day(parse(resource, r4.SHAPE).get("birthDate"))
