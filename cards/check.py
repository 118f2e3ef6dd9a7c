"""The cross-checks of the knowledge: what no schema of a single file can say."""

import string
from collections.abc import Iterable, Iterator, Mapping

from cards.catalogue import GENERIC, Catalogue, Clause, Members, Rule, Use, codes_of
from cards.model import Code, Gap

FORBIDDEN_WORDS = (
    "prohibited",
    "violation",
    "illegal",
    "liability",
    "fda-compliant",
    "only evidence",
    "high adverse event rate",
    "ranked highest",
    "preferred after upadacitinib failure",
)


def problems_of(catalogue: Catalogue) -> Iterator[str]:
    """Yield a line for every reference that leads nowhere and every contradiction between parts."""
    yield from _manifest(catalogue)
    yield from _ingredients(catalogue)
    yield from _double_codes(catalogue)
    yield from _names(catalogue)
    yield from _conditions(catalogue)
    for key, rule in catalogue.rules.items():
        yield from _rule(key, rule, catalogue)
    yield from _labels(catalogue)
    yield from _wording(catalogue)


def _unknown(where: str, keys: Iterable[str], known: Iterable[str], what: str) -> Iterator[str]:
    for key in keys:
        if key not in known:
            yield f"{where}: {key!r} is no {what}; correct the spelling or add it"


def _manifest(catalogue: Catalogue) -> Iterator[str]:
    where = "knowledge.yaml: jurisdictions"
    yield from _unknown(where, catalogue.manifest.jurisdictions, catalogue.jurisdictions, "jurisdiction of rules.yaml")
    if not catalogue.rules or not catalogue.ingredients:
        yield "rules.yaml: there is no rule, or no ingredient; an empty knowledge base is never used"


def _ingredients(catalogue: Catalogue) -> Iterator[str]:
    sources = {item.id for item in catalogue.sources}
    for key, item in catalogue.ingredients.items():
        where = f"ingredients.yaml: ingredients.{key}"
        yield from _unknown(f"{where}.class", [item.class_id], catalogue.classes, "class")
        yield from _unknown(f"{where}.used_for", item.used_for, catalogue.conditions, "group of conditions.yaml")
        cited = [use.source for use in item.used_for.values() if isinstance(use, Use) and use.source]
        yield from _unknown(f"{where}.used_for", cited, sources, "source")


def _double_codes(catalogue: Catalogue) -> Iterator[str]:
    owners: dict[Code, str] = {}
    for key, item in catalogue.ingredients.items():
        for part, lists in (("codes", item.codes), ("non_systemic_codes", item.non_systemic_codes)):
            for code in codes_of(lists):
                if code in owners:
                    yield (
                        f"ingredients.yaml: ingredients.{key}.{part}: {code} stands already at {owners[code]}; "
                        "a code belongs to one place"
                    )
                owners[code] = f"{key}.{part}"


def _names(catalogue: Catalogue) -> Iterator[str]:
    owners: dict[str, str] = {}
    for key, item in catalogue.ingredients.items():
        for name in (*item.names, *item.brands, *item.non_systemic_brands):
            folded = name.casefold()
            if owners.setdefault(folded, key) != key:
                yield (
                    f"ingredients.yaml: ingredients.{key}: the name {name!r} belongs to {owners[folded]} too; "
                    "a name belongs to one ingredient"
                )


def _conditions(catalogue: Catalogue) -> Iterator[str]:
    order = "rules.yaml: indication_order"
    yield from _unknown(order, catalogue.indication_order, catalogue.conditions, "group of conditions.yaml")
    for key, group in catalogue.conditions.items():
        both = set(codes_of(group.codes)) & set(codes_of(group.history))
        for code in sorted(both, key=str):
            yield f"conditions.yaml: groups.{key}: {code} counts and is history; keep it in one of the two"


def _rule(key: str, rule: Rule, catalogue: Catalogue) -> Iterator[str]:
    where = f"rules.yaml: rules.{key}"
    sets: Mapping[str, Members] = {
        "subject": rule.subject,
        "partner": rule.partner,
        "quiet": rule.quiet,
        **{f"only_if.{group}": members for group, members in rule.only_if.items()},
    }
    for part, members in sets.items():
        yield from _members(f"{where}.{part}", members, catalogue)
    groups = (*rule.only_if, *rule.loud_for)
    yield from _unknown(where, groups, catalogue.conditions, "group of conditions.yaml")
    yield from _unknown(f"{where}.override_reasons", rule.override_reasons, catalogue.override_reasons, "reason")
    yield from _unknown(f"{where}.evidence", rule.evidence, catalogue.evidence, "entry of evidence.yaml")
    yield from _unknown(f"{where}.clauses", rule.clauses, catalogue.jurisdictions, "jurisdiction")
    yield from _unknown(f"{where}.clauses", catalogue.manifest.jurisdictions, rule.clauses, "jurisdiction with clauses")
    for jurisdiction, clauses in rule.clauses.items():
        yield from _clauses(f"{where}.clauses.{jurisdiction}", clauses, catalogue)


