"""A PlanDefinition for each rule, with the elements of the minimum information model of interactions.

The elements are those of the HL7 guide on potential drug-drug interactions (PDDI-CDS, minimal information model). What
has a place in FHIR stands there (evidence: `relatedArtifact`; modifying factors: nested actions); every element stands
in words in an extension as well. What the knowledge does not hold is said to be unknown, and nothing is added.
"""

from collections.abc import Iterator, Mapping

from cards.schema.conditions import Role
from cards.schema.evidence import EvidenceEntry
from cards.schema.part import Approval
from cards.schema.rules import Label, Members, Remark, Rule
from service.export.frame import Frame, Json, resource_id

_TYPE = "http://terminology.hl7.org/CodeSystem/plan-definition-type"
_INDICATOR = "http://hl7.org/fhir/uv/pddi/CodeSystem/codesystem-PDDICDS-indicator"
_HOOKS = ("order-select", "order-sign", "patient-view")
_UNKNOWN = "Unknown: not part of this knowledge."


def plan_definitions(frame: Frame) -> Iterator[Json]:
    """Write the PlanDefinition of every rule, in the order of the knowledge."""
    for key, rule in frame.catalogue.rules.items():
        yield _plan(frame, key, rule)


def _plan(frame: Frame, key: str, rule: Rule) -> Json:
    known = frame.catalogue
    labels = {area: known.jurisdictions[area].labels[_subject(frame, rule)] for area in rule.clauses}
    return frame.artifact(
        "PlanDefinition",
        resource_id(key),
        rule.title,
        _approval(frame, rule),
        identifier=[{"system": known.wording.topic_system, "value": rule.topic.code}],
        type={"coding": [{"system": _TYPE, "code": "eca-rule"}]},
        description=_say(frame, "scope", subjects=known.ingredients[_subject(frame, rule)].name),
        jurisdiction=[{"text": known.jurisdictions[area].name} for area in rule.clauses],
        topic=[{"text": rule.topic.display}],
        library=[frame.versioned("Library", known.manifest.id)],
        extension=[
            frame.extension("minimum-information", element=element, text=text)
            for element, text in _minimum(frame, rule, labels).items()
        ],
        relatedArtifact=[_evidence(frame, name, known.evidence[name]) for name in rule.evidence],
        action=[_area(frame, key, rule, area, label) for area, label in labels.items()],
    )


def _subject(frame: Frame, rule: Rule) -> str:
    return min(frame.catalogue.members(rule.subject))


def _approval(frame: Frame, rule: Rule) -> Approval:
    """Give the approval of the rule if it and every evidence entry that it uses are approved: as cards say it."""
    used = [frame.catalogue.evidence[name].approval for name in rule.evidence]
    return rule.approval if all(item.holds(frame.on) for item in used) else Approval()


def _say(frame: Frame, line: str, **fields: str) -> str:
    return frame.catalogue.wording.lines[line].format(**fields)


def _minimum(frame: Frame, rule: Rule, labels: Mapping[str, Label]) -> Mapping[str, str]:
    """Say each element of the model in words."""
    known = frame.catalogue
    partners = frame.catalogue.members(rule.partner)
    subjects = ", ".join(known.ingredients[name].name for name in sorted(known.members(rule.subject)))
    named = ", ".join(item.name for key, item in known.ingredients.items() if key in partners)
    warnings = [f"{known.jurisdictions[area].name}: {label.warning} ({label.name})" for area, label in labels.items()]
    return {
        "drugs-involved": f"{subjects}; {rule.partners_word}: {named}.",
        "clinical-consequences": " ".join(warnings),
        "seriousness": "Not classified in this knowledge: see the label's warning under clinical consequences.",
        "severity": _UNKNOWN,
        "mechanism": _say(frame, "pitfalls"),
        "recommended-action": f"{_say(frame, 'action-keep-one')} {_say(frame, 'proceed')}",
        "contextual-information": "See the nested actions: each factor with what it changes.",
        "evidence": "See the related artifacts: each with what it found, its certainty and how far it was checked."
        if rule.evidence
        else "None in this knowledge but the label.",
        "frequency-of-exposure": _UNKNOWN,
        "frequency-of-harm": "Unknown: counts of the series and meta-analyses stand with the evidence."
        if rule.evidence
        else _UNKNOWN,
    }


