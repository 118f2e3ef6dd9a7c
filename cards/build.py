"""One finding to one card, and the card that says that the check was not completed."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

import msgspec

from cards.catalogue import Catalogue
from cards.course import INDUCTION_DAYS
from cards.detect import Coverage, Finding, Pair, Question, Relation, provisional
from cards.evidence import EvidenceLine, evidence_lines
from cards.exposure import Basis, Contribution, Exposure
from cards.history import History
from cards.history_text import history_paragraph
from cards.model import (
    Action,
    Card,
    Gap,
    Hook,
    Indicator,
    MedicationFact,
    Paragraph,
    State,
    Suggestion,
)
from cards.problems import Problems
from cards.schema.evidence import CERTAINTIES
from cards.schema.ingredients import Category
from cards.schema.rules import AGE_65, Label, Rule
from cards.standing import Standing, footer, reasons, standing, subjects_in_words, topic
from cards.table import is_last_dose, table
from cards.text import capital, day, escape, fit, listed, plain

LONGEST_SUMMARY = 139
_LONGEST_WRITTEN = 100
_LONGEST_IN_LABEL = 80
INCOMPLETE = "incomplete"
_GAPS = tuple(Gap)
_MEDICATION_GAPS = frozenset(gap for gap in Gap if gap.startswith(("medication", "other-patient")))
_PROBLEMS_PARTIAL = frozenset({Gap.CONDITIONS_PAGED, Gap.CONDITION_UNREADABLE})


def build(
    finding: Finding,
    problems: Problems,
    gaps: Mapping[Gap, int],
    catalogue: Catalogue,
    ask: Question,
    tried: History | None = None,
) -> Card:
    """Return the card of a finding; `tried` is the treatment history, which bowel disease and a biologic show."""
    # The summary names the loudest pair.
    lead = finding.pairs[0]
    always = catalogue.once(standing, finding.rule, lead.subject.ingredient, ask.jurisdiction, ask.policy.disabled)
    return _Builder(
        finding,
        problems,
        gaps,
        catalogue,
        ask,
        tried,
        lead=lead,
        exposures=finding.exposures,
        removable=_removable(finding, catalogue, problems),
        always=always,
        rule=always.rule,
        label=always.label,
        lines=catalogue.wording.lines,
        names=catalogue.names,
    ).card()


class _Builder(msgspec.Struct, frozen=True):
    finding: Finding
    problems: Problems
    gaps: Mapping[Gap, int]
    catalogue: Catalogue
    ask: Question
    tried: History | None
    lead: Pair
    exposures: tuple[Exposure, ...]
    removable: tuple[tuple[Exposure, MedicationFact], ...]
    always: Standing
    rule: Rule
    label: Label
    lines: Mapping[str, str]
    names: Mapping[str, str]

    def card(self) -> Card:
        drafts = {fact.ref for item in self.exposures for fact in item.drafts}
        paragraphs = tuple(self._paragraphs())
        return Card(
            key=self.finding.rule,
            indicator=self.finding.indicator,
            summary=self._summary(),
            detail=fit(paragraphs),
            source_label=self.label.name,
            source_url=self.label.url,
            topic=self.always.topic,
            suggestions=tuple(self._deletes()),
            override_reasons=self.always.reasons,
            drafts=tuple(sorted(drafts)),
            paragraphs=paragraphs,
        )

    def _like_lead(self) -> list[Pair]:
        """Return the pairs of the lead's relation, the lead first: the others are only in the table."""
        return [pair for pair in self.finding.pairs if pair.relation is self.lead.relation]

    # The summary.

    def _summary(self) -> str:
        """Return the first summary that is short enough: an infection that makes the card louder is said if it fits."""
        written = self._summaries()
        louder = [f"{text.removesuffix('.')} {self._infected}" for text in written] if self.problems.infections else []
        fitting = (text for text in (*louder, *written) if len(text) <= LONGEST_SUMMARY)
        return next(fitting, written[-1][:LONGEST_SUMMARY])

    @property
    def _infected(self) -> str:
        return self.catalogue.wording.summary["infection"].format(infection=self._infections().lower())

    def _infections(self) -> str:
        groups = dict.fromkeys(item.group for item in self.problems.infections)
        return listed([self.catalogue.conditions[group].name for group in groups])

    def _summaries(self) -> list[str]:
        """Return the summaries to choose from, the one that says most first."""
        more = len(self._like_lead()) - 1
        said = self.catalogue.wording.summary["more"].format(count=more) if more else ""
        if self.lead.relation is Relation.RECENT:
            return [self._recent_summary(said)]
        if self.lead.relation is Relation.SEQUENTIAL:
            return [self._sequential("summary", more=f",{said}" if said else "")]
        clause = self.rule.clause(self.ask.jurisdiction, self.lead.indication)
        keys = ("not-named", "not-named-short") if self.lead.coverage is Coverage.NOT_NAMED else ("overlap",)
        partner = self.names[self.lead.partner.ingredient]
        texts = (self.catalogue.wording.summary[key] for key in keys)
        return [
            text.format(
                subject=capital(self.names[self.lead.subject.ingredient]),
                partner=partner,
                partner_plain=partner,
                more=said,
                short=self.label.short,
                verb=clause.verb or self.label.verb,
                advice=self.label.advice,
                partners_word=clause.partners_word,
            )
            for text in texts
        ]

    def _recent_summary(self, more: str) -> str:
        ordered, ended = _ordered_first(self.lead)
        deciding = ended.deciding
        return self.catalogue.wording.summary[_how_ended(deciding, alone=not more)].format(
            ordered=capital(self.names[ordered.ingredient]),
            ended=self.names[ended.ingredient],
            more=more,
            date=day(deciding.stop or deciding.last),
        )

    def _sequential(self, part: str, **extra: str) -> str:
        first = self.lead.subject if self.lead.first == self.lead.subject.ingredient else self.lead.partner
        second = self.lead.partner if first is self.lead.subject else self.lead.subject
        end, start = self.lead.handover or (None, None)
        texts = self.catalogue.wording.summary if part == "summary" else self.lines
        return texts["sequential"].format(
            first=self.names[first.ingredient],
            second=self.names[second.ingredient],
            end=day(end),
            start=day(start),
            **extra,
        )

    # The detail, most important first.

    def _paragraphs(self) -> Iterator[Paragraph]:
        yield Paragraph(self._opening())
        yield Paragraph(table(self.exposures, self.catalogue, self.ask.on))
        yield from self._infection()
        yield from self._cautions()
        yield from self._risks()
        yield Paragraph(self._why())
        yield Paragraph(self._indication())
        yield from self._history()
        yield from self._remarks()
        yield from self._evidence()
        yield from self._partner_labels()
        if self.finding.loud:
            yield from self.always.loud
        yield from self._doubts()
        yield from self._conventions()
        yield Paragraph(self._footer())

    def _opening(self) -> str:
        pairs = listed(
            [
                f"{self.names[pair.subject.ingredient]} + {self.names[pair.partner.ingredient]}"
                for pair in self._like_lead()[:4]
            ]
        )
        common = {"pairs": capital(pairs), "label": self.label.name, "section": self.label.section}
        clause = self.rule.clause(self.ask.jurisdiction, self.lead.indication)
        strength = clause.strength or self.label.strength
        if self.lead.relation is Relation.SEQUENTIAL:
            return self._sequential("lines", pairs=common["pairs"])
        if self.lead.relation is Relation.RECENT:
            return self.lines["recent"].format(**common, strength=strength, washout=self._washouts())
        named = self.lead.coverage is not Coverage.NOT_NAMED
        return self.lines["overlap" if named else "overlap-not-named"].format(
            **common,
            strength=strength,
            advice=self.label.advice,
            partners_word=clause.partners_word,
            partner=self.names[self.lead.partner.ingredient],
            warning=self.label.warning,
            action=self.lines[self._action()].format(partner=self.names[self.lead.partner.ingredient]),
        )

    def _action(self) -> str:
        if self.lead.quiet:
            return "action-review"
        if self._protected(self.lead.partner):
            return "action-transplant"
        if self.problems.infections:
            return "action-infection"
        return "action-keep-one" if self.removable else "action-existing"

    def _washouts(self) -> str:
        ended = [_ordered_first(pair)[1] for pair in self._like_lead()[:3]]
        return listed([f"{self.names[item.ingredient]} counted until {day(item.deciding.until)}" for item in ended])

    def _infection(self) -> Iterator[Paragraph]:
        if not self.problems.infections:
            return
        undated = "" if all(item.dated for item in self.problems.infections) else self.lines["undated"]
        yield Paragraph(self.lines["infection"].format(infection=self._infections(), undated=undated))

    def _risks(self) -> Iterator[Paragraph]:
        """One line for each risk on record that the label speaks of, where the drugs overlap."""
        if self.lead.relation is not Relation.OVERLAP:
            return
        present = set(self.problems.risks)
        lines = [
            self.lines["risk"].format(risk=self._risk_name(group), text=note.text)
            for group, note in self.label.risks.items()
            if group in present
        ]
        if lines:
            yield Paragraph(self.lines["risks"].format(risks="\n".join(lines)))

    def _risk_name(self, group: str) -> str:
        if group == AGE_65:
            return self.lines["age-65"].format(age=self.problems.age)
        return self.catalogue.conditions[group].name

    def _cautions(self) -> Iterator[Paragraph]:
        """What must not be overlooked: replaced orders, no abrupt stop, gaps of the record."""
        for pair in self.finding.pairs:
            _, other = _ordered_first(pair)
            if any(item.basis is Basis.REPLACED for item in other.contributions):
                yield Paragraph(self.lines["replaced"].format(partner=capital(self.names[other.ingredient])))
            if self._protected(pair.partner):
                yield Paragraph(self.lines["no-abrupt-stop"].format(partner=self.names[pair.partner.ingredient]))
            if pair.quiet:
                yield Paragraph(self.lines["quiet"].format(partner=capital(self.names[pair.partner.ingredient])))
        if told := gap_texts(self.gaps, self.catalogue, medications_only=True):
            yield Paragraph(self.lines["gaps"].format(reasons=listed(told)))

    def _why(self) -> str:
        """Quote each sentence that decides, with what it says of the partners that it decides for."""
        groups: dict[str, list[Pair]] = {}
        for pair in self.finding.pairs[:4]:
            groups.setdefault(self.label.sentence(pair.indication).text, []).append(pair)
        return "\n\n".join(self._quoted(pairs) for pairs in groups.values())

    def _quoted(self, pairs: Sequence[Pair]) -> str:
        why = self.catalogue.once(_why, self.ask.jurisdiction, self.lead.subject.ingredient, pairs[0].indication)
        return " ".join((why, *self._coverages(pairs)))

    def _coverages(self, pairs: Sequence[Pair]) -> Iterator[str]:
        for pair in pairs:
            clause = self.rule.clause(self.ask.jurisdiction, pair.indication)
            yield self.lines[pair.coverage].format(
                partner=capital(self.names[pair.partner.ingredient]),
                partners_word=clause.partners_word if pair.coverage is Coverage.COVERED else self.rule.partners_word,
            )

    def _indication(self) -> str:
        told = self._indication_told()
        if _PROBLEMS_PARTIAL & self.gaps.keys():
            return f"{told} {self.lines['problems-partial']}"
        # Where the order states the indication, nothing else tells that infections and risks were not looked at.
        unread = not self.problems.supplied and self.lead.by_order
        return f"{told} {self.lines['problems-unread']}" if unread else told

    def _indication_told(self) -> str:
        group = self.lead.indication
        if group is None:
            return self.lines[self._why_no_indication()]
        name = self.catalogue.conditions[group].name
        if self.lead.by_order:
            return self.lines["indication-order"].format(indication=name)
        others = [self.catalogue.conditions[item].name for item in self.problems.indications if item != group]
        return self.lines["indication-record"].format(
            indication=name,
            provisional=self.lines["provisional"] if provisional(self.problems, group) else "",
            others=self.lines["others"].format(others=listed(others)) if others else "",
        )

    def _why_no_indication(self) -> str:
        if self.problems.supplied:
            return "indication-none"
        return "indication-failed" if Gap.CONDITIONS_FAILED in self.gaps else "indication-not-supplied"

    def _history(self) -> Iterator[Paragraph]:
        """Tell what was tried, where a biologic is added in Crohn's disease or ulcerative colitis."""
        biologic = self.catalogue.drug_class(self.lead.partner.ingredient).category is Category.BIOLOGIC
        if self.tried and self.finding.loud and biologic and self.lead.indication in INDUCTION_DAYS:
            yield Paragraph(history_paragraph(self.tried, self.catalogue, self.lead.subject.ingredient), drop=1)

    def _remarks(self) -> Iterator[Paragraph]:
        partners = {pair.partner.ingredient for pair in self.finding.pairs}
        for remark in self.rule.remarks:
            classes = {self.catalogue.ingredients[key].class_id for key in partners}
            if partners & set(remark.ingredients) or classes & set(remark.classes):
                yield Paragraph(remark.text)

    def _partner_labels(self) -> Iterator[Paragraph]:
        """What the other label says, or plainly that the statement stands on one side only."""
        for partner in dict.fromkeys(pair.partner.ingredient for pair in self.finding.pairs[:3]):
            yield self.catalogue.once(_partner_label, partner)

    def _evidence(self) -> Sequence[Paragraph]:
        if not self.finding.loud:
            return ()
        partners = tuple([pair.partner.ingredient for pair in self._like_lead()])
        if len(partners) > 1:
            # There are too many sets of partners to keep what is said of each.
            return _evidence(self.catalogue, self.finding.rule, partners)
        return self.catalogue.once(_evidence, self.finding.rule, partners)

    def _doubts(self) -> Iterator[Paragraph]:
        facts = {item.fact.ref: (each, item.fact) for each in self.exposures for item in each.contributions}
        for exposure, fact in facts.values():
            if fact.disagreement:
                named = self.catalogue.names[fact.disagreement]
                text = self.lines["disagreement"].format(ingredient=self.names[exposure.ingredient], named=named)
                yield Paragraph(text, drop=1)
            for doubt in fact.doubts[:1]:
                text = self.lines["doubt"].format(ingredient=self.names[exposure.ingredient], doubt=escape(doubt, 120))
                yield Paragraph(text, drop=1)

    def _conventions(self) -> Iterator[Paragraph]:
        for exposure in self.exposures:
            item = exposure.deciding
            recent = exposure.state is State.RECENT
            if not _window_decided(item, recent=recent):
                continue
            if item.window.washout_convention if recent else item.window.dosing_convention:
                days = item.window.washout if recent else item.window.dosing
                yield Paragraph(
                    self.lines["convention"].format(ingredient=self.names[exposure.ingredient], days=days), drop=3
                )

    def _footer(self) -> str:
        parts = [self.always.footer]
        if not self.always.approved(self.ask.on):
            parts.append(self.lines["not-approved"])
        if self.finding.lowered:
            parts.append(self.lines["lowered"].format(indicator=self.finding.indicator.value))
        if exception := self.finding.exception:
            reason = self.catalogue.override_reasons[exception.reason].display
            until = day(exception.until)
            parts.append(self.lines["exception"].format(date=day(exception.on), reason=reason, until=until))
        return " ".join(parts)

    # The suggestions.

    def _deletes(self) -> Iterator[Suggestion]:
        if not self.finding.loud:
            return
        for exposure, fact in self.removable:
            same = [other for item, other in self.removable if item is exposure]
            label = self._delete_label(exposure, fact, same)
            text = self._delete_label(exposure, fact, [fact])
            action = Action("delete", text, resource_id=fact.ref, written=self._written(exposure, fact))
            yield Suggestion(f"delete {fact.ref}", label, (action,))

    def _delete_label(self, exposure: Exposure, fact: MedicationFact, same: Sequence[MedicationFact]) -> str:
        """Return the label of a removal; of several drafts of one medicine it says which one goes."""
        texts, name = self.catalogue.wording.suggestions, self.names[exposure.ingredient]
        if len(same) == 1:
            return texts["delete"].format(ingredient=name)
        written = [plain(item.text, _LONGEST_IN_LABEL) for item in same]
        here = written[same.index(fact)]
        which = here if here and written.count(here) == 1 else f"{same.index(fact) + 1} of {len(same)}"
        return texts["delete-one"].format(ingredient=name, which=which)

    def _written(self, exposure: Exposure, fact: MedicationFact) -> str:
        text = plain(fact.text, _LONGEST_WRITTEN)
        return "" if text.casefold() == self.names[exposure.ingredient].casefold() else text

    def _protected(self, exposure: Exposure) -> bool:
        return _protected(exposure, self.catalogue, self.problems)


