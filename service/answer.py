"""A hook request to a hook response: the order of the steps, and nothing else.

Blueprint, command line and replay all call `answer`; it knows no HTTP and no clock.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from types import MappingProxyType

from cards import Assessment, Catalogue, Policy, Question, Recogniser, evaluate, load_catalogue
from cards.model import LOUD, Card, Gap, Hook, Indicator, Link, PatientRecord, Recognised, Suggestion
from service import wire
from service.discovery import Service
from service.errors import DataUnavailable, InvalidRequest
from service.fhir import (
    ChartReading,
    Draft,
    Drafts,
    MedicationLibrary,
    draft_facts,
    read_chart,
    scan_drafts,
    version_of_all,
)
from service.prefetch import Prefetched, collect
from service.settings import ANYONE, Client, Settings
from service.trust import Profile
from service.wire import FhirVersion, HookRequest, Reshaped

EVIDENCE_LINK = "All evidence behind this card, with its verification state"
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:upadacitinib-cds:card")


@dataclass(frozen=True, slots=True)
class Options:
    """What a site chose that bears on an answer."""

    jurisdiction: str = "us"
    policy: Policy = field(default_factory=Policy)
    card_when_unobtainable: bool = False
    public_base_url: str | None = None
    profile: Profile = "spec"


@dataclass(frozen=True)
class Engine:
    """Knowledge, its recogniser, and the site's options: made once, used by every call."""

    catalogue: Catalogue
    recogniser: Recogniser
    options: Options = Options()

    @cached_property
    def scope(self) -> frozenset[str]:
        """Return the ingredients that the enabled rules of the site's jurisdiction speak of."""
        return self.catalogue.in_scope(self.options.jurisdiction, self.options.policy.disabled)


@dataclass(frozen=True, slots=True)
class DraftTrace:
    """What the first look made of one draft, `look`; `asked` says that the call is about it.

    `unidentified` says that a drug was chosen which nothing names.
    """

    ref: str
    asked: bool
    orders: bool
    recognised: tuple[Recognised, ...]
    unresolved: bool
    unidentified: bool
    look: Draft = field(repr=False)


