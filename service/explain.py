"""An answer in words: what was read, as what, which dates and windows decided, what was ignored and why.

Built from the very Assessment that made the cards. It holds patient data: the command line, tests and the sandbox page
show it, a response never does.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from cards.catalogue import Catalogue
from cards.course import Course
from cards.detect import DocumentedException, Finding, Pair
from cards.exposure import Contribution, Exposure
from cards.history import History, Trial
from cards.history_text import history_lines
from cards.model import MedicationFact, Recognised
from cards.options import Choice
from cards.problems import Problems
from service.answer import Answer, DraftTrace, Engine, Trace, answer
from service.discovery import PREFETCH, SERVICES
from service.errors import InvalidRequest
from service.fhir_access.chart_reads import FhirTrace
from service.fhir_access.fetch import FhirReader, NoFhir, Refusal
from service.overlay import applied, summarised
from service.settings import ANYONE, Client
from service.wire import peek_hook

NO_FHIR = NoFhir()


def explain_request(
    body: bytes,
    engine: Engine,
    on: date,
    client: Client = ANYONE,
    exceptions: tuple[DocumentedException, ...] = (),
    *,
    fhir: FhirReader = NO_FHIR,
) -> dict[str, Any]:
    """Answer a hook request of a client with the service of its hook and explain the answer.

    `exceptions` are taken as documented for the patient. Nothing is read from a FHIR server unless `fhir` does. Raises
    InvalidRequest and DataUnavailable as the service
    would.
    """
    hook = peek_hook(body)
    service = next((item for item in SERVICES if item.hook == hook), None)
    if service is None:
        known = ", ".join(item.hook for item in SERVICES)
        raise InvalidRequest(f"hook is missing or of no service: send one of {known}.")
    given = answer(body, service, engine=engine, on=on, client=client, fhir=fhir, documented=lambda _: exceptions)
    return explanation(given, engine, on)


def explanation(given: Answer, engine: Engine, on: date) -> dict[str, Any]:
    """Return the explanation of an answer as plain JSON data, in a fixed order."""
    catalogue, trace, assessment = engine.catalogue, given.trace, given.assessment
    options = engine.options
    said: dict[str, Any] = {
        "on": on.isoformat(),
        "hook": trace.hook,
        "service": trace.service,
        "knowledge": {"version": catalogue.version, "sha256": catalogue.sha256},
        **({} if engine.overlaid is None else {"overlay": _overlay(given, engine, on)}),
        "jurisdiction": options.jurisdiction,
        "policy": {
            "disabledRules": sorted(options.policy.disabled),
            "ceilings": {rule: indicator.value for rule, indicator in options.policy.ceilings},
            "options": None if options.policy.options is None else list(options.policy.options),
            "silentRules": sorted(options.policy.silent),
            "silentClient": given.silent,
        },
        "profile": {"name": given.profile, "changes": {kind.value: count for kind, count in given.reshaped.items()}},
        "outcome": given.outcome,
        "drafts": [_draft(item) for item in trace.drafts],
        "prefetch": _prefetch(trace),
        "fhir": _fhir(trace.fhir),
        "read": dict(trace.read),
        "fhirVersions": {
            "record": dict(trace.versions),
            "actions": trace.answered_in,
        },
        "deviations": list(given.deviations),
    }
    if assessment:
        said |= {
            "exposures": [_exposure(item) for item in assessment.exposures.by_ingredient.values()],
            "ignored": [
                {"resource": item.ref, "ingredient": item.ingredient, "reason": item.reason.value}
                for item in assessment.exposures.ignored
            ],
            "problems": _problems(assessment.problems),
            "history": _history(assessment.history, catalogue),
            "findings": [_finding(item, catalogue, options.jurisdiction) for item in assessment.findings],
            "options": _options(assessment.options),
            "cards": [
                {"key": item.key, "indicator": item.indicator.value, "summary": item.summary}
                for item in assessment.cards
            ],
            "hidden": [{"key": item.key, "indicator": item.indicator.value} for item in assessment.hidden],
            "gaps": {gap.value: count for gap, count in assessment.gaps.items()},
            "complete": assessment.complete,
        }
    return said


def _overlay(given: Answer, engine: Engine, on: date) -> dict[str, Any]:
    """Say what the site's overlay changes, and which of its parts bore on this answer."""
    if engine.overlaid is None:
        return {}
    took_effect = applied(engine.overlaid, engine.catalogue, given.assessment, on)
    return {**summarised(engine.overlaid), "file": engine.overlaid.file, "tookEffect": took_effect}


