"""The evidence registry as plain data: what the command line lists and /evidence serves. No patient is in it."""

from collections.abc import Callable, Collection, Mapping
from datetime import date
from typing import Any
from urllib.parse import quote

from cards import Catalogue
from cards.schema.evidence import EvidenceEntry, Proportion, SourceStatement, Verdict
from cards.schema.part import Approval, Verification
from cards.schema.rules import GENERIC, Label, Rule
from service.errors import UnknownService
from service.nearest import nearest_hint

VERIFICATION: Mapping[Verification, str] = {
    Verification.PRIMARY: "seen in the primary source, at the regulator or at the manufacturer",
    Verification.SECONDARY: "seen in a copy or a secondary source only",
    Verification.SOURCE_TEXT: "known from the source text alone; primary publication not verified",
    Verification.UNVERIFIED: "not verified: no source was opened",
}
VERDICT: Mapping[Verdict, str] = {
    Verdict.CONFIRMED: "confirmed",
    Verdict.INCOMPLETE: "incomplete",
    Verdict.OVERSTATED: "overstated",
    Verdict.UNVERIFIED: "not verified",
    Verdict.WRONG: "wrong",
}


def registry(catalogue: Catalogue, on: date, *, rule: str | None = None, unverified: bool = False) -> dict[str, Any]:
    """Return the registry as of the day `on`, in the order of the knowledge; keys are those of the JSON page.

    `rule` limits it to one rule, its entries in its own order, and the statements that rest on them. `unverified`
    keeps the entries and sentences that were not seen in a primary source and the statements that could not be
    verified. Raises UnknownService for a rule that the knowledge does not have.
    """
    rules = _rules(catalogue, rule)
    entries = catalogue.evidence if rule is None else {key: catalogue.evidence[key] for key in rules[rule].evidence}
    statements = {
        key: item
        for key, item in catalogue.statements.items()
        if rule is None or not entries.keys().isdisjoint(item.evidence)
    }
    wanted = _unverified if unverified else _everything
    return {
        "knowledge": {"version": catalogue.version, "sha256": catalogue.sha256},
        "on": on.isoformat(),
        "rule": rule,
        "onlyUnverified": unverified,
        "counts": _counts(entries, statements),
        "rules": [_rule(key, item, on) for key, item in rules.items()],
        "labels": _labels(catalogue, rules, wanted),
        "evidence": [
            _entry(key, item, catalogue, on) for key, item in entries.items() if wanted(item.verification.value)
        ],
        "statements": [_statement(key, item) for key, item in statements.items() if wanted(item.verdict.value)],
    }


def _everything(_state: str) -> bool:
    return True


def _unverified(state: str) -> bool:
    return state in {Verification.SECONDARY, Verification.SOURCE_TEXT, Verification.UNVERIFIED, Verdict.UNVERIFIED}


def _rules(catalogue: Catalogue, rule: str | None) -> Mapping[str, Rule]:
    if rule is None:
        return catalogue.rules
    if rule not in catalogue.rules:
        known = ", ".join(catalogue.rules)
        raise UnknownService(
            f"The knowledge has no such rule.{nearest_hint(rule, catalogue.rules)} Give one of {known}."
        )
    return {rule: catalogue.rules[rule]}


def _counts(
    entries: Mapping[str, EvidenceEntry], statements: Mapping[str, SourceStatement]
) -> dict[str, dict[str, int]]:
    """Count entries by verification state and statements by verdict, before anything is filtered out."""
    states = [item.verification for item in entries.values()]
    verdicts = [item.verdict for item in statements.values()]
    return {
        "evidence": {state.value: states.count(state) for state in Verification},
        "statements": {verdict.value: verdicts.count(verdict) for verdict in Verdict},
    }


def _rule(key: str, rule: Rule, on: date) -> dict[str, Any]:
    return {
        "id": key,
        "title": rule.title,
        "topic": rule.topic.code,
        "approval": _approval(rule.approval, on),
        "evidence": list(rule.evidence),
        "clauses": {
            jurisdiction: {"speaksOf": clauses[GENERIC].partners_word, "strength": clauses[GENERIC].strength}
            for jurisdiction, clauses in rule.clauses.items()
        },
    }