def _removable(
    finding: Finding, catalogue: Catalogue, problems: Problems
) -> tuple[tuple[Exposure, MedicationFact], ...]:
    """Return the drafts that can be taken back: new ones, of pairs that overlap."""
    pairs = [pair for pair in finding.pairs if pair.relation is Relation.OVERLAP and not pair.quiet]
    exposures = {item.ingredient: item for pair in pairs for item in pair.exposures}.values()
    removable = {
        fact.ref: (item, fact)
        for item in exposures
        if item.established is not State.CURRENT and not _protected(item, catalogue, problems)
        for fact in item.drafts
        if fact.addressable and fact.status in {"draft", None}
    }
    return tuple(removable.values())


def _protected(exposure: Exposure, catalogue: Catalogue, problems: Problems) -> bool:
    """Say whether a medicine may keep a transplant alive and must not be removed with one click."""
    category = catalogue.drug_class(exposure.ingredient).category
    return category is Category.IMMUNOSUPPRESSANT and problems.transplant


# What is worded once for each catalogue.


def _why(catalogue: Catalogue, jurisdiction: str, subject: str, indication: str | None) -> str:
    """Quote the sentence of a label on an indication."""
    label, lines = catalogue.jurisdictions[jurisdiction].labels[subject], catalogue.wording.lines
    sentence = label.sentence(indication)
    secondary = lines["secondary"] if sentence.verification != "primary" else ""
    return lines["why"].format(sentence=sentence.text, revision=label.revision, secondary=secondary)