def _evidence(frame: Frame, key: str, entry: EvidenceEntry) -> Json:
    counts = [
        f"{item.what} {item.events}/{item.of} ({item.interval}{', count worked out from a percentage' * item.inferred})"
        for item in entry.figures
    ]
    said = " ".join(
        [entry.finding.strip(), *(["Counts with 95% interval: " + "; ".join(counts) + "."] if counts else [])]
    )
    address = f"https://doi.org/{entry.doi}" if entry.doi else entry.url
    state = frame.extension("evidence-state", certainty=entry.certainty, verification=entry.verification.value)
    found = {"extension": [state], "type": "citation", "label": key, "display": said, "citation": entry.citation}
    return found | ({"url": address} if address else {})


def _area(frame: Frame, key: str, rule: Rule, area: str, label: Label) -> Json:
    """Write the rule of one jurisdiction: what triggers it, what it needs, what to do, and what modifies it."""
    known = frame.catalogue
    return {
        "title": f"{rule.title}: {known.jurisdictions[area].name}",
        "description": f"{label.sentence(None).text} {_say(frame, 'action-keep-one')}",
        "code": [_indicator("warning")],
        "documentation": [_documentation(label)],
        "trigger": [{"type": "named-event", "name": hook} for hook in _HOOKS],
        "input": [_medicines(frame, f"{key}/{part}") for part in ("subject", "partner")],
        "action": list(_factors(frame, key, rule, label)),
    }


def _documentation(label: Label) -> Json:
    return {
        "type": "documentation",
        "label": f"{label.short}, {label.section}",
        "display": label.name,
        "url": label.url,
    }


def _indicator(code: str) -> Json:
    return {"coding": [{"system": _INDICATOR, "code": code}]}


def _medicines(frame: Frame, value: str) -> Json:
    name = resource_id("rule", value)
    return {
        "type": "MedicationRequest",
        "codeFilter": [{"path": "medication", "valueSet": frame.versioned("ValueSet", name)}],
    }


def _problem(frame: Frame, group: str) -> Json:
    return {
        "type": "Condition",
        "codeFilter": [{"path": "code", "valueSet": frame.versioned("ValueSet", resource_id("condition", group))}],
    }


def _factors(frame: Frame, key: str, rule: Rule, label: Label) -> Iterator[Json]:
    """Write what modifies the rule, each factor with what it changes."""
    known = frame.catalogue
    for group, sentence in label.sentences.items():
        if group in known.conditions:
            # Who is named or covered differs by indication; the text is the label's own.
            yield _factor(known.conditions[group].name, sentence.text, "warning", [_problem(frame, group)])
    for group, members in rule.only_if.items():
        named = _names(frame, members)
        title = f"{known.conditions[group].name}: {named}"
        only = f"{named}: only where {known.conditions[group].name} decides."
        needed = [_problem(frame, group), _medicines(frame, f"{key}/partner-{group}")]
        yield _factor(title, only, "warning", needed)
    if known.members(rule.quiet):
        named = _names(frame, rule.quiet)
        yield _factor(
            f"Asthma or allergy: {named}", _quiet(frame, rule), "info", [_medicines(frame, f"{key}/partner-quiet")]
        )
    for remark in rule.remarks:
        yield _factor(f"With {_of_remark(frame, remark)}", remark.text, None, [])
    infections = [name for name, item in known.conditions.items() if item.role is Role.INFECTION]
    text = _say(frame, "infection", infection=", ".join(known.conditions[name].name for name in infections), undated="")
    for group in infections:
        yield _factor(f"Active on record: {known.conditions[group].name}", text, "critical", [_problem(frame, group)])
    yield _factor(
        "One of the two has ended", "Residual overlap within the washout window of what has ended.", "info", []
    )
    for group, risk in label.risks.items():
        needed = [_problem(frame, group)] if group in known.conditions else []
        title = known.conditions[group].name if group in known.conditions else "Age 65 or over"
        yield _factor(f"Risk on record: {title}", risk.text, None, needed)


def _names(frame: Frame, members: Members) -> str:
    found = frame.catalogue.members(members)
    return ", ".join(item.name for key, item in frame.catalogue.ingredients.items() if key in found)


def _of_remark(frame: Frame, remark: Remark) -> str:
    known = frame.catalogue
    ingredients = (known.ingredients[key].name for key in remark.ingredients)
    return ", ".join([*ingredients, *(known.classes[key].name for key in remark.classes)])


def _quiet(frame: Frame, rule: Rule) -> str:
    loud = ", ".join(frame.catalogue.conditions[group].name for group in rule.loud_for)
    unless = f", unless {loud} decides or no indication is known" if loud else ", unless no indication is known"
    return f"Information only{unless}."


def _factor(title: str, text: str, indicator: str | None, needed: list[Json]) -> Json:
    written = {
        "title": title,
        "description": text,
        "code": [_indicator(indicator)] if indicator else [],
        "input": needed,
    }
    return {name: value for name, value in written.items() if value}