def _approval(approval: Approval, on: date) -> dict[str, Any]:
    return {
        "approved": approval.holds(on),
        "role": approval.role,
        "date": approval.date.isoformat() if approval.date else None,
        "nextReview": approval.next_review.isoformat() if approval.next_review else None,
        "text": _approval_text(approval, on),
    }


def _approval_text(approval: Approval, on: date) -> str:
    """Say by which role, when and until when; or that nothing is in force."""
    if approval == Approval():
        return "not approved"
    parts = f"{approval.role or 'no role'}, {approval.date or 'no date'}"
    review = f"next review {approval.next_review or 'not set'}"
    return f"{'approved' if approval.holds(on) else 'not in force'}: {parts}, {review}"


def _labels(catalogue: Catalogue, rules: Mapping[str, Rule], wanted: Callable[[str], bool]) -> list[dict[str, Any]]:
    """Return the label of each subject of these rules in each jurisdiction, with the sentences that cards quote."""
    subjects: Collection[str] = {key for rule in rules.values() for key in catalogue.members(rule.subject)}
    return [
        _label(name, jurisdiction.name, ingredient, label, catalogue, wanted)
        for name, jurisdiction in catalogue.jurisdictions.items()
        for ingredient, label in jurisdiction.labels.items()
        if ingredient in subjects
    ]


def _label(
    key: str, jurisdiction: str, ingredient: str, label: Label, catalogue: Catalogue, wanted: Callable[[str], bool]
) -> dict[str, Any]:
    return {
        "jurisdiction": key,
        "jurisdictionName": jurisdiction,
        "ingredient": ingredient,
        "name": label.name,
        "section": label.section,
        "strength": label.strength,
        "revision": label.revision,
        "url": label.url,
        "verification": label.verification.value,
        "verificationText": VERIFICATION[label.verification],
        "sentences": [
            {
                "indication": group,
                "indicationName": "any other or unknown indication"
                if group == GENERIC
                else catalogue.conditions[group].name,
                "text": sentence.text,
                "verification": sentence.verification.value,
                "verificationText": VERIFICATION[sentence.verification],
            }
            for group, sentence in label.sentences.items()
            if wanted(sentence.verification.value)
        ],
    }


def _entry(key: str, entry: EvidenceEntry, catalogue: Catalogue, on: date) -> dict[str, Any]:
    rules = [name for name, rule in catalogue.rules.items() if key in rule.evidence]
    return {
        "id": key,
        "citation": entry.citation,
        "doi": entry.doi,
        "doiUrl": f"https://doi.org/{quote(entry.doi, safe='/')}" if entry.doi else None,
        "pmid": entry.pmid,
        "pmidUrl": f"https://pubmed.ncbi.nlm.nih.gov/{entry.pmid}/" if entry.pmid else None,
        "url": entry.url,
        "population": entry.population,
        "n": entry.n,
        "design": entry.design,
        "figures": [_figure(item) for item in entry.figures],
        "finding": entry.finding,
        "certainty": entry.certainty,
        "verification": entry.verification.value,
        "verificationText": VERIFICATION[entry.verification],
        "line": entry.line,
        "linePartners": list(entry.partners),
        "cardPrints": _card_prints(entry, used=bool(rules)),
        "rules": rules,
        "note": entry.note,
        "approval": _approval(entry.approval, on),
    }


def _card_prints(entry: EvidenceEntry, *, used: bool) -> str:
    """Say what a card may print of an entry, and for which partners."""
    if not entry.line:
        return "nothing (registry only)"
    reach = f" (only with {' and '.join(entry.partners)})" if entry.partners else ""
    return f'"{entry.line}"{reach}{"" if used else ", where a rule uses it; none does"}'


def _figure(item: Proportion) -> dict[str, Any]:
    interval = item.interval
    return {
        "what": item.what,
        "events": item.events,
        "of": item.of,
        "percent": round(100 * item.events / item.of, 1),
        "wilson95": {"low": round(100 * interval.low, 1), "high": round(100 * interval.high, 1)},
        "text": f"{item.events}/{item.of}, {100 * item.events / item.of:.0f}% ({interval})",
        "countInferred": item.inferred,
    }


def _statement(key: str, item: SourceStatement) -> dict[str, Any]:
    return {
        "id": key,
        "statement": item.statement,
        "verdict": item.verdict.value,
        "verdictText": VERDICT[item.verdict],
        "reason": item.reason,
        "printed": item.printed,
        "evidence": list(item.evidence),
    }