@dataclass(frozen=True, slots=True)
class Trace:
    """What a call brought, for `explain`: the drafts, the prefetch keys, and how many resources of each type.

    `versions` counts what was read of the record by its FHIR version; actions are written in `answered_in`.
    """

    service: str
    hook: str
    drafts: tuple[DraftTrace, ...]
    prefetch: tuple[str, ...]
    read: Mapping[str, int] = field(default_factory=dict)
    versions: Mapping[FhirVersion, int] = field(default_factory=dict)
    answered_in: FhirVersion | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A hook response and what to count of it.

    `outcome` is `out-of-scope`, `complete` or `incomplete`; `assessment` is None where the call was out of scope.
    `silent` says that the client is kept silent: then nothing of the assessment is shown. `profile` is that of the
    client, `reshaped` what it changed of the cards.
    """

    body: bytes
    outcome: str
    trace: Trace
    rules: tuple[str, ...] = ()
    indicators: tuple[str, ...] = ()
    deviations: tuple[str, ...] = ()
    unidentified: int = 0
    assessment: Assessment | None = None
    silent: bool = False
    profile: Profile = "spec"
    reshaped: Mapping[Reshaped, int] = field(default_factory=dict)


def build_engine(settings: Settings) -> Engine:
    """Load the knowledge that the settings name; raises KnowledgeError with every problem of it."""
    catalogue = load_catalogue(settings.knowledge)
    ceilings = tuple((rule, Indicator(value)) for rule, value in settings.indicator_ceiling.items())
    silent = frozenset(settings.silent_rules)
    policy = Policy(frozenset(settings.disabled_rules), ceilings, silent, settings.options)
    options = Options(
        settings.jurisdiction, policy, settings.unobtainable == "card", settings.public_base_url, settings.profile
    )
    return Engine(catalogue, Recogniser(catalogue), options)


def answer(body: bytes, service: Service, *, engine: Engine, on: date, client: Client = ANYONE) -> Answer:
    """Answer one hook call of a client as of the day `on`.

    An order that is none of ours is answered without a look at the prefetch. Raises InvalidRequest for a request that
    cannot be understood and DataUnavailable where data that the answer needs cannot be had.
    """
    profile = _profile(client, engine)
    request = wire.read_request(body, service)
    library = MedicationLibrary.of_drafts(request.drafts, request.full_urls)
    hint = request.fhir_version
    drafts = scan_drafts(request.drafts, request.patient, library, engine.recogniser, hint)
    asked = _asked(request, drafts)
    if not _in_scope(request, asked, engine) and not _unresolved(asked):
        return _out_of_scope(request, drafts, asked, service, profile)
    prefetched = collect(request)
    if drafts.unresolved:
        library = library.extended(prefetched.resources)
        drafts = scan_drafts(request.drafts, request.patient, library, engine.recogniser, hint)
        asked = _asked(request, drafts)
    if not _in_scope(request, asked, engine) and not _unresolved(asked):
        return _out_of_scope(request, drafts, asked, service, profile)
    _refuse_other_patient(drafts, engine)
    return _assessed(body, request, drafts, asked, prefetched, library, service, engine, on, client)


def _profile(client: Client, engine: Engine) -> Profile:
    return engine.options.profile if client is ANYONE else client.profile


def _out_of_scope(
    request: HookRequest, drafts: Drafts, asked: tuple[Draft, ...], service: Service, profile: Profile
) -> Answer:
    body = wire.write_response((), _no_ids)
    trace = _trace(request, drafts, asked, service)
    return Answer(body, "out-of-scope", trace, deviations=request.deviations, profile=profile)


def _trace(
    request: HookRequest,
    drafts: Drafts,
    asked: tuple[Draft, ...],
    service: Service,
    read: Mapping[str, int] = MappingProxyType({}),
    versions: Mapping[FhirVersion, int] = MappingProxyType({}),
    answered_in: FhirVersion | None = None,
) -> Trace:
    refs = {draft.ref for draft in asked}
    looks = tuple(
        DraftTrace(
            draft.ref, draft.ref in refs, draft.orders, draft.recognised, draft.unresolved, draft.unidentified, draft
        )
        for draft in drafts.items
    )
    return Trace(service.id, request.hook, looks, tuple(request.prefetch or ()), read, versions, answered_in)


def _asked(request: HookRequest, drafts: Drafts) -> tuple[Draft, ...]:
    """Return the drafts that the call is about: at order-select the selected ones, else all."""
    if request.selections is None:
        return drafts.items
    return tuple(draft for draft in drafts.items if draft.ref in request.selections)


def _in_scope(request: HookRequest, asked: tuple[Draft, ...], engine: Engine) -> bool:
    """Say whether a call needs the record: an order of ours does, and every chart that is opened (brief section 7)."""
    scope = engine.scope
    if request.hook == Hook.PATIENT_VIEW:
        return bool(scope)
    return any(
        item.systemic and item.ingredient in scope for draft in asked if draft.orders for item in draft.recognised
    )


def _unresolved(asked: tuple[Draft, ...]) -> bool:
    return any(draft.unresolved and draft.orders for draft in asked)


def _refuse_other_patient(drafts: Drafts, engine: Engine) -> None:
    scope = engine.scope
    for draft in drafts.items:
        if draft.other_patient and any(item.ingredient in scope for item in draft.recognised):
            raise InvalidRequest(
                "context.draftOrders holds an order of another patient: send the orders of context.patientId only."
            )


def _assessed(
    body: bytes,
    request: HookRequest,
    drafts: Drafts,
    asked: tuple[Draft, ...],
    prefetched: Prefetched,
    library: MedicationLibrary,
    service: Service,
    engine: Engine,
    on: date,
    client: Client,
) -> Answer:
    ordered = draft_facts(drafts)
    chart = read_chart(prefetched.resources, request.patient, library, engine.recogniser, request.fhir_version)
    version = version_of_all(ordered.writings, chart.writings, request.fhir_version)
    record = PatientRecord(
        patient=request.patient,
        medications=(*ordered.medications, *chart.medications),
        conditions=chart.conditions,
        allergies=chart.allergies,
        birth_date=chart.birth_date,
        encounter=request.encounter,
        gaps=_gaps(prefetched, chart, drafts),
        unidentified=chart.unidentified,
    )
    options = engine.options
    selections = None if request.selections is None else frozenset(request.selections)
    question = Question(on, Hook(request.hook), options.jurisdiction, selections, options.policy)
    assessment = evaluate(record, engine.catalogue, question)
    shown = () if client.silent else assessment.cards
    if not assessment.findings and not options.card_when_unobtainable:
        _refuse_unobtainable(record, asked)
    shape = wire.shaped(_linked(shown, engine), _profile(client, engine))
    return Answer(
        body=_written(shape.cards, body, request, service, version),
        outcome="complete" if assessment.complete else "incomplete",
        trace=_trace(request, drafts, asked, service, chart.counts, chart.versions, version),
        rules=tuple(finding.rule for finding in assessment.findings),
        indicators=tuple(card.indicator.value for card in shown),
        deviations=(*request.deviations, *prefetched.deviations, *ordered.deviations, *chart.deviations),
        unidentified=assessment.gaps.get(Gap.MEDICATION_UNIDENTIFIED, 0),
        assessment=assessment,
        silent=client.silent,
        profile=_profile(client, engine),
        reshaped=shape.changes,
    )


def _linked(cards: tuple[Card, ...], engine: Engine) -> tuple[Card, ...]:
    """Return the cards with what the site's public address adds: a warning of a rule leads to its evidence."""
    base, rules = engine.options.public_base_url, engine.catalogue.rules
    if base is None:
        return cards
    return tuple(
        replace(card, links=(*card.links, Link(EVIDENCE_LINK, f"{base}/evidence/{card.key}")))
        if card.key in rules and card.indicator in LOUD
        else card
        for card in cards
    )