def _fhir(trace: FhirTrace) -> dict[str, Any]:
    return {
        "refusal": trace.refusal,
        "reads": [
            {
                "query": item.query,
                "pages": item.pages,
                "resources": item.resources,
                "status": item.status,
                "problem": item.problem,
            }
            for item in trace.reads
        ],
    }


def _draft(item: DraftTrace) -> dict[str, Any]:
    return {
        "resource": item.ref,
        "fhirVersion": item.look.writing.version,
        "asked": item.asked,
        "orders": item.orders,
        "recognised": [_recognised(each) for each in item.recognised],
        "unresolved": item.unresolved,
        "unidentified": item.unidentified,
    }


def _recognised(item: Recognised) -> dict[str, Any]:
    return {"ingredient": item.ingredient, "by": str(item.by), "systemic": item.systemic, "regimen": item.regimen}


def _prefetch(trace: Trace) -> dict[str, str]:
    """Say of every prefetch key of ours whether it came, and name those that are not ours."""
    known = {key: "delivered" if key in trace.prefetch else "absent" for key in PREFETCH}
    return known | {key: "delivered, not one of ours" for key in trace.prefetch if key not in PREFETCH}


def _day(value: date | None) -> str | None:
    return value.isoformat() if value else None


def _exposure(exposure: Exposure) -> dict[str, Any]:
    return {
        "ingredient": exposure.ingredient,
        "state": exposure.state.value,
        "beforeThisSession": exposure.established.value,
        "because": [_contribution(item, exposure.ingredient) for item in exposure.contributions],
    }


def _contribution(item: Contribution, ingredient: str) -> dict[str, Any]:
    fact = item.fact
    by = next(each for each in fact.recognised if each.ingredient == ingredient)
    return {
        "resource": fact.ref,
        "origin": fact.origin.value,
        "status": fact.status,
        "recognisedBy": str(by.by),
        "state": item.state.value,
        "basis": item.basis.value,
        "dates": _dates(fact),
        "lastExposure": _day(item.last),
        "until": _day(item.until),
        "stop": _day(item.stop),
        "cappedByStop": item.capped,
        "window": {
            "dosing": item.window.dosing,
            "dosingIsConvention": item.window.dosing_convention,
            "washout": item.window.washout,
            "washoutIsConvention": item.window.washout_convention,
            "regimen": by.regimen,
        },
        "disagreement": fact.disagreement,
        "doubts": list(fact.doubts),
    }


def _dates(fact: MedicationFact) -> dict[str, str]:
    named = {
        "authored": fact.authored,
        "asserted": fact.asserted,
        "start": fact.start,
        "end": fact.end,
        "validityEnd": fact.validity_end,
        "given": fact.given,
        "lastUpdated": fact.last_updated,
        "statusChanged": fact.status_changed,
    }
    return {name: value.isoformat() for name, value in named.items() if value}


def _problems(problems: Problems) -> dict[str, Any]:
    return {
        "supplied": problems.supplied,
        "indications": [{"group": item.group, "resource": item.fact.ref} for item in problems.on_record],
        "activeSeriousInfections": [
            {"group": item.group, "resource": item.fact.ref, "dated": item.dated} for item in problems.infections
        ],
        "others": [{"group": item.group, "resource": item.fact.ref} for item in problems.others],
    }


