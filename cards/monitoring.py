"""The monitoring card: what can be ordered with a combination that is about to be signed all the same."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import msgspec

from cards.catalogue import Catalogue
from cards.detect import Finding, Pair, Question
from cards.model import Action, Card, Hook, Indicator, Paragraph, SelectionBehavior, ServiceOrder, Suggestion
from cards.options import loud_pairs
from cards.problems import Problems
from cards.schema.monitoring import MonitoringItem
from cards.schema.part import Verification
from cards.standing import topic
from cards.text import fit, words

MONITORING = "monitoring"


def monitoring_card(
    met: Sequence[Finding], problems: Problems, services: Collection[str], catalogue: Catalogue, ask: Question
) -> Card | None:
    """Return the card where a loud pair of the rule is about to be signed, else None.

    What is in `services`, the texts ordered in this session, is not suggested again, nor is what the record has
    answered already; with nothing left to order there is no card.
    """
    rule = catalogue.monitoring.rule
    finding = next((item for item in met if item.rule == rule and item.loud), None)
    if finding is None or ask.hook is not Hook.ORDER_SIGN:
        return None
    ordered = [words(text) for text in services]
    open_items = {key: item for key, item in catalogue.monitoring.items.items() if not _is_ordered(item, ordered)}
    card = _Builder(loud_pairs(finding), problems, open_items, catalogue, ask)
    return card.card() if card.suggested else None


def _is_ordered(item: MonitoringItem, ordered: Iterable[list[str]]) -> bool:
    """Say whether one of the texts, as words, names the order, or holds other words for it."""
    name, phrases = words(item.order), [words(phrase) for phrase in item.also]
    return any(text == name or any(_holds(text, phrase) for phrase in phrases) for text in ordered)


def _holds(text: list[str], phrase: list[str]) -> bool:
    starts = range(len(text) - len(phrase) + 1)
    return any(text[start : start + len(phrase)] == phrase for start in starts)


class _Builder(msgspec.Struct, frozen=True):
    pairs: tuple[Pair, ...]
    problems: Problems
    items: Mapping[str, MonitoringItem]
    catalogue: Catalogue
    ask: Question

    def card(self) -> Card:
        content = self.catalogue.monitoring
        exposures = [item for pair in self.pairs for item in pair.exposures]
        paragraphs = tuple(self._paragraphs())
        return Card(
            key=MONITORING,
            indicator=Indicator.INFO,
            summary=self._say("summary", drugs=self._drugs),
            detail=fit(paragraphs),
            source_label=content.source.label,
            source_url=content.source.url,
            topic=topic(self.catalogue, content.topic),
            suggestions=tuple(self._suggestion(key, item) for key, item in self.suggested.items()),
            drafts=tuple(sorted({fact.ref for item in exposures for fact in item.drafts})),
            selection=SelectionBehavior.ANY,
            paragraphs=paragraphs,
        )

    @property
    def suggested(self) -> Mapping[str, MonitoringItem]:
        """Return the orders that the record leaves something to find out by."""
        return {key: item for key, item in self.items.items() if not self._on_record(item)}

    def _on_record(self, item: MonitoringItem) -> str | None:
        """Return the problem on record with which the order is needless."""
        problems = self.problems
        groups = {*(each.group for each in problems.infections), *(each.group for each in problems.others)}
        return next((key for key in item.needless_with if key in groups), None)

    def _say(self, key: str, **fields: object) -> str:
        return self.catalogue.wording.monitoring[key].format(**fields)

    @property
    def _drugs(self) -> str:
        partners = [self.catalogue.names[pair.partner.ingredient] for pair in self.pairs]
        subject = self.catalogue.ingredients[self.pairs[0].subject.ingredient].name
        more = f" and {len(partners) - 1} more" if len(partners) > 1 else ""
        return f"{subject} + {partners[0]}{more}"

    def _suggestion(self, key: str, item: MonitoringItem) -> Suggestion:
        label = self._say("label", order=item.order)
        return Suggestion(
            kind=f"monitor {key}",
            label=label,
            actions=(Action("create", label, service=ServiceOrder(item.order)),),
            by_hand=self._say("label-by-hand", order=item.order),
            told=True,
        )

    def _paragraphs(self) -> Iterator[Paragraph]:
        lines, content = self.catalogue.wording.lines, self.catalogue.monitoring
        yield Paragraph(self._say("opening", drugs=self._drugs))
        yield Paragraph("\n".join(self._item(item) for item in self.suggested.values()))
        yield from (Paragraph(text) for item in self.items.values() if (text := self._remark(item)))
        yield Paragraph(self._say("source"))
        version = lines["version"].format(version=self.catalogue.version)
        approved = content.approval.holds(self.ask.on)
        yield Paragraph(version if approved else f"{version} {lines['not-approved']}")

    def _item(self, item: MonitoringItem) -> str:
        secondary = "" if item.verification is Verification.PRIMARY else self._say("secondary")
        return self._say("item", order=item.order, when=item.when, secondary=secondary)

    def _remark(self, item: MonitoringItem) -> str:
        """Return the warning of an order, and why it is left out where it is."""
        told = [item.warning] if item.warning else []
        if group := self._on_record(item):
            name = self.catalogue.conditions[group].name
            told.append(self._say("on-record", problem=name, order=_small(item.order)))
        return " ".join(told)


def _small(text: str) -> str:
    """Return a text with a small first letter, for the middle of a sentence."""
    return text[:1].lower() + text[1:]