def _partner_label(catalogue: Catalogue, partner: str) -> Paragraph:
    known, name = catalogue.wording.partner_label(partner), catalogue.names[partner]
    text = catalogue.wording.lines["partner-label" if known else "partner-label-none"]
    return Paragraph(text.format(partner=name, text=known.text if known else ""), drop=2)


def _evidence(catalogue: Catalogue, rule: str, partners: tuple[str, ...]) -> tuple[Paragraph, ...]:
    """Tell what is known of a combination; of its lines the least important goes before anything else."""
    found = evidence_lines(catalogue.rules[rule], partners, catalogue)
    first = min((line.place for line in found), default=0)
    items = [
        Paragraph(_evidence_item(catalogue, line), drop=3 if line.place == first else 4 + line.place, item=True)
        for line in found
    ]
    return (Paragraph(catalogue.wording.lines["evidence"], drop=2), *items) if items else ()


def _evidence_item(catalogue: Catalogue, line: EvidenceLine) -> str:
    lines, rated = catalogue.wording.lines, line.certainty != CERTAINTIES[-1]
    certainty = lines["certainty"].format(certainty=line.certainty) if rated else ""
    return lines["evidence-item"].format(line=line.text, certainty=certainty)


def incomplete(
    gaps: Mapping[Gap, int],
    catalogue: Catalogue,
    ask: Question,
    drafts: Sequence[MedicationFact],
    subjects: Sequence[str] = (),
) -> Card:
    """Return the card that says that the check was not completed; `subjects` are the subject drugs that are drafted."""
    wording = catalogue.wording
    reasons_told = listed(gap_texts(gaps, catalogue, medications_only=True))
    about = subjects or catalogue.subjects_in(ask.jurisdiction, ask.policy.disabled)
    name = listed([catalogue.names[key] for key in about])
    every = subjects_in_words(catalogue, ask.jurisdiction, ask.policy.disabled)
    text = wording.lines["incomplete"].format(reasons=reasons_told, subject=name, subjects=every)
    loud = bool(subjects) and ask.hook is not Hook.PATIENT_VIEW
    return Card(
        key=INCOMPLETE,
        indicator=Indicator.WARNING if loud else Indicator.INFO,
        summary=wording.summary["incomplete"].format(subject=capital(name)),
        detail=fit([Paragraph(text), Paragraph(footer(catalogue, ask.jurisdiction, ask.policy.disabled))]),
        source_label=wording.incomplete.source,
        source_url=None,
        topic=topic(catalogue, wording.incomplete.topic),
        override_reasons=reasons(catalogue, wording.incomplete.override_reasons),
        drafts=tuple(sorted(fact.ref for fact in drafts)),
    )