def _history(tried: History, catalogue: Catalogue) -> dict[str, Any]:
    """Return the treatment history: the dose levels and outcomes it rests on, and the sentences of a card."""
    course, subject = tried.course, tried.subject
    return {
        "partial": tried.partial,
        "course": _course(course) if course else None,
        "trials": [_trial(item) for item in ((subject,) if subject else ()) + tried.biologics],
        "lines": history_lines(tried, catalogue, catalogue.subject),
    }


def _course(course: Course) -> dict[str, Any]:
    return {
        "indication": course.indication,
        "levels": [
            {
                "dailyMg": item.daily_mg,
                "start": item.start.isoformat(),
                "end": _day(item.end),
                "days": item.days,
                "suppliedDays": item.supplied,
                "isInduction": item == course.induction,
            }
            for item in course.levels
        ],
        "reducedFor": list(course.reduced_for),
        "sinceInduction": course.since_induction,
        "response": course.response.value,
    }


def _trial(trial: Trial) -> dict[str, Any]:
    return {
        "ingredient": trial.ingredient,
        "class": trial.class_id,
        "inForce": trial.in_force,
        "first": _day(trial.first),
        "last": _day(trial.last),
        "outcomes": [
            {
                "outcome": item.stated.outcome.value,
                "by": str(item.stated.by),
                "coded": item.stated.coded,
                "on": _day(item.on),
            }
            for item in trial.outcomes
        ],
    }


def _finding(finding: Finding, catalogue: Catalogue, jurisdiction: str) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "indicator": finding.indicator.value,
        "loweredBySite": finding.lowered,
        "exception": _exception(finding.exception),
        "pairs": [_pair(pair, catalogue, jurisdiction) for pair in finding.pairs],
    }


def _exception(exception: DocumentedException | None) -> dict[str, Any] | None:
    if exception is None:
        return None
    return {"reason": exception.reason, "on": _day(exception.on), "until": _day(exception.until)}


def _pair(pair: Pair, catalogue: Catalogue, jurisdiction: str) -> dict[str, Any]:
    label = catalogue.jurisdictions[jurisdiction].labels[pair.subject.ingredient]
    return {
        "subject": pair.subject.ingredient,
        "partner": pair.partner.ingredient,
        "relation": pair.relation.value,
        "indicator": pair.indicator.value,
        "indicatorBefore": pair.due.value,
        "indication": pair.indication,
        "indicationFrom": "order" if pair.by_order else "record" if pair.indication else "nothing",
        "partnerIs": pair.coverage.value,
        "quiet": pair.quiet,
        "sentence": label.sentence(pair.indication).text,
    }


def _options(choice: Choice | None) -> dict[str, Any] | None:
    """Say which options the card offers, what a click would change or why it is text, and why others are not there."""
    if choice is None:
        return None
    return {
        "indication": choice.indication,
        "namedFor": choice.named_for,
        "limitedExposure": choice.limited,
        "holds": [hold.value for hold in choice.holds],
        "offered": [
            {
                "option": f"{offer.form.value} {offer.ingredient}",
                "insteadOf": list(offer.instead_of),
                "actions": [f"{item.type} {item.draft or item.ingredient}" for item in offer.changes],
                "textBecause": offer.text_only.value if offer.text_only else None,
                "triedBefore": offer.tried is not None,
                "recommended": offer.recommended,
            }
            for offer in choice.offers
        ],
        "notOffered": [{"ingredient": key, "reason": reason.value} for key, reason in choice.left_out],
    }


def as_text(said: Mapping[str, Any]) -> str:
    """Return an explanation as text for a terminal."""
    return "\n".join(_lines(said)) + "\n"


