"""The options of a pair as a card: its suggestions, the reason for each, and what in this record led to it."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from cards.build import gap_texts
from cards.catalogue import Catalogue
from cards.detect import Question
from cards.history import Trial
from cards.kept import kept
from cards.model import Action, Card, Code, Gap, Indicator, Order, Paragraph, Suggestion
from cards.options import Change, Choice, Excluded, Form, Hold, Offer, TextOnly, order_code
from cards.schema.evidence import EvidenceEntry
from cards.schema.ingredients import Use
from cards.schema.options import Option
from cards.schema.part import Verification
from cards.standing import topic
from cards.text import capital, day, fit, listed

OPTIONS = "options"
_LONGEST_EVIDENCE = 4
_LABELS = {
    Form.KEEP: "label-keep",
    Form.CONTINUE: "label-alone",
    Form.MONOTHERAPY: "label-monotherapy",
    Form.INSTEAD: "label-consider",
}
_TOLD = (TextOnly.NO_SINGLE_ORDER, TextOnly.DRAFT_NOT_OURS, TextOnly.OTHER_DISEASE, TextOnly.WOULD_COMBINE)


def options_card(choice: Choice, gaps: Mapping[Gap, int], catalogue: Catalogue, ask: Question) -> Card:
    """Return the card of the options."""
    return _Builder(choice, gaps, catalogue, ask, catalogue.wording.options, catalogue.names).card()


class _Builder(msgspec.Struct, frozen=True, dict=True):
    choice: Choice
    gaps: Mapping[Gap, int]
    catalogue: Catalogue
    ask: Question
    words: Mapping[str, str]
    names: Mapping[str, str]

    def card(self) -> Card:
        source = self.catalogue.options.indications[self.choice.indication].source
        exposures = [item for pair in self.choice.pairs for item in pair.exposures]
        paragraphs = tuple(self._paragraphs())
        return Card(
            key=OPTIONS,
            indicator=Indicator.INFO,
            summary=self._say("summary", drugs=self._drugs, indication=self._indication),
            detail=fit(paragraphs),
            source_label=source.label,
            source_url=source.url,
            topic=topic(self.catalogue, self.catalogue.options.topic),
            suggestions=tuple(map(self._suggestion, self.choice.offers, self._items)),
            drafts=tuple(sorted({fact.ref for item in exposures for fact in item.drafts})),
            paragraphs=paragraphs,
        )

    def _say(self, key: str, **fields: object) -> str:
        return self.words[key].format(**fields)

    def _name(self, ingredient: str) -> str:
        return self.names[ingredient]

    def _names(self, ingredients: Sequence[str]) -> str:
        return listed([self.names[item] for item in ingredients])

    @property
    def _indication(self) -> str:
        return self.catalogue.conditions[self.choice.indication].name

    @property
    def _drugs(self) -> str:
        partners = [pair.partner.ingredient for pair in self.choice.pairs]
        more = f" and {len(partners) - 1} more" if len(partners) > 1 else ""
        return f"{self._name(self.choice.pairs[0].subject.ingredient)} + {self._name(partners[0])}{more}"

    # The suggestions.

    def _suggestion(self, offer: Offer, item: str) -> Suggestion:
        by_hand = self._label(offer, click=False)
        return Suggestion(
            kind=f"{offer.form} {offer.ingredient}",
            label=self._label(offer, click=True) if offer.changes else by_hand,
            actions=tuple(self._action(change, offer) for change in offer.changes) if offer.changes else (),
            recommended=offer.recommended,
            by_hand=by_hand,
            told=bool(item),
        )

    def _label(self, offer: Offer, *, click: bool) -> str:
        name, others = self.names[offer.ingredient], self._names(offer.instead_of)
        if offer.form is Form.INSTEAD and not others:
            return self._say("label-consider-new", name=name)
        if not others:
            return self._say("label-not-started", name=name, others=self._names(self._not_started(offer)))
        if offer.form is Form.INSTEAD and click:
            return self._say("label-instead", name=capital(name), others=others)
        return self._say(_LABELS[offer.form], name=name, others=others)

    def _not_started(self, offer: Offer) -> list[str]:
        """Return the drugs of the pair that are drafted and not taken yet."""
        members = dict.fromkeys(item.ingredient for pair in self.choice.pairs for item in pair.exposures)
        return [key for key in members if key != offer.ingredient]

    def _action(self, change: Change, offer: Offer) -> Action:
        name, others = self._name(change.ingredient), self._names(offer.instead_of)
        if change.type == "delete":
            return Action("delete", self._say("action-delete", name=name), resource_id=change.draft)
        order = Order(change.ingredient, self._code(change), name, change.replaces or "", others, change.needs_link)
        text = self._say(f"action-{change.type}", name=name, others=others)
        return Action(change.type, text, resource_id=change.draft, order=order)

    def _code(self, change: Change) -> Code:
        return order_code(change.ingredient, self.catalogue)

    # The detail.

    def _paragraphs(self) -> Iterator[Paragraph]:
        yield Paragraph(self._say("opening", drugs=self._drugs, indication=self._indication))
        if self.choice.holds:
            yield Paragraph(self._say("held", reasons=listed(list(self._holds()))))
        given = {offer.text_only for offer in self.choice.offers}
        yield from (Paragraph(self._told(reason)) for reason in _TOLD if reason in given)
        yield Paragraph("\n".join(line for line in self._items if line))
        listed_options = self.catalogue.options.indications[self.choice.indication]
        if self.choice.named_for:
            yield Paragraph(listed_options.named_for[self.choice.named_for].note)
        yield from (
            Paragraph(self._say("recommended", name=capital(self._name(offer.ingredient))))
            for offer in self.choice.offers
            if offer.recommended
        )
        yield Paragraph(self._biologics(), drop=1)
        yield Paragraph(" ".join(listed_options.notes))
        yield Paragraph(self._more(), drop=2)
        yield Paragraph("\n".join(f"- {entry.line}" for entry in self._evidence if entry.line), drop=3)
        yield Paragraph(self._footer())

    def _holds(self) -> Iterator[str]:
        for hold in self.choice.holds:
            if hold is Hold.RECORD_INCOMPLETE:
                yield from gap_texts(self.gaps, self.catalogue)
            elif hold is Hold.UNDER_AGE:
                yield self._say("held-under-age", years=self.catalogue.options.adult_from)
            else:
                yield self._say(f"held-{hold}")

    def _told(self, reason: TextOnly) -> str:
        others = self._names(next(item.instead_of for item in self.choice.offers if item.text_only is reason))
        fields = {"others": others or self._drugs} if reason is TextOnly.NO_SINGLE_ORDER else {}
        return self._say(f"text-{reason}", **fields)

    @kept
    def _items(self) -> tuple[str, ...]:
        """Return the line of each offer, empty for one that needs no more than its suggestion."""
        return tuple(self._item(offer) for offer in self.choice.offers)

    def _item(self, offer: Offer) -> str:
        if offer.form is Form.CONTINUE:
            others = self._names(self._not_started(offer))
            return self._say("item-alone", name=self._name(offer.ingredient), others=others)
        if offer.option is None:
            return ""
        key = "how-new" if not offer.instead_of else f"how-{offer.form}"
        others = self._names(offer.instead_of)
        return self._say(
            "item",
            name=self._name(offer.ingredient),
            how=self._say(key, **({"others": others} if others else {})),
            reason=offer.option.reason,
            level=self.catalogue.once(_level, self.choice.indication, offer.ingredient, offer.option.evidence),
            record=", ".join(self._record(offer, offer.option)),
        )

    def _record(self, offer: Offer, option: Option) -> Iterator[str]:
        """Yield what in this record led to the option."""
        if self.choice.named_for:
            yield self._say("on-record", problem=self.catalogue.conditions[self.choice.named_for].name.lower())
        if option.without_exposure_to and not self._exposed(option):
            yield self._say("no-exposure", names=self.catalogue.once(_classes, option.without_exposure_to))
        if option.without_failure_of:
            yield self._say("no-failure", names=self.catalogue.once(_classes, option.without_failure_of))
        if option.limited_exposure and self.choice.limited:
            yield self._say("limited", count=self.choice.tried)
        yield self._tried(offer.tried)

    def _tried(self, trial: Trial | None) -> str:
        if trial is None:
            return self._say("not-tried")
        if trial.last is None:
            return self._say("tried-undated")
        if trial.first is None:
            return self._say("tried-until", last=day(trial.last))
        return self._say("tried", first=day(trial.first), last=day(trial.last))

    def _exposed(self, option: Option) -> bool:
        return any(trial.class_id in option.without_exposure_to for trial in self.choice.past.biologics)

    def _biologics(self) -> str:
        named = [self._biologic(trial) for trial in self.choice.past.biologics]
        return self._say("biologics", names=", ".join(named)) if named else self._say("biologics-none")

    def _biologic(self, trial: Trial) -> str:
        ended = self._say("until", date=day(trial.last)) if trial.last else self._say("until-unknown")
        state = [
            self._say("in-force") if trial.in_force else ended,
            *([self._say("failed")] if trial.failed else []),
            *([self._say("intolerant")] if trial.intolerant else []),
        ]
        drug_class = self.catalogue.drug_class(trial.ingredient).name
        return self._say("biologic", name=self._name(trial.ingredient), drug_class=drug_class, state=", ".join(state))

    def _more(self) -> str:
        left = [key for key, reason in self.choice.left_out if reason is Excluded.NO_ROOM]
        return self._say("more", names=self._names(left)) if left else ""

    @kept
    def _evidence(self) -> list[EvidenceEntry]:
        shown = [item.option for item in self.choice.offers if item.option and item.form is not Form.CONTINUE]
        keys = dict.fromkeys(key for option in shown for key in option.evidence)
        return [self.catalogue.evidence[key] for key in list(keys)[:_LONGEST_EVIDENCE]]

    def _footer(self) -> str:
        lines = self.catalogue.wording.lines
        approvals = (self.catalogue.options.approval, *(entry.approval for entry in self._evidence))
        approved = all(approval.holds(self.ask.on) for approval in approvals)
        version = lines["version"].format(version=self.catalogue.version)
        return version if approved else f"{version} {lines['not-approved']}"


def _classes(catalogue: Catalogue, keys: Sequence[str]) -> str:
    return listed([catalogue.classes[key].name for key in keys])


def _level(catalogue: Catalogue, indication: str, ingredient: str, evidence: tuple[str, ...]) -> str:
    """Say how certain the evidence for an option is, or that the label alone stands behind it."""
    words, entries = catalogue.wording.options, [catalogue.evidence[key] for key in evidence]
    secondary = words["secondary"].format()
    if not entries:
        use = catalogue.ingredients[ingredient].used_for[indication]
        state = use.state if isinstance(use, Use) else use
        return words["level-label"].format(secondary="" if state is Verification.PRIMARY else secondary)
    certainty = " to ".join(dict.fromkeys(entry.certainty for entry in entries))
    copied = any(entry.verification is not Verification.PRIMARY for entry in entries)
    return words["level"].format(certainty=certainty, secondary=secondary if copied else "")
