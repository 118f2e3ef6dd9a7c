"""The monitoring card: what can be ordered with a combination that is about to be signed all the same."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from cards.build import topic
from cards.catalogue import Catalogue
from cards.detect import Finding, Pair, Question
from cards.model import Action, Card, Hook, Indicator, Paragraph, SelectionBehavior, ServiceOrder, Suggestion
from cards.options import loud_pairs
from cards.problems import Problems
from cards.schema.monitoring import MonitoringItem
from cards.schema.part import Verification
from cards.text import fit

MONITORING = "monitoring"


def monitoring_card(
    met: Sequence[Finding], problems: Problems, services: Collection[str], catalogue: Catalogue, ask: Question
) -> Card | None:
    """Return the card where a loud pair of the rule is about to be signed, else None.

    What is in `services`, the texts ordered in this session, is not suggested again; with all of it there is no card.
    """
    rule = catalogue.monitoring.rule
    finding = next((item for item in met if item.rule == rule and item.loud), None)
    if finding is None or ask.hook is not Hook.ORDER_SIGN:
        return None
    ordered = {text.casefold() for text in services}
    items = {key: item for key, item in catalogue.monitoring.items.items() if item.order.casefold() not in ordered}
    return _Builder(loud_pairs(finding), problems, items, catalogue, ask).card() if items else None


@dataclass(frozen=True, slots=True)
class _Builder:
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
            suggestions=tuple(self._suggestion(key, item) for key, item in self.items.items()),
            drafts=tuple(sorted({fact.ref for item in exposures for fact in item.drafts})),
            selection=SelectionBehavior.ANY,
            paragraphs=paragraphs,
        )

    def _say(self, key: str, **fields: object) -> str:
        return self.catalogue.wording.monitoring[key].format(**fields)

    @property
    def _drugs(self) -> str:
        partners = [self.catalogue.ingredients[pair.partner.ingredient].name for pair in self.pairs]
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
        yield Paragraph("\n".join(self._item(item) for item in self.items.values()))
        yield from (Paragraph(self._warning(item)) for item in self.items.values() if item.warning)
        yield Paragraph(self._say("source"))
        version = lines["version"].format(version=self.catalogue.version)
        approved = content.approval.holds(self.ask.on)
        yield Paragraph(version if approved else f"{version} {lines['not-approved']}")

    def _item(self, item: MonitoringItem) -> str:
        secondary = "" if item.verification is Verification.PRIMARY else self._say("secondary")
        return self._say("item", order=item.order, when=item.when, secondary=secondary)

    def _warning(self, item: MonitoringItem) -> str:
        on_record = any(problem.group == item.group for problem in self.problems.others)
        if not (item.group and on_record):
            return item.warning or ""
        return self._say("on-record", warning=item.warning, problem=self.catalogue.conditions[item.group].name)
