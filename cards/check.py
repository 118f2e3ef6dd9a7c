"""The cross-checks of the knowledge: what no schema of a single file can say."""

from collections.abc import Iterable, Iterator, Mapping

from cards.ambiguous import code_problems, name_problems, outcome_problems, strength_problems
from cards.catalogue import Catalogue
from cards.model import System
from cards.printable import evidence_problems
from cards.schema.ingredients import Use
from cards.schema.options import Option, OptionList
from cards.schema.part import Verification, codes_of
from cards.schema.rules import AGE_65, GENERIC, Clause, Members, Rule
from cards.sentence_faults import printed_problems, sentence_problems
from cards.sentences import PARTS


def problems_of(catalogue: Catalogue) -> Iterator[str]:
    """Yield a line for every reference that leads nowhere and every contradiction between parts."""
    yield from _manifest(catalogue)
    yield from _ingredients(catalogue)
    yield from strength_problems(catalogue)
    yield from code_problems(catalogue)
    yield from name_problems(catalogue)
    yield from _conditions(catalogue)
    yield from outcome_problems(catalogue)
    for key, rule in catalogue.rules.items():
        yield from _rule(key, rule, catalogue)
    yield from _labels(catalogue)
    yield from _wording(catalogue)
    yield from _exceptions(catalogue)
    yield from _options(catalogue)
    yield from _monitoring(catalogue)
    yield from printed_problems(catalogue)
    yield from evidence_problems(catalogue)
    for key, statement in catalogue.statements.items():
        where = f"evidence.yaml: statements.{key}.evidence"
        yield from _unknown(where, statement.evidence, catalogue.evidence, "entry of evidence.yaml")


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
    for remark in rule.remarks:
        yield from _unknown(f"{where}.remarks", remark.classes, catalogue.classes, "class")
        yield from _unknown(f"{where}.remarks", remark.ingredients, catalogue.ingredients, "ingredient")
    groups = (*rule.only_if, *rule.loud_for)
    yield from _unknown(where, groups, catalogue.conditions, "group of conditions.yaml")
    yield from _unknown(f"{where}.override_reasons", rule.override_reasons, catalogue.override_reasons, "reason")
    yield from _unknown(f"{where}.evidence", rule.evidence, catalogue.evidence, "entry of evidence.yaml")
    yield from _unknown(f"{where}.clauses", rule.clauses, catalogue.jurisdictions, "jurisdiction")
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
    for name, jurisdiction in catalogue.jurisdictions.items():
        where = f"rules.yaml: jurisdictions.{name}.labels"
        rules = catalogue.rules_in(name)
        if not rules:
            yield f"{where}: no rule has clauses here; nothing would be checked, so add a rule or remove it"
        subjects = {key for rule in rules for key in catalogue.roles[rule][0]}
        yield from _unknown(where, jurisdiction.labels, catalogue.ingredients, "ingredient")
        yield from _unknown(where, sorted(subjects), jurisdiction.labels, "label of this jurisdiction")
        for key, label in jurisdiction.labels.items():
            if GENERIC not in label.sentences:
                yield f"{where}.{key}.sentences: there is no generic sentence; add it"
            groups = sorted(set(label.sentences) - {GENERIC})
            yield from _unknown(f"{where}.{key}.sentences", groups, catalogue.indication_order, "indication")
            risks = [group for group in label.risks if group != AGE_65]
            yield from _unknown(f"{where}.{key}.risks", risks, catalogue.conditions, "group of conditions.yaml")


def _wording(catalogue: Catalogue) -> Iterator[str]:
    for part, sentences in PARTS.items():
        texts: Mapping[str, str] = getattr(catalogue.wording, part)
        for key in sorted(set(sentences) - set(texts)):
            yield f"wording.yaml: {part}: {key!r} is missing; add the sentence"
        yield from _unknown(f"wording.yaml: {part}", sorted(set(texts) - set(sentences)), sentences, "sentence in use")
        for key, text in texts.items():
            yield from sentence_problems(f"wording.yaml: {part}.{key}", text, sentences.get(key, frozenset()))
    where = "wording.yaml: incomplete.override_reasons"
    yield from _unknown(where, catalogue.wording.incomplete.override_reasons, catalogue.override_reasons, "reason")
    for label in catalogue.wording.partner_labels:
        yield from _unknown("wording.yaml: partner_labels", label.ingredients, catalogue.ingredients, "ingredient")