def _lines(said: Mapping[str, Any]) -> Iterator[str]:
    knowledge = said["knowledge"]
    yield f"{said['service']} on {said['on']}: {said['outcome']}"
    yield f"knowledge {knowledge['version']} (sha256 {knowledge['sha256'][:12]}), jurisdiction {said['jurisdiction']}"
    yield from _overlay_lines(said.get("overlay"))
    policy = said["policy"]
    if policy["disabledRules"]:
        yield f"rules switched off: {', '.join(policy['disabledRules'])}"
    for rule, indicator in policy["ceilings"].items():
        yield f"rule {rule} shows {indicator} at most"
    if policy["silentRules"]:
        yield f"rules evaluated and not shown: {', '.join(policy['silentRules'])}"
    if policy["silentClient"]:
        yield "the client is kept silent: no card is shown"
    changes = ", ".join(f"{what}: {count}" for what, count in said["profile"]["changes"].items())
    yield f"profile {said['profile']['name']}{f': {changes}' if changes else ''}"
    yield from _section("Drafts", [_draft_line(item) for item in said["drafts"]])
    yield from _section("Prefetch", [f"{key}: {state}" for key, state in said["prefetch"].items()])
    yield from _section("FHIR server", list(_fhir_lines(said["fhir"])))
    yield from _section("Read from the record", [f"{kind}: {count}" for kind, count in said["read"].items()])
    yield from _section("FHIR versions", _version_lines(said["fhirVersions"]))
    yield from _section("Exposures", [line for item in said.get("exposures", ()) for line in _exposure_lines(item)])
    ignored = [f"{item['resource']} ({item['ingredient']}): {item['reason']}" for item in said.get("ignored", ())]
    yield from _section("Ignored", ignored)
    yield from _section("Problems", _problem_lines(said.get("problems", {})))
    yield from _section("History", _history_lines(said.get("history", {})))
    yield from _section("Findings", [line for item in said.get("findings", ()) for line in _finding_lines(item)])
    yield from _section("Options", list(_option_lines(said.get("options"))))
    yield from _section("Cards", [f"{item['indicator']}: {item['summary']}" for item in said.get("cards", ())])
    hidden = [f"{item['key']}: {item['indicator']}" for item in said.get("hidden", ())]
    yield from _section("Cards not shown", hidden)
    yield from _section("Missing", [f"{gap}: {count}" for gap, count in said.get("gaps", {}).items()])
    yield from _section("Deviations of the client", said["deviations"])


def _overlay_lines(overlay: Mapping[str, Any] | None) -> Iterator[str]:
    if overlay is None:
        return
    yield f"overlay {overlay['id']}.{overlay['version']} ({overlay['file']}, sha256 {overlay['sha256'][:12]})"
    yield from (f"  {item['at']}: {item['does']}" for item in overlay["tookEffect"])


def _fhir_lines(fhir: Mapping[str, Any]) -> Iterator[str]:
    if fhir["refusal"] not in (None, Refusal.NOT_OFFERED):
        yield f"not read: {fhir['refusal']}"
    for item in fhir["reads"]:
        status = f", status {item['status']}" if item["problem"] and item["status"] else ""
        wrong = f"; {item['problem']}{status}" if item["problem"] else ""
        yield f"{item['query']}: pages {item['pages']}, resources {item['resources']}{wrong}"


def _option_lines(options: Mapping[str, Any] | None) -> Iterator[str]:
    if not options:
        return
    if options["holds"]:
        yield f"all text: {', '.join(options['holds'])}"
    for item in options["offered"]:
        how = ", ".join(item["actions"]) or f"text ({item['textBecause']})"
        yield f"{item['option']}: {how}{', recommended' if item['recommended'] else ''}"
    for item in options["notOffered"]:
        yield f"not offered: {item['ingredient']} ({item['reason']})"


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield ""
        yield title
        yield from (f"  {line}" for line in lines)


def _draft_line(item: Mapping[str, Any]) -> str:
    names = [f"{each['ingredient']} by {each['by']}{_place(each)}" for each in item["recognised"]]
    what = ", ".join(names) or _unnamed(item)
    return f"{item['resource']} in {item['fhirVersion']}{'' if item['asked'] else ' (not selected)'}: {what}"