def _written(
    cards: tuple[Card, ...], body: bytes, request: HookRequest, service: Service, version: FhirVersion
) -> bytes:
    sent = wire.drafts_as_sent(body) if wire.has_update(cards) else {}
    return wire.write_response(cards, _Ids(service.id, request), wire.Session(request.patient, sent, version))


def _gaps(prefetched: Prefetched, chart: ChartReading, drafts: Drafts) -> Mapping[Gap, int]:
    """Return what is missing, whoever noticed it, in one count by kind."""
    gaps = dict(prefetched.gaps)
    for gap, count in chart.gaps.items():
        gaps[gap] = gaps.get(gap, 0) + count
    if unknown := sum(draft.orders for draft in drafts.unidentified):
        gaps[Gap.MEDICATION_UNIDENTIFIED] = gaps.get(Gap.MEDICATION_UNIDENTIFIED, 0) + unknown
    return gaps


def _refuse_unobtainable(record: PatientRecord, asked: tuple[Draft, ...]) -> None:
    """Say 412 where silence could read as an all-clear (CDS Hooks 2.0.1, Prefetch Template)."""
    if _unresolved(asked):
        raise DataUnavailable(
            "context.draftOrders holds an order whose Medication reference leads to nothing that was sent: "
            "send the Medication in the Bundle or the prefetch, or a code or text in the order."
        )
    if Gap.MEDICATIONS_ABSENT in record.gaps:
        raise DataUnavailable(
            "prefetch holds no medication list: send at least one of medicationRequests, medicationStatements, "
            "medicationAdministrations and medicationDispenses."
        )


def _no_ids(_card: Card, _suggestion: Suggestion | None) -> str:
    raise AssertionError("an empty answer has no ids")


@dataclass(frozen=True, slots=True)
class _Ids:
    """The uuids of a call's cards: the same request gives the same ids."""

    service: str
    request: HookRequest

    def __call__(self, card: Card, suggestion: Suggestion | None) -> str:
        kind = suggestion.kind if suggestion else ""
        parts = (self.service, self.request.hook_instance, self.request.patient, card.key, *card.drafts, kind)
        return str(uuid.uuid5(_NAMESPACE, "\x1f".join(parts)))