def gap_texts(gaps: Mapping[Gap, int], catalogue: Catalogue, *, medications_only: bool = False) -> list[str]:
    """Return what is missing from the record, in words."""
    told = [gap for gap in gaps if gaps[gap] and (gap in _MEDICATION_GAPS or not medications_only)]
    return [catalogue.wording.gaps[gap].format(count=gaps[gap]) for gap in sorted(told, key=_GAPS.index)]


def _window_decided(item: Contribution, *, recent: bool) -> bool:
    """Say whether the state rests on a window: an order in force rests on its status, a dispense on its supply too."""
    if recent:
        return item.basis is not Basis.REPLACED
    if item.basis is Basis.DISPENSE:
        return bool(item.fact.given and item.until == item.fact.given + timedelta(days=item.window.dosing))
    return item.basis in {Basis.ADMINISTRATION, Basis.LAPSE}


def _how_ended(item: Contribution, *, alone: bool) -> str:
    """Return the summary that says how a medicine came to be recent: nothing is called ended that nobody ended."""
    if item.basis is Basis.REPLACED and alone:
        return "recent-replaced"
    if is_last_dose(item):
        return "recent-last-dose"
    return "recent" if item.stop_dated and (item.stop or item.last) else "recent-undated"


def _ordered_first(pair: Pair) -> tuple[Exposure, Exposure]:
    """Return the ordered side of a pair and the other one."""
    if pair.subject.state is State.ORDERED:
        return pair.subject, pair.partner
    return pair.partner, pair.subject