def _exceptions(catalogue: Catalogue) -> Iterator[str]:
    """Hold a reason that documents an exception to cards of rules: only there it speaks of a pair."""
    offered = {reason for rule in catalogue.rules.values() for reason in rule.override_reasons}
    for key, reason in catalogue.override_reasons.items():
        if reason.documents_exception and key not in offered:
            where = f"override_reasons.yaml: reasons.{key}.documents_exception"
            yield f"{where}: no rule offers {key!r}, so it can never be given; add it to a rule, or remove the mark"
    for key in catalogue.wording.incomplete.override_reasons:
        if key in catalogue.override_reasons and catalogue.override_reasons[key].documents_exception:
            where = "wording.yaml: incomplete.override_reasons"
            what = f"{key!r} documents an exception, and this card names no pair"
            yield f"{where}: {what}; take it off here, or remove its mark"


def _options(catalogue: Catalogue) -> Iterator[str]:
    content = catalogue.options
    yield from _unknown("options.yaml: rule", [content.rule], catalogue.rules, "rule of rules.yaml")
    where = "options.yaml: limited_exposure.without_failure_of"
    yield from _unknown(where, content.limited_exposure.without_failure_of, catalogue.classes, "class")
    where = "options.yaml: indications"
    yield from _unknown(where, content.indications, catalogue.indication_order, "indication")
    yield from _order_codes(catalogue)
    for key, listed in content.indications.items():
        yield from _option_list(f"options.yaml: indications.{key}", key, listed, catalogue)


def _order_codes(catalogue: Catalogue) -> Iterator[str]:
    """An order is written with a code that the service itself recognises as the ingredient."""
    where, codes = "options.yaml: rxnorm", catalogue.options.rxnorm
    yield from _unknown(where, catalogue.options.ingredients(), codes, "ingredient with an RxNorm code")
    yield from _unknown(where, codes, catalogue.options.ingredients(), "candidate of an indication")
    for key, code in codes.items():
        item = catalogue.ingredients.get(key)
        if item and code not in item.codes.get(System.RXNORM, ()):
            yield f"{where}.{key}: {code!r} is no RxNorm code of it in ingredients.yaml; correct one of the two"


def _option_list(where: str, indication: str, listed: OptionList, catalogue: Catalogue) -> Iterator[str]:
    yield from _unknown(f"{where}.named_for", listed.named_for, catalogue.conditions, "group of conditions.yaml")
    for candidates in (listed.candidates, *(named.candidates for named in listed.named_for.values())):
        names = [option.ingredient for option in candidates]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield f"{where}: {name!r} stands twice in one list; keep one place"
    for option in listed.every():
        yield from _option(f"{where}.{option.ingredient}", indication, option, catalogue)


def _option(where: str, indication: str, option: Option, catalogue: Catalogue) -> Iterator[str]:
    yield from _unknown(where, [option.ingredient], catalogue.ingredients, "ingredient")
    yield from _unknown(f"{where}.evidence", option.evidence, catalogue.evidence, "entry of evidence.yaml")
    classes = (*option.without_exposure_to, *option.without_failure_of)
    yield from _unknown(where, classes, catalogue.classes, "class")
    item = catalogue.ingredients.get(option.ingredient)
    if item and indication not in item.uses():
        yield f"{where}: ingredients.yaml has no use for {indication!r}; add used_for with a source, or leave it out"
    for key in option.evidence:
        entry = catalogue.evidence.get(key)
        if entry and entry.verification not in {Verification.PRIMARY, Verification.SECONDARY}:
            yield f"{where}.evidence: {key!r} is {entry.verification.value}; cite a source that somebody opened"


def _monitoring(catalogue: Catalogue) -> Iterator[str]:
    content = catalogue.monitoring
    yield from _unknown("monitoring.yaml: rule", [content.rule], catalogue.rules, "rule of rules.yaml")
    for key, item in content.items.items():
        where = f"monitoring.yaml: items.{key}"
        yield from _unknown(f"{where}.needless_with", item.needless_with, catalogue.conditions, "group")
        if item.verification not in {Verification.PRIMARY, Verification.SECONDARY}:
            yield f"{where}: is {item.verification.value}; cite a source that somebody opened"