def _members(where: str, members: Members, catalogue: Catalogue) -> Iterator[str]:
    yield from _unknown(where, members.classes, catalogue.classes, "class")
    yield from _unknown(where, (*members.ingredients, *members.except_), catalogue.ingredients, "ingredient")


def _clauses(where: str, clauses: Mapping[str, Clause], catalogue: Catalogue) -> Iterator[str]:
    if GENERIC not in clauses:
        yield f"{where}: there is no generic clause; add it for the unknown indication"
    yield from _unknown(where, set(clauses) - {GENERIC}, catalogue.indication_order, "indication")
    for key, clause in clauses.items():
        yield from _unknown(f"{where}.{key}.names", clause.names, catalogue.ingredients, "ingredient")
        yield from _unknown(f"{where}.{key}.covers_classes", clause.covers_classes, catalogue.classes, "class")
        yield from _unknown(f"{where}.{key}.covers_uses", clause.covers_uses, catalogue.indication_order, "indication")


def _labels(catalogue: Catalogue) -> Iterator[str]:
    subjects = {key for rule in catalogue.rules.values() for key in catalogue.members(rule.subject)}
    for name, jurisdiction in catalogue.jurisdictions.items():
        where = f"rules.yaml: jurisdictions.{name}.labels"
        yield from _unknown(where, jurisdiction.labels, catalogue.ingredients, "ingredient")
        yield from _unknown(where, sorted(subjects), jurisdiction.labels, "label of this jurisdiction")
        for key, label in jurisdiction.labels.items():
            if GENERIC not in label.sentences:
                yield f"{where}.{key}.sentences: there is no generic sentence; add it"


_FIELDS: Mapping[str, frozenset[str]] = {
    "summary": frozenset(
        "subject partner partner_plain more short verb advice partners_word ordered ended date first second "
        "end start count".split()
    ),
    "states": frozenset(),
    "dates": frozenset({"date"}),
    "lines": frozenset(
        "pairs strength label section advice warning action washout first second end start reasons sentence revision "
        "secondary partner partners_word indication provisional others infection undated text ingredient named "
        "doubt days version indicator".split()
    ),
    "gaps": frozenset({"count"}),
    "suggestions": frozenset({"ingredient"}),
}
NEEDED: Mapping[str, frozenset[str]] = {
    "summary": frozenset("overlap not-named recent recent-undated sequential more incomplete".split()),
    "states": frozenset("ordered current current-on-hold current-unknown recent ordered-and-current".split()),
    "dates": frozenset(
        "draft starts active active-undated ends given partial dispensed run-out ended stopped stopped-undated "
        "until activity".split()
    ),
    "lines": frozenset(
        "overlap overlap-not-named recent sequential incomplete why secondary covered named not-named "
        "indication-order indication-record indication-none indication-not-supplied indication-failed provisional "
        "others infection undated partner-label partner-label-none action-keep-one action-existing action-transplant "
        "action-review no-abrupt-stop pitfalls proceed replaced quiet disagreement doubt convention gaps scope version "
        "not-approved lowered".split()
    ),
    "gaps": frozenset(item.value for item in Gap),
    "suggestions": frozenset({"delete"}),
}


def _wording(catalogue: Catalogue) -> Iterator[str]:
    for part, needed in NEEDED.items():
        texts: Mapping[str, str] = getattr(catalogue.wording, part)
        for key in sorted(needed - set(texts)):
            yield f"wording.yaml: {part}: {key!r} is missing; add the sentence"
        yield from _unknown(f"wording.yaml: {part}", sorted(set(texts) - needed), needed, "sentence that is used")
        for key, text in texts.items():
            yield from _sentence(f"wording.yaml: {part}.{key}", text, _FIELDS[part])
    where = "wording.yaml: incomplete.override_reasons"
    yield from _unknown(where, catalogue.wording.incomplete.override_reasons, catalogue.override_reasons, "reason")
    for label in catalogue.wording.partner_labels:
        yield from _unknown("wording.yaml: partner_labels", label.ingredients, catalogue.ingredients, "ingredient")


def _sentence(where: str, text: str, fields: frozenset[str]) -> Iterator[str]:
    try:
        used = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    except ValueError:
        yield f"{where}: braces do not match; close or double them"
        return
    for name in sorted(used - fields):
        yield f"{where}: {{{name}}} is no field of this sentence; use one of {', '.join(sorted(fields))}"
    for word in FORBIDDEN_WORDS:
        if word in text.casefold():
            yield f"{where}: the words {word!r} are never printed; say what the label says"