def _version_lines(said: Mapping[str, Any]) -> list[str]:
    lines = [f"{version}: {count} of interest in the record" for version, count in said["record"].items()]
    return [*lines, f"actions are written in {said['actions']}"] if said["actions"] else lines


def _unnamed(item: Mapping[str, Any]) -> str:
    if item["unresolved"]:
        return "Medication reference not resolved"
    return "a code of an unknown list, and no name" if item["unidentified"] else "no medicine of ours"


def _place(item: Mapping[str, Any]) -> str:
    return "" if item["systemic"] else ", not systemic"


def _exposure_lines(item: Mapping[str, Any]) -> Iterator[str]:
    yield f"{item['ingredient']}: {item['state']} (before this session: {item['beforeThisSession']})"
    for each in item["because"]:
        yield f"  {each['resource']} ({each['status']}, by {each['recognisedBy']}): {_reason(each)}"
        for doubt in each["doubts"]:
            yield f"    not fully understood: {doubt}"
        if each["disagreement"]:
            yield f"    its text names {each['disagreement']}"


def _reason(item: Mapping[str, Any]) -> str:
    window = item["window"]
    parts = [f"{item['state']} by {item['basis']}"]
    parts += [f"{name} {value}" for name, value in item["dates"].items()]
    if item["lastExposure"]:
        parts.append(f"last exposure {item['lastExposure']}")
    if item["until"]:
        parts.append(f"until {item['until']}")
    if item["cappedByStop"]:
        parts.append(f"capped by the stop of {item['stop']}")
    dosing = "convention" if window["dosingIsConvention"] else window["regimen"] or "sourced"
    washout = "convention" if window["washoutIsConvention"] else "sourced"
    parts.append(f"windows {window['dosing']} d ({dosing}) / {window['washout']} d ({washout})")
    return ", ".join(parts)


def _problem_lines(problems: Mapping[str, Any]) -> list[str]:
    if not problems:
        return []
    lines = [] if problems["supplied"] else ["the problem list was not supplied"]
    for title in ("indications", "activeSeriousInfections", "others"):
        lines += [f"{title}: {item['group']} ({item['resource']})" for item in problems[title]]
    return lines


def _history_lines(tried: Mapping[str, Any]) -> list[str]:
    """Return the sentences of the card, then the levels and stop reasons that they rest on."""
    if not tried:
        return []
    lines = ["from the part of the record that was read"] if tried["partial"] else []
    lines += tried["lines"]
    for item in (tried["course"] or {}).get("levels", ()):
        until = (
            f"to {item['end']}, {item['days']} d, supplied {item['suppliedDays']} d"
            if item["end"]
            else "end not recorded"
        )
        lines.append(f"level {item['dailyMg']:g} mg a day from {item['start']} {until}")
    for trial in tried["trials"]:
        known = "; ".join(f"{each['outcome']} by {each['by']} {each['on'] or 'undated'}" for each in trial["outcomes"])
        last = "in force" if trial["inForce"] else f"to {trial['last'] or 'unknown'}"
        first = trial["first"] or "unknown"
        lines.append(f"{trial['ingredient']} ({trial['class']}) from {first} {last}: {known or 'no stop reason'}")
    return lines


def _finding_lines(item: Mapping[str, Any]) -> Iterator[str]:
    lowered = ", lowered by the site" if item["loweredBySite"] else ""
    yield f"{item['rule']}: {item['indicator']}{lowered}"
    if exception := item["exception"]:
        yield f"  exception documented on {exception['on']} ({exception['reason']}), until {exception['until']}"
    for pair in item["pairs"]:
        yield (
            f"  {pair['subject']} + {pair['partner']}: {pair['relation']}, {pair['indicator']}, "
            f"indication {pair['indication'] or 'unknown'} (from {pair['indicationFrom']}), "
            f"partner {pair['partnerIs']}"
        )
        yield f"    {pair['sentence']}"
